"""``napari-ood-seg info``."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_ood_seg.cli.options import Model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table
    from rich.text import Text


def info(
    model: Model,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole document of the file.")
    ] = False,
) -> None:
    """Tell what a model was trained on and how."""
    from rich.console import Console

    from napari_ood_seg.core.training.bundle import load_model, read_model

    load_model(model)  # raises if any part is damaged
    document, _ = read_model(model)
    if as_json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    Console().print(_table(document, title=model.name))


def _table(document: "Mapping[str, Any]", *, title: str) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in _facts(document).items():
        table.add_row(name, value)
    return table


def _facts(document: "Mapping[str, Any]") -> dict[str, "Text"]:
    """Return the rows of the table: what it is, and the value for a person."""
    from rich.text import Text

    from napari_ood_seg.cli.tables import class_name

    classes = [
        class_name(f"{c['id']} {c['name']}", c["color"]) for c in document["classes"]
    ]
    facts = {name: Text(value) for name, value in _lines(document).items()}
    return {"classes": Text("\n").join(classes), **facts}


def _lines(document: "Mapping[str, Any]") -> dict[str, str]:
    settings = document["settings"]
    return {
        "channels": _channels(document),
        "wavelengths": _wavelengths(document.get("wavelengths")),
        "pixel size": _pixel_size(document),
        "trained on": "\n".join(document.get("trained_on", ())),
        "strokes": f"{document.get('n_strokes', 0)}; held out in turn, whole or in "
        f"parts: {document['n_held_out']}",
        **_encoder(document),
        "detectors": "\n".join(settings["detectors"]),
        "filters": f"scales {_listed(settings['filters']['sigmas'])} pixels; "
        f"{_listed(settings['filters']['kinds'])}",
        "features": str(settings["filters"]["n_features"]),
        "shrinkage": str(settings["shrinkage"]),
        "versions": "\n".join(f"{k} {v}" for k, v in document["versions"].items()),
    }


def _encoder(document: "Mapping[str, Any]") -> dict[str, str]:
    """Return the rows of a pretrained encoder and of a network, if there are any."""
    rows = {}
    facts, network = document.get("encoder"), document.get("network")
    if facts is not None and "low" in facts:
        hub = facts.get("hub")
        where = "in the file" if hub is None else f"revision {hub['revision'][:8]}"
        rows["encoder"] = f"{facts['name']} ({where})"
    if network is not None:
        rows["network"] = str(network["name"])
    return rows


def _channels(document: "Mapping[str, Any]") -> str:
    names = document.get("channel_names") or ()
    number = str(document["n_channels"])
    return f"{number}: {_listed(names)}" if names else number


def _wavelengths(bands: list[float] | None) -> str:
    return f"{min(bands):g} to {max(bands):g} nm" if bands else "not known"


def _pixel_size(document: "Mapping[str, Any]") -> str:
    unit = document.get("unit", "pixel")
    if unit == "pixel":
        return "not known"
    height, width = document["pixel_size"]
    return f"{height:g} x {width:g} {unit}"


def _listed(values: "list[Any]") -> str:
    return ", ".join(str(v) for v in values)
