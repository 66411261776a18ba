"""A series of spectral frames, its panel, and a hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ood_seg.plugin.layers import FACTS

if TYPE_CHECKING:
    import numpy.typing as npt

    from tests.plugin.driver import Driver

N, BANDS, SIZE = 5, 16, 64
STRANGE = 3
"""The only frame with something that nobody paints."""
NM = tuple(np.linspace(500.0, 800.0, BANDS).tolist())


def frames() -> npt.NDArray[np.float32]:
    """Return `(bands, t, h, w)`: rises left, falls right; short waves are strange."""
    rng = np.random.default_rng(0)
    out = rng.uniform(0.02, 0.2, (N, SIZE, SIZE, BANDS))
    noise = out[STRANGE, 20:50, 20:44].copy()
    rise = np.linspace(0.2, 0.8, BANDS)
    out[:, :, : SIZE // 2] += rise
    out[:, :, SIZE // 2 :] += rise[::-1]
    out[STRANGE, 20:50, 20:44] = noise
    out[STRANGE, 20:50, 20:44, : BANDS // 3] += 0.8
    return out.transpose(3, 0, 1, 2).astype(np.float32)


def add_series(driver: Driver, **options: Any) -> Any:
    """Add the series as our readers do."""
    facts = {FACTS: {"axes": "CTYX", "wavelengths": NM, "bands": None}}
    image = driver.add_image(
        frames(), rgb=False, name="series", metadata=facts, **options
    )
    driver.viewer.dims.set_current_step(1, 0)
    driver.spin()
    return image


def train_all(driver: Driver) -> None:
    """Paint on the first frame, train, and predict all."""
    driver.paint_both()
    driver.train()
    review = driver.panel.reviews.review
    review.predict()
    driver.until(lambda: review.done == N and not driver.session.busy)
