"""Model files: everything that prediction needs, in one safetensors file."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch

from napari_ood_seg.core.config import (
    FilterConfig,
    InstantConfig,
    PUConfig,
    SpectralConfig,
)
from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.features.backbone import Backbone
from napari_ood_seg.core.features.backbone_files import restored
from napari_ood_seg.core.features.channels import ChannelMap, ColorMap, Light
from napari_ood_seg.core.features.descriptor import Descriptor, Reduction
from napari_ood_seg.core.features.encoder import Encoder
from napari_ood_seg.core.io import hub
from napari_ood_seg.core.io.safe_file import read_document, write_document
from napari_ood_seg.core.models.instant import InstantModel
from napari_ood_seg.core.models.network import Network
from napari_ood_seg.core.ood.ensemble import Ensemble, select
from napari_ood_seg.core.ood.threshold import Calibration
from napari_ood_seg.core.training.crossfit import makers
from napari_ood_seg.core.types import ClassInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from napari_ood_seg.core.features.stages import StageEncoder

    Arrays = Mapping[str, npt.NDArray[np.generic]]

KIND: Final = "model"
SCHEMA_VERSION: Final = 2


def save_model(path: str | Path, model: InstantModel) -> None:
    """Write a model to `path`, by custom ``*.oodseg``.

    Raises
    ------
    OutputError
        If the file cannot be written; an older file of that name is then intact.
    """
    tensors = {k: v.cpu().contiguous().numpy() for k, v in _tensors(model).items()}
    write_document(path, kind=KIND, document=describe(model), tensors=tensors)


def load_model(path: str | Path) -> InstantModel:
    """Return the model in a file that `save_model` wrote.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged, truncated, not a model, or newer than
        this package.
    EncoderError
        If it was made with an encoder that is not on this machine.
    """
    document, arrays = read_model(path)
    try:
        return _restored(document, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"the model file {Path(path).name!r} is incomplete or damaged ({error}): "
            "train the model again"
        ) from error


def read_model(path: str | Path) -> tuple[dict[str, Any], Arrays]:
    """Return the document and the arrays of a model file.

    Raises
    ------
    FileFormatError
        As `load_model`, but for what the document leaves out.
    """
    return read_document(path, kind=KIND, oldest=SCHEMA_VERSION, newest=SCHEMA_VERSION)


def describe(model: InstantModel) -> dict[str, Any]:
    """Return the JSON document of a model: what it is, without the numbers."""
    channels, network = model.descriptor.channels, model.descriptor.network
    return {
        "schema_version": SCHEMA_VERSION,
        "engine": engine_of(model),
        "classes": [asdict(c) for c in model.classes],
        "n_channels": model.n_channels,
        "settings": asdict(model.config),
        "channels": {
            "scale": channels.scale,
            "light": None if channels.light is None else asdict(channels.light),
            "normalisation": channels.normalisation,
            "brightness": channels.brightness,
        },
        "encoder": _about(model.descriptor),
        "network": network.facts if isinstance(network, Network) else None,
        "n_held_out": model.calibration.n_strokes,
        "remarks": list(model.remarks),
        "versions": {
            "napari-ood-seg": version("napari-ood-seg"),
            "torch": version("torch"),
            "python": platform.python_version(),
        },
        **model.facts,
    }


def engine_of(model: InstantModel) -> str:
    """Return ``deep`` if a network was trained for the model, else ``instant``."""
    return "instant" if model.descriptor.network is None else "deep"


def _about(descriptor: Descriptor) -> dict[str, Any] | None:
    """Return what a model file tells about the encoder, besides its weights."""
    encoder, colors = descriptor.encoder, descriptor.colors
    if encoder is None or colors is None:
        return None
    facts = {
        "name": encoder.name,
        "low": colors.low,
        "high": colors.high,
        "gamma": colors.gamma,
    }
    return {**facts, **encoder.facts()} if isinstance(encoder, Backbone) else facts


def _weights(descriptor: Descriptor) -> dict[str, Tensor]:
    """Return the weights of the encoder, unless others can have them from a hub."""
    encoder = descriptor.encoder
    if encoder is None or (isinstance(encoder, Backbone) and encoder.origin):
        return {}
    return dict(encoder.weights)


def _tensors(model: InstantModel) -> dict[str, Tensor]:
    colors, network = model.descriptor.colors, model.descriptor.network
    parts = {
        "channels": {
            "mean": model.descriptor.channels.mean,
            "basis": model.descriptor.channels.basis,
        },
        "reduction": {
            f"{i}/{k}": getattr(r, k)
            for i, r in enumerate(model.descriptor.reductions)
            for k in ("mean", "scale", "basis")
        },
        "ensemble": model.ensemble.tensors(),
        "encoder": _weights(model.descriptor),
        "network": {} if network is None else dict(network.weights),
        "colors": {"basis": colors.basis} if colors is not None else {},
        "calibration": {"quantiles": model.calibration.quantiles},
    }
    return {f"{part}/{k}": v for part, own in parts.items() for k, v in own.items()}


def _restored(document: dict[str, Any], arrays: Arrays) -> InstantModel:
    parts: dict[str, dict[str, Tensor]] = {}
    for key, array in arrays.items():
        part, _, name = key.partition("/")
        parts.setdefault(part, {})[name] = torch.from_numpy(array.copy())
    config = _config(document["settings"])
    descriptor = _descriptor(document, config.filters, parts)
    n_levels = len(descriptor.reductions)
    return InstantModel(
        config=config,
        classes=tuple(ClassInfo(**c) for c in document["classes"]),
        descriptor=descriptor,
        ensemble=Ensemble.restored(makers(config), n_levels, parts["ensemble"]),
        calibration=Calibration(
            quantiles=parts["calibration"]["quantiles"],
            n_strokes=int(document["n_held_out"]),
        ),
        remarks=tuple(document["remarks"]),
        facts={k: document[k] for k in _FACTS if k in document},
    )


_FACTS: Final = (
    "channel_names",
    "wavelengths",
    "pixel_size",
    "unit",
    "trained_on",
    "n_strokes",
)


def _descriptor(
    document: dict[str, Any],
    filters: FilterConfig,
    parts: Mapping[str, Mapping[str, Tensor]],
) -> Descriptor:
    about = document["channels"]
    light = about["light"]
    channels = ChannelMap(
        light=None if light is None else Light(**light),
        scale=float(about["scale"]),
        normalisation=str(about.get("normalisation", "l1" if light else "none")),
        brightness=bool(about.get("brightness", light is not None)),  # as it once was
        **parts["channels"],
    )
    return Descriptor(
        config=filters,
        n_channels=int(document["n_channels"]),
        channels=channels,
        reductions=tuple(
            Reduction(**select(parts["reduction"], f"{i}/"))
            for i in range(len(parts["reduction"]) // 3)
        ),
        **_encoder(document["encoder"], parts),
        **_network(document.get("network"), parts.get("network", {})),
    )


def _encoder(
    facts: dict[str, Any] | None, parts: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, Any]:
    if facts is None:
        return {}
    if "sizes" in facts:  # of files from when a network was taken for an encoder
        return _network(facts, parts["encoder"])
    encoder: StageEncoder
    if "hub" in facts:
        encoder = restored(facts, parts.get("encoder", {}), _folder(facts))
    else:
        encoder = Encoder.from_weights(parts["encoder"], name=facts["name"])
    return {
        "encoder": encoder,
        "colors": ColorMap(
            low=float(facts["low"]),
            high=float(facts["high"]),
            gamma=float(facts.get("gamma", 1.0)),
            **parts["colors"],
        ),
    }


def _network(
    facts: dict[str, Any] | None, weights: Mapping[str, Tensor]
) -> dict[str, Any]:
    return {} if facts is None else {"network": Network.restored(facts, weights)}


def _folder(facts: dict[str, Any]) -> Path | None:
    """Return where the weights of an encoder from the hub are on this machine."""
    if facts["hub"] is None:
        return None
    found = hub.find(facts["name"], facts["hub"]["revision"])
    return None if found is None else found.folder


def _config(settings: dict[str, Any]) -> InstantConfig:
    plain = dict(settings)
    filters = dict(plain.pop("filters"))
    for name in ("sigmas", "kinds"):
        filters[name] = tuple(filters[name])
    filters.setdefault("brightness", True)  # as it was before there was a choice
    filters.setdefault("halve_from", 3.0)
    plain["detectors"] = tuple(plain["detectors"])
    spectra = dict(plain.pop("spectra", {"like_others": True}))  # as it was before
    for name in ("sigmas", "kinds"):
        if name in spectra:
            spectra[name] = tuple(spectra[name])
    return InstantConfig(
        filters=FilterConfig(**filters),
        pu=PUConfig(**plain.pop("pu")),
        spectra=SpectralConfig(**spectra),
        **plain,
    )
