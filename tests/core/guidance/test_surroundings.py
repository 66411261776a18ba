from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.guidance.surroundings import place_of, surroundings
from tests.contracts.scenes import fit, three_textures

FILTERS = FilterConfig(sigmas=(1.0, 2.0, 4.0))


@pytest.mark.parametrize("edge_aware", [False, True])
def test_part_of_a_tile_gives_the_same_answer(edge_aware: bool) -> None:
    config = InstantConfig(filters=FILTERS, tile=32, edge_aware=edge_aware)
    fitted = fit(three_textures(), config=config)
    store, model = fitted.trainer.store(fitted.source), fitted.model
    assert store is not None
    tile = store.tile((), 1)
    logits, score = model.evaluate(tile.levels, tile.size, tile.guide)
    pixels = np.array([[3, 33], [20, 40], [31, 63]])
    for some in (pixels, pixels[1:2]):
        part = surroundings(tile, some, factors=store.factors, margin=model.margin)
        found = model.evaluate(part.levels, part.size, part.guide)
        r, c = (some - np.array(tile.origin)).T
        i, j = part.at.T
        torch.testing.assert_close(
            found[0][:, i, j], logits[:, r, c], atol=1e-3, rtol=0
        )
        torch.testing.assert_close(found[1][i, j], score[r, c], atol=1e-3, rtol=0)
        assert len(some) > 1 or part.size < tile.size


def test_place_of_a_bent_stroke_is_on_it() -> None:
    coords = np.array([[0, 0], [0, 1], [0, 9], [7, 9]])
    place = place_of(coords)
    assert place.point in {tuple(p) for p in coords.tolist()}
    assert place.box == (0, 0, 8, 10)
