from __future__ import annotations

from typing import Any

from napari_ood_seg.plugin.panels.wrapped import WrappedLabel

TEXT = "a sentence that is far too long for a narrow dock, so that it has to wrap"


def test_is_as_high_as_its_lines(user: Any) -> None:
    label = WrappedLabel(TEXT)
    user.addWidget(label)
    label.show()
    line = label.fontMetrics().lineSpacing()
    heights = []
    for width in (900, 200, 100):
        label.resize(width, label.height())
        heights.append(label.height())
        assert label.height() == label.heightForWidth(label.width())
    assert heights[0] < 2 * line
    assert heights[0] < heights[1] < heights[2]
    label.setText("short")
    assert label.height() == heights[0]
    assert label.minimumSizeHint().width() <= label.width()
