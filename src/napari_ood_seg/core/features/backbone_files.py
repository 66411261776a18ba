"""Make backbones from folders of weights, from downloads and from model files."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import torch

from napari_ood_seg.core.config.deep import WINDOW
from napari_ood_seg.core.errors import EncoderError
from napari_ood_seg.core.features.backbone import Backbone, Origin, maps_of
from napari_ood_seg.core.features.windows import COARSEST
from napari_ood_seg.core.io.files import READ_ERRORS, reason
from napari_ood_seg.core.io.hub import CONFIG, INSTALL, WEIGHTS, digest, weight_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_ood_seg.core.features.backbone import Color

IMAGENET: Final = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and spread that an encoder expects if it does not say."""

_FEW: Final = 5
"""Backbones with no more stages than these are hierarchical."""

_HARMLESS: Final = ("hidden_states_norms.", "pooler.")
"""Weights that classifiers lack: norms that begin as the identity, or unused ones."""


def load_backbone(folder: Path, *, name: str, origin: Origin | None = None) -> Backbone:
    """Return the backbone in a folder that ``save_pretrained`` or a download made.

    Raises
    ------
    EncoderError
        If transformers is not installed, or the folder has no backbone that can be
        used, or its weights are damaged or another model's.
    """
    with _quietly(name):
        config = _configured(folder, name)
        if not weight_files(folder):
            raise EncoderError(
                f"the encoder {name!r} has no whole {WEIGHTS} in {str(folder)!r}: "
                "download it again, or save it with save_pretrained"
            )
        module, info = _kind_of(config).from_pretrained(
            str(folder),
            config=config,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
        _require_whole(info, name)
        mean, std = _colors(folder)
        return _frozen(module, name=name, origin=origin, mean=mean, std=std)


def restored(
    facts: Mapping[str, Any], weights: Mapping[str, Tensor], folder: Path | None
) -> Backbone:
    """Return the backbone that a model file tells of.

    Parameters
    ----------
    facts
        As `Backbone.facts` gave them.
    weights
        Of the module, if they are in the file.
    folder
        Else where those from the hub are; `None` if they are not on this machine.

    Raises
    ------
    EncoderError
        If it is not there, or has other weights.
    """
    name, hub = str(facts["name"]), facts["hub"]
    if hub is None:
        return rebuilt(facts, weights)
    if folder is None:
        raise EncoderError(
            f"the model needs the encoder {name!r} (revision {hub['revision'][:8]}), "
            "which is not on this machine: download it in the settings or with "
            f"'napari-ood-seg encoders download {name}'"
        )
    origin = Origin(name=name, revision=hub["revision"], sha256=digest(folder))
    if origin.sha256 != hub["sha256"]:
        raise EncoderError(
            f"the encoder {name!r} on this machine has other weights than the model "
            f"was made with: delete {str(folder)!r}, then download it again"
        )
    return load_backbone(folder, name=name, origin=origin)


def rebuilt(
    facts: Mapping[str, Any], weights: Mapping[str, Tensor] | None = None
) -> Backbone:
    """Return the backbone that `facts` tell of, with random weights if none are given.

    Raises
    ------
    EncoderError
        If transformers is missing or does not know it, or the weights do not fit.
    """
    name = str(facts["name"])
    with _quietly(name):
        from transformers import AutoConfig

        plain = dict(facts["config"])
        config = AutoConfig.for_model(plain.pop("model_type"), **plain)
        module = _kind_of(config)(config)
        if weights is not None:
            module.load_state_dict(weights)
        mean, std = (_three(facts[k]) for k in ("mean", "std"))
        return _frozen(module, name=name, origin=None, mean=mean, std=std)


def _configured(folder: Path, name: str) -> Any:  # noqa: ANN401 - any architecture
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(str(folder), local_files_only=True)
    except READ_ERRORS as error:
        raise EncoderError(
            f"the {CONFIG} of the encoder {name!r} is missing, damaged or of a model "
            f"that transformers does not know: download it again, or update "
            f"transformers ({reason(error)})"
        ) from error


def _kind_of(config: Any) -> Any:  # noqa: ANN401 - any architecture
    """Return the class that makes a module; the config is told which stages we want."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_BACKBONE_MAPPING,
        MODEL_MAPPING,
    )

    names = [n for n in getattr(config, "stage_names", None) or () if n != "stem"]
    if names and type(config) in MODEL_FOR_BACKBONE_MAPPING:
        wanted = names if len(names) < _FEW else [names[len(names) // 2 - 1], names[-1]]
        config.out_features = wanted
        return MODEL_FOR_BACKBONE_MAPPING[type(config)]
    return MODEL_MAPPING[type(config)]


def _frozen(
    module: Any,  # noqa: ANN401 - transformers has no common type for them
    *,
    name: str,
    origin: Origin | None,
    mean: Color,
    std: Color,
) -> Backbone:
    """Return a backbone, having seen what it makes of an empty window."""
    module.eval().requires_grad_(requires_grad=False)
    edge = _edge(module.config)
    x = torch.zeros(1, 3, WINDOW, WINDOW)
    with torch.no_grad():
        layers = _layers(module, x)
        sizes = [int(z.shape[-1]) for z in maps_of(module, x, layers, edge)]
    factors = tuple(WINDOW // n for n in sizes)
    if any(
        COARSEST % f or f * n != WINDOW for f, n in zip(factors, sizes, strict=True)
    ):
        raise EncoderError(
            f"the stages of the encoder {name!r} do not lie on a grid of 1, 2, 4, 8, 16"
            " or 32 pixels: choose another one"
        )
    return Backbone(
        name=name,
        origin=origin,
        module=module,
        config=json.loads(module.config.to_json_string(use_diff=False)),
        layers=layers,
        edge=edge,
        factors=factors,
        mean=mean,
        std=std,
    )


def _layers(module: Any, x: Tensor) -> tuple[int, ...]:  # noqa: ANN401
    """Return which hidden states are stages, if the module does not choose itself."""
    if hasattr(module, "out_features"):
        return ()
    found = module(pixel_values=x, output_hidden_states=True).hidden_states
    if found[0].ndim == 4:
        return tuple(range(len(found)))
    return (len(found) // 2, len(found) - 1)


def _edge(config: Any) -> int:  # noqa: ANN401
    """Return to which edge windows are resized for the patches of a model.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> [_edge(SimpleNamespace(patch_size=n)) for n in (4, 14, 16)]
    [224, 196, 224]
    """
    patch = getattr(config, "patch_size", 1)
    patch = int(patch) if isinstance(patch, int) else 1
    return WINDOW * patch >> (patch - 1).bit_length()


def _colors(folder: Path) -> tuple[Color, Color]:
    """Return mean and spread of the colours that an encoder was trained on."""
    try:
        text = (folder / "preprocessor_config.json").read_text(encoding="utf-8")
        plain = json.loads(text)
        return _three(plain["image_mean"]), _three(plain["image_std"])
    except (OSError, ValueError, KeyError, TypeError):
        return IMAGENET


def _three(values: Sequence[float]) -> Color:
    red, green, blue = (float(v) for v in values)
    return red, green, blue


def _require_whole(info: Mapping[str, Any], name: str) -> None:
    """Refuse weights that are not all there: what is missing would be random."""
    missing = [
        k for k in info["missing_keys"] if not any(part in k for part in _HARMLESS)
    ]
    if missing or info.get("mismatched_keys"):
        raise EncoderError(
            f"the weights of the encoder {name!r} are not those that its {CONFIG} "
            f"tells of ({len(missing)} are missing): download it again"
        )


@contextmanager
def _quietly(name: str) -> Iterator[None]:
    """Load without bars and reports; trouble ends as one sentence.

    Raises
    ------
    EncoderError
        If transformers is not installed, or the weights are damaged.
    """
    try:
        from safetensors import SafetensorError
        from transformers.utils import logging
    except ImportError as error:
        raise EncoderError(
            f"the encoder {name!r} needs the transformers library: {INSTALL}"
        ) from error
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except EncoderError:
        raise
    except (*READ_ERRORS, ImportError, SafetensorError) as error:
        raise EncoderError(
            f"the encoder {name!r} cannot be used ({reason(error)}): its files are "
            "damaged, or it is of a kind that is no backbone here; download it "
            "again, or choose another one"
        ) from error
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
