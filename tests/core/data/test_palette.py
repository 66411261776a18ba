from __future__ import annotations

from napari_ood_seg.core.data.palette import CLASS_COLORS, next_color


def test_colours_are_told_apart_and_written_alike() -> None:
    assert len(set(CLASS_COLORS)) == len(CLASS_COLORS)
    for color in CLASS_COLORS:
        assert len(color) == 7
        assert color == color.lower()
        int(color.removeprefix("#"), 16)


def test_free_colours_come_in_order_however_they_are_written() -> None:
    taken: set[str] = set()
    for expected in CLASS_COLORS:
        assert next_color({c.upper() for c in taken} | {"#123456"}) == expected
        taken.add(expected)


def test_when_all_are_taken_they_start_again() -> None:
    assert next_color(set(CLASS_COLORS)) == CLASS_COLORS[0]
    assert next_color({*CLASS_COLORS, "#123456"}) == CLASS_COLORS[1]
