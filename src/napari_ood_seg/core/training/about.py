"""What a model tells about what it was trained on, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.features.descriptor import Descriptor
    from napari_ood_seg.core.training.instant import Scribbled


def facts_of(images: Sequence[Scribbled]) -> dict[str, object]:
    """Return what a model file tells about the images trained on.

    Wavelengths, in nm, are those of the first image that has some.
    """
    source = images[0].source
    known = (i.source.wavelengths for i in images)
    wavelengths = next((nm for nm in known if nm is not None), None)
    return {
        "channel_names": list(source.channel_names),
        "wavelengths": None if wavelengths is None else list(wavelengths),
        "pixel_size": list(source.pixel_size),
        "unit": source.unit,
        "trained_on": [i.source.name for i in images],
        "n_strokes": sum(len(i.scribbles.strokes) for i in images),
    }


def on_encoder(config: InstantConfig, descriptor: Descriptor) -> tuple[str, ...]:
    """Return what a person should know about how the encoder saw the channels."""
    encoder, n = descriptor.encoder, descriptor.n_channels
    if encoder is None and config.encoder:
        text = (
            f"The encoder is not used: {n} channels are taken for spectra (see the "
            "setting Encoder on spectra)."
        )
        return (text,)
    if encoder is None or descriptor.colors is None or n in (1, 3):
        return ()
    how = colours_of(config, n)
    if config.encoder_channels != "adapt" and descriptor.colors.gamma != 1:
        how = f"the colours in daylight of {n} channels"
    return (f"The encoder {encoder.name} sees {how}.",)


def colours_of(config: InstantConfig, n_channels: int) -> str:
    """Return what channels that are no colours are shown as to a pretrained encoder."""
    if config.encoder_channels == "adapt":
        return f"the {n_channels} channels in turn as red, green and blue"
    return f"the first three principal components of {n_channels} channels"
