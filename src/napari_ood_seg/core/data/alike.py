"""Images that are learnt from together: which may be, and by which bands."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from napari_ood_seg.core.errors import ImageError, ModelMismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ood_seg.core.data.source import ImageSource

_SAME_NM: Final = 0.1
"""Wavelengths that differ by no more than this are the same."""


def same_bands(own: Sequence[float], theirs: Sequence[float]) -> bool:
    """Whether two have the same bands, in nm, to a tenth of a nanometre or so.

    Examples
    --------
    >>> same_bands([500, 510], [500, 510.05]), same_bands([500, 510], [500, 511])
    (True, False)
    """
    return len(own) == len(theirs) and all(
        abs(a - b) <= _SAME_NM for a, b in zip(own, theirs, strict=True)
    )


def with_bands_at(
    source: ImageSource, wavelengths: Sequence[float] | None, n_channels: int
) -> ImageSource:
    """Return an image with the bands of another one, or itself if it has them.

    It is resampled if the wavelengths of both are known and differ; see
    `ImageSource.resampled`. Nothing is read.

    Parameters
    ----------
    wavelengths, n_channels
        Of the other one; wavelengths in nm, where known.

    Raises
    ------
    ModelMismatchError
        If wavelengths are unknown, and there are more or fewer channels.
    ImageError
        If it cannot be resampled.
    """
    own = source.wavelengths
    if own is not None and wavelengths is not None:
        alike = same_bands(own, wavelengths)
        return source if alike else source.resampled(wavelengths)
    if source.n_channels != n_channels:
        raise ModelMismatchError(
            f"{source.name!r} has {source.n_channels} channels instead of {n_channels}"
        )
    return source


def joined(
    sources: Sequence[ImageSource], *, preferred: Sequence[ImageSource] = ()
) -> tuple[ImageSource, ...]:
    """Return images with the bands of one of them, the same objects where they are so.

    That one is the first whose bands all others have, or can be resampled to: where
    cameras do not cover each other, the one that covers least.

    Parameters
    ----------
    preferred
        Some of them, whose bands are tried before those of the others.

    Raises
    ------
    ModelMismatchError
        If there is none.
    """
    for one in (*preferred, *sources):
        views = _with_bands_of(one, sources)
        if views is not None:
            return views
    raise ModelMismatchError(_difference(sources))


def may_join(one: ImageSource, other: ImageSource) -> bool:
    """Whether two images can be learnt from together; see `joined`."""
    pair = (one, other)
    return any(_with_bands_of(each, pair) is not None for each in pair)


def same_view(one: ImageSource, other: ImageSource) -> bool:
    """Whether two of one image, resampled or not, have the same values."""
    nm, theirs = one.wavelengths, other.wavelengths
    if one is other or None in (one.resampling, other.resampling):
        return one is other
    return nm is not None and theirs is not None and same_bands(nm, theirs)


def _with_bands_of(
    one: ImageSource, sources: Sequence[ImageSource]
) -> tuple[ImageSource, ...] | None:
    """Return images with the bands of one, or `None` where that cannot be."""
    try:
        return tuple(with_bands_at(s, one.wavelengths, one.n_channels) for s in sources)
    except (ImageError, ModelMismatchError):
        return None


def _difference(sources: Sequence[ImageSource]) -> str:
    """Return what keeps images from being learnt from together."""
    pairs = combinations(sources, 2)
    one, other = next((p for p in pairs if not may_join(*p)), sources[:2])
    if one.wavelengths is None or other.wavelengths is None:
        return (
            f"the images differ: {one.name!r} has {one.n_channels} channels, "
            f"{other.name!r} {other.n_channels}: train on alike ones"
        )
    return (
        f"the images differ: {one.name!r} and {other.name!r} have other wavelengths, "
        "and neither can be resampled to those of the other: train on one of them"
    )
