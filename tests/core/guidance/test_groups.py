from __future__ import annotations

import numpy as np

from napari_ood_seg.core.guidance.groups import Group, Region, in_turn


def region(group: int, row: int) -> Region:
    return Region(
        group=group,
        kind="unsure" if row else "unknown",
        point=(row, group),
        box=(row, group, row + 1, group + 1),
        area=1,
        typicality=0.0,
        stroke=np.zeros((0, 2), np.int32),
    )


def group(number: int, n: int) -> Group:
    regions = tuple(region(number, row) for row in range(n))
    return Group(regions=regions, share=0.1, near=1)


def test_groups_take_turns() -> None:
    turns = in_turn([group(0, 3), group(1, 1), group(2, 2)])
    assert [r.point for r in turns] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0)]


def test_kind_of_a_group_is_that_of_its_first_region() -> None:
    assert group(0, 2).kind == "unknown"
