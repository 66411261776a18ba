"""Colours of spectra that begin late: what is best put in place of the missing blue.

Spectra of the simulated organs and things, from 380 nm on, have a colour (CIE 1931,
D65, one exposure for all). A camera that begins at 450 to 550 nm sees the rest of them;
each way to a picture is compared with the true colours: mean and worst CIEDE2000 over
the eight materials, and RMS of linear RGB. Below 500 nm blood absorbs as in the
published table, joined at 500 nm; carotene and bilirubin are left out.

    python -m benchmarks.missing_colours
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from skimage import color

from napari_ood_seg import optics, surgical
from napari_ood_seg.core.data import colours
from napari_ood_seg.core.data.false_colours import nearest_bands
from napari_ood_seg.core.data.tissue import extinction

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Way = Callable[[Floats, Floats], Floats]

skimage_color: Any = color  # untyped
OBSERVER = colours.standard_observer()
NM = OBSERVER.wavelengths
STARTS = (450, 475, 500, 525, 550)
EACH = 400
"""Spectra of each organ."""


def spectra() -> dict[str, Floats]:
    """Return `(n, 401)` spectra of each material, 380 to 780 nm."""
    known = optics.absorption

    def extended(nm: npt.ArrayLike) -> dict[str, Floats]:
        pure = dict(known(np.clip(nm, 500, 1000)))
        blue = np.array(extinction(np.clip(nm, 400, 500)))
        factors = blue / np.array(extinction(500.0))[:, None]
        for name, factor in zip(("oxy", "deoxy"), factors, strict=True):
            pure[name] = pure[name] * factor
        return pure

    rng = np.random.default_rng(0)
    out = {}
    with patch.object(optics, "absorption", extended):
        for name, organ in surgical.ORGANS.items():
            blood, scattering = np.exp(rng.normal(0, [[0.15], [0.05]], (2, EACH)))
            out[name] = optics.reflectance(
                organ, NM, blood=blood, scattering=scattering
            )
    return out | {name: s[None] for name, s in surgical.things(NM).items()}


def _seen(whole: Floats) -> Floats:
    """Return `(n, 3)` linear RGB of `(n, 401)` spectra."""
    return colours.linear_rgb(OBSERVER.response @ whole.T).T


def _before(values: Floats, bands: Floats, missing: Floats) -> Floats:
    """Return linear RGB of spectra with `(n, m)` values before the first band."""
    whole = np.stack([np.interp(NM, bands, one) for one in values])
    whole[:, bands[0] > NM] = missing
    return _seen(whole)


def left_out(values: Floats, bands: Floats) -> Floats:
    """What is missing reflects as the rest: X, Y and Z are enlarged each."""
    inside = (OBSERVER.response * (bands[0] <= NM)).sum(1)
    whole = np.stack([np.interp(NM, bands, one, left=0.0) for one in values])
    scale = OBSERVER.white / inside
    return colours.linear_rgb(scale[:, None] * (OBSERVER.response @ whole.T)).T


def continued(values: Floats, bands: Floats) -> Floats:
    """Go on with the first band."""
    return colours.linear_rgb(colours.xyz(values.T, bands.tolist())).T


def mean_of_25_nm(values: Floats, bands: Floats) -> Floats:
    """Go on with the mean of what is within 25 nm."""
    return _before(values, bands, values[:, bands <= bands[0] + 25].mean(1)[:, None])


def straight_line(values: Floats, bands: Floats) -> Floats:
    """Go on with the straight line through what is within 50 nm."""
    near = bands <= bands[0] + 50
    slope, start = np.polyfit(bands[near] - bands[0], values[:, near].T, 1)
    return _before(values, bands, start[:, None] + slope[:, None] * _below(bands))


def least_squares(values: Floats, bands: Floats, length: float = 200.0) -> Floats:
    """Estimate from all bands, with a prior that spectra are smooth.

    Their covariance falls exponentially with the distance; the mean is not known.
    """
    use = bands <= NM[-1]
    at, n = bands[use], int(use.sum())
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = np.exp(-np.abs(at[:, None] - at) / length) + 0.01 * np.eye(n)
    system[n, n] = 0
    wanted = np.exp(-np.abs(at[:, None] - (bands[0] + _below(bands))) / length)
    right = np.vstack([wanted, np.ones(wanted.shape[1])])
    weights = np.linalg.solve(system, right)[:n]
    return _before(values, bands, values[:, use] @ weights)


def three_bands(values: Floats, bands: Floats, pooled: Floats) -> Floats:
    """Take three bands, each stretched to its percentiles, and brighten them."""
    chosen = list(nearest_bands(bands.tolist(), (620.0, 545.0, 460.0)))
    low, high = np.percentile(pooled[:, chosen], (1, 99), axis=0)
    shown = np.sqrt(np.clip((values[:, chosen] - low) / (high - low), 0, 1))
    return np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)


def _below(bands: Floats) -> Floats:
    """Return where spectra are missing, in nm from the first band: negative."""
    return NM[bands[0] > NM] - bands[0]


def _lab(linear: Floats) -> Floats:
    found: Floats = skimage_color.rgb2lab(colours.encoded(linear))
    return found


def main() -> None:
    """Print a table."""
    whole = spectra()
    true = {name: _seen(s) for name, s in whole.items()}
    white = np.quantile(np.concatenate([t.max(1) for t in true.values()]), 0.99)
    ways: tuple[Way, ...] = (
        *(left_out, continued, mean_of_25_nm, straight_line, least_squares),
    )
    alike = {name: np.resize(s, (EACH, len(NM))) for name, s in whole.items()}
    print("from nm, way: CIEDE2000 mean and worst, RMS of linear RGB")
    for start in STARTS:
        bands = np.arange(start, 781.0, 5)
        cut = {name: s[:, np.isin(NM, bands)] for name, s in whole.items()}
        pooled = np.concatenate([s[:, np.isin(NM, bands)] for s in alike.values()])
        shown = {
            way.__name__: {n: way(s, bands) / white for n, s in cut.items()}
            for way in ways
        }
        shown["three_bands"] = {
            n: three_bands(s, bands, pooled) for n, s in cut.items()
        }
        for name, found in shown.items():
            pairs = [(found[n], true[n] / white) for n in whole]
            far = [
                skimage_color.deltaE_ciede2000(_lab(a), _lab(b)).mean()
                for a, b in pairs
            ]
            rms = np.sqrt(np.mean([((a - b) ** 2).mean() for a, b in pairs]))
            print(f"{start} {name:14s} {np.mean(far):5.1f} {max(far):5.1f} {rms:6.3f}")


if __name__ == "__main__":
    main()
