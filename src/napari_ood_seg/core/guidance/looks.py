"""Group what looks alike, and order the groups by what each would add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage as ndi
from scipy.cluster.hierarchy import fcluster, linkage

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Labels = npt.NDArray[np.int32]

N_LOOKS: Final = 12
"""Kinds of look that an image is divided into."""

_SAMPLE: Final = 1_500
_BLUR: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pick:
    """A look, and how much an image is in want of a class for it.

    Attributes
    ----------
    look
        Number of the look.
    gain
        Mean excess of its cells when its turn came, times the root of its share of
        the image: both what is very strange and what there is much of come first.
        Cells count as much as `order_looks` is told to.
    """

    look: int
    gain: float


def group_looks(look: Floats, *, n: int = N_LOOKS, seed: int = 0) -> Labels:
    """Return `(h, w)` numbers from 0: which of at most `n` looks every cell has.

    Ward's clustering of a sample; every cell then belongs to the nearest centre.

    Parameters
    ----------
    look
        `(d, h, w)` features that are comparable by Euclidean distance.
    """
    shape = look.shape[1:]
    smooth = np.stack([ndi.gaussian_filter(x, _BLUR) for x in look])
    rows = smooth.reshape(len(look), -1).T
    if len(rows) < 2:
        return np.zeros(shape, np.int32)
    rng = np.random.default_rng(seed)
    sample = rows[rng.choice(len(rows), min(_SAMPLE, len(rows)), replace=False)]
    members = fcluster(linkage(sample, "ward"), n, "maxclust")
    centres = np.stack([sample[members == m].mean(0) for m in np.unique(members)])
    nearness = rows @ centres.T - (centres**2).sum(1) / 2
    out: Labels = nearness.argmax(1).astype(np.int32).reshape(shape)
    return out


def log_distance(within: Sequence[Floats], means: Sequence[Floats]) -> Floats:
    """Return `(h, w)` log squared distances of cells to a mean, averaged over scales.

    Parameters
    ----------
    within
        Per scale `(d, h, w)`, in units of the spread within a class.
    means
        Per scale `(d,)`.
    """
    logs = [
        np.log(np.maximum(((z - m[:, None, None]) ** 2).sum(0), 1e-6))
        for z, m in zip(within, means, strict=True)
    ]
    out: Floats = np.mean(logs, axis=0, dtype=np.float32)
    return out


def known_distance(within: Sequence[Floats], known: Sequence[Floats]) -> Floats:
    """Return `(h, w)` distances to the nearest of the classes; see `log_distance`."""
    per_class = [log_distance(within, means) for means in zip(*known, strict=True)]
    out: Floats = np.min(per_class, axis=0)
    return out


def order_looks(
    looks: Labels,
    within: Sequence[Floats],
    distance: Floats,
    weight: Floats,
    *,
    least: float,
) -> tuple[Pick, ...]:
    """Return the looks in the order in which they should be shown.

    Greedy: the look that gains most comes first. It is then treated as if it had
    been painted, so that what resembles it is explained as well, and the look that
    gains most *now* comes next. One large unknown of many shades therefore does not
    fill the top of the list; a look that is wide in itself explains as widely. Looks
    that gain nothing are left out.

    Parameters
    ----------
    looks
        `(h, w)` look of each cell; negative where a cell does not count.
    within
        As of `log_distance`.
    distance
        `(h, w)` to the nearest class so far.
    weight
        `(h, w)` how much a cell counts.
    least
        Distance at which a cell counts as explained.
    """
    numbers = [int(i) for i in np.unique(looks[looks >= 0])]
    index = [np.flatnonzero(looks.ravel() == i) for i in numbers]
    weights = [weight.ravel()[cells] for cells in index]
    roots = np.sqrt([w.sum() / looks.size for w in weights])
    left, now, out = set(range(len(numbers))), distance.ravel().copy(), []
    while left:
        gains = {
            i: float(roots[i] * max(np.average(now[at], weights=w) - least, 0))
            for i, (at, w) in enumerate(zip(index, weights, strict=True))
            if i in left
        }
        best = max(gains, key=gains.__getitem__)
        if gains[best] <= 0:
            break
        out.append(Pick(look=numbers[best], gain=gains[best]))
        left.remove(best)
        means = [z.reshape(len(z), -1)[:, index[best]].mean(1) for z in within]
        to_it = log_distance(within, means).ravel()
        wide = max(float(np.median(to_it[index[best]])) - least, 0.0)
        now = np.minimum(now, to_it - wide)
    return tuple(out)
