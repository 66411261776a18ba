from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_ood_seg.core.config import TileConfig
from napari_ood_seg.core.data.tiling import iter_tiles

if TYPE_CHECKING:
    from collections.abc import Callable


def test_iter_tiles_1k(benchmark: Callable[..., Any]) -> None:
    benchmark(lambda: sum(1 for _ in iter_tiles((8_192, 8_192), TileConfig(size=256))))
