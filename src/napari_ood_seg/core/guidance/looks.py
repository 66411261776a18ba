"""Group what looks alike, and order the groups by what each would add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage as ndi
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Labels = npt.NDArray[np.int32]

N_LOOKS: Final = 80
"""Kinds of look that an image is divided into; several make up what one would name."""

N_PICKS: Final = 8
"""Looks that are put in order."""

TOLERANCE: Final = 1.2
"""How much further, in log squared distance, a class reaches than its mean does: what
is so near to a look that is picked counts as shown with it."""

_POWER: Final = 3
"""Of the excess of a cell. With 1, a little of much would count as much as the strange,
and the shades of a large background would fill the top of the list."""

_SAMPLE: Final = 1_500
_BLUR: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pick:
    """A look, and how much an image is in want of a class for it.

    Attributes
    ----------
    look
        Number of the look.
    alike
        Numbers of the looks that one would show with it, itself included.
    gain
        Sum of what it would explain of the cells when its turn came.
    """

    look: int
    alike: tuple[int, ...]
    gain: float


def group_looks(within: Sequence[Floats], *, n: int = N_LOOKS, seed: int = 0) -> Labels:
    """Return `(h, w)` numbers from 0: which of at most `n` looks every cell has.

    Ward's clustering of a sample; every cell then belongs to the nearest centre. In
    units of the spread within a class, looks do not hang on which part of an image
    was measured for the statistics of its features.

    Parameters
    ----------
    within
        As of `log_distances`.
    """
    shape = within[0].shape[1:]
    scaled = [channel / np.sqrt(len(z)) for z in within for channel in z]
    smooth = np.stack([ndi.gaussian_filter(channel, _BLUR) for channel in scaled])
    rows = smooth.reshape(len(smooth), -1).T
    if len(rows) < 2:
        return np.zeros(shape, np.int32)
    rng = np.random.default_rng(seed)
    sample = rows[rng.choice(len(rows), min(_SAMPLE, len(rows)), replace=False)]
    members = fcluster(linkage(sample, "ward"), n, "maxclust")
    centres = np.stack([sample[members == m].mean(0) for m in np.unique(members)])
    nearness = rows @ centres.T - (centres**2).sum(1) / 2
    out: Labels = nearness.argmax(1).astype(np.int32).reshape(shape)
    return out


def log_distances(within: Sequence[Floats], means: Sequence[Floats]) -> Floats:
    """Return `(k, h, w)` log squared distances of cells to k means, over all scales.

    The mean over the scales, each of `log(max(d², 1e-6))`.

    Parameters
    ----------
    within
        Per scale `(d, h, w)`, in units of the spread within a class.
    means
        Per scale `(k, d)`.
    """
    total: Floats = np.zeros((len(means[0]), *within[0].shape[1:]), np.float32)
    for z, m in zip(within, means, strict=True):
        squares = cdist(m, z.reshape(len(z), -1).T, "sqeuclidean")
        total += np.log(np.maximum(squares, 1e-6)).reshape(total.shape)
    return total / np.float32(len(means))


def known_distance(within: Sequence[Floats], known: Sequence[Floats]) -> Floats:
    """Return `(h, w)` distances to the nearest of the classes; see `log_distances`."""
    out: Floats = log_distances(within, known).min(0)
    return out


def order_looks(
    looks: Labels,
    within: Sequence[Floats],
    distance: Floats,
    weight: Floats,
    *,
    least: float,
) -> tuple[Pick, ...]:
    """Return the looks in the order in which they should be shown, `N_PICKS` at most.

    Greedy: the look that would explain most comes first. It is then treated as if it
    had been painted, so that what resembles it is explained as well, and the look that
    explains most of what is left comes next. One large unknown of many shades therefore
    does not fill the top of the list. Looks that gain nothing are left out.

    Parameters
    ----------
    looks
        `(h, w)` look of each cell; negative where a cell does not count as a look.
    within
        As of `log_distances`.
    distance
        `(h, w)` to the nearest class so far.
    weight
        `(h, w)` how much a cell counts.
    least
        Distance at which a cell counts as explained.
    """
    numbers = np.unique(looks[looks >= 0])
    if len(numbers) == 0:
        return ()
    means = [np.stack([z[:, looks == i].mean(1) for i in numbers]) for z in within]
    to_look = np.maximum(log_distances(within, means), least)
    now = np.maximum(distance, least)
    best: list[int] = []
    gained: list[float] = []
    while len(best) < min(N_PICKS, len(numbers)):
        gains = np.array(
            [np.vdot(weight, np.maximum(now - to, 0) ** _POWER) for to in to_look]
        )
        gains[best] = 0
        if gains.max() <= 0:
            break
        best.append(int(gains.argmax()))
        gained.append(float(gains.max()))
        now = np.minimum(now, np.maximum(to_look[best[-1]] - TOLERANCE, least))
    return tuple(
        Pick(look=int(numbers[i]), alike=tuple(numbers[own].tolist()), gain=gain)
        for i, own, gain in zip(best, _shares(means, best, least), gained, strict=True)
    )


def _shares(
    means: Sequence[Floats], picked: Sequence[int], least: float
) -> npt.NDArray[np.bool_]:
    """Return `(n, k)` bool: of each look that was picked, which it is shown with.

    The others belong to the nearest one that was picked, if that explains them.
    """
    as_cells = [m.T[:, None] for m in means]
    to = log_distances(as_cells, [m[list(picked)] for m in means])[:, 0]
    to[np.arange(len(picked)), picked] = -np.inf
    nearest: npt.NDArray[np.bool_] = to == to.min(0, initial=np.inf)
    return nearest & (to <= least + TOLERANCE)
