"""Which pages of a TIFF are bands, and at which wavelengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from napari_ood_seg.core.io.wavelengths import (
    checked,
    from_labels,
    from_list,
    in_nm,
    lengths_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import tifffile

_WAVELENGTHS: Final = 65000
"""The tag of spectral TIFFs such as those of ODSI-DB: a number for each band."""

_TEXTS: Final = ("ImageDescription", "PageName", _WAVELENGTHS, 65111)
"""Tags that may tell wavelengths in words."""

_COLOURS: Final = 4
"""Images with up to so many channels may list wavelengths of something else."""


def bands_lie_apart(tif: tifffile.TiffFile) -> bool:
    """Return whether bands were written one by one, so that each is an image alone."""
    if not tif.is_shaped or len(tif.series) < 2:
        return False
    first = [series.keyframe for series in tif.series[:2]]
    return any(_tagged(page) or _lengths_of(page) for page in first)


def band_series(tif: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    """Return the bands, which may have a colour preview before them."""
    tagged = (series for series in tif.series[:2] if _tagged(series.keyframe))
    return next(tagged, tif.series[0])


def wavelengths_of(
    series: tifffile.TiffPageSeries, n_bands: int, path: Path
) -> tuple[float, ...] | None:
    """Return the band centres in nm that tags or descriptions tell, if any.

    Raises
    ------
    FileFormatError
        If there is a list of them with too few or too many.
    """
    page = series.keyframe
    stated = _tagged(page) or (_listed(page, n_bands) if n_bands > 1 else None)
    if stated and (len(stated) == n_bands or n_bands > _COLOURS):
        return checked(stated, n_bands, path)
    if n_bands > 1 and len(series.pages) == n_bands and _lengths_of(page):
        return _page_by_page(series)
    return None


def _tagged(page: Any) -> tuple[float, ...] | None:  # noqa: ANN401 - TiffPage or TiffFrame
    """Return the numbers under the tag; anybody may use it, but hardly for floats."""
    tag = page.tags.get(_WAVELENGTHS)
    values = None if tag is None else tag.value
    values = values if isinstance(values, tuple) else (values,)
    if not all(isinstance(value, float) for value in values):
        return None
    return in_nm(values)


def _listed(page: Any, n_bands: int) -> tuple[float, ...] | None:  # noqa: ANN401 - as above
    """Return what a text of the page lists, best as many as there are bands."""
    lists = [f for text in _texts(page) for f in (from_list(text), lengths_in(text))]
    fitting = next((found for found in lists if len(found) == n_bands), None)
    named = next((found for found in lists[::2] if found), None)
    return fitting or named


def _page_by_page(series: tifffile.TiffPageSeries) -> tuple[float, ...] | None:
    pages = [page for page in series.pages if page is not None]
    return from_labels([" ".join(_texts(page.aspage())) for page in pages])


def _lengths_of(page: Any) -> tuple[float, ...]:  # noqa: ANN401 - TiffPage or TiffFrame
    return lengths_in(" ".join(_texts(page)))


def _texts(page: Any) -> Iterator[str]:  # noqa: ANN401 - TiffPage or TiffFrame
    for name in _TEXTS:
        tag = page.tags.get(name)
        value = None if tag is None else tag.value
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        if isinstance(value, str):
            yield f"wavelengths: {value}" if name == _WAVELENGTHS else value
