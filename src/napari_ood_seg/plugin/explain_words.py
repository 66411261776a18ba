"""What core found out about a pixel and about classes, in words for the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from napari_ood_seg.core.data.palette import UNKNOWN_COLOR
from napari_ood_seg.plugin.panels.areas import percent
from napari_ood_seg.plugin.panels.explain import HistogramRow, PixelView
from napari_ood_seg.plugin.panels.pick_list import PickRow
from napari_ood_seg.plugin.panels.plots import Bar, Histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ood_seg.core.guidance.explain import Explanation, NearStroke
    from napari_ood_seg.core.guidance.typicalities import ClassTypicality
    from napari_ood_seg.session.session import Session

MAX_BARS: Final = 6
MAX_STROKES: Final = 8
_AS_NEAR: Final = 1.05
"""A class that is less than so many times as far as the nearest is as near."""


class Words:
    """Names and colours of a session's classes, and sentences with them.

    Parameters
    ----------
    session
        As it is now.
    """

    def __init__(self, session: Session) -> None:
        self._keep = session.keep
        self._classes = {c.id: c for c in session.classes}
        self._numbers: dict[int, int] = {}
        counts: dict[int, int] = {}
        for stroke in session.scribbles.strokes:
            counts[stroke.class_id] = counts.get(stroke.class_id, 0) + 1
            self._numbers[stroke.id] = counts[stroke.class_id]

    def name(self, class_id: int) -> str:
        """Return the name of a class."""
        known = self._classes.get(class_id)
        return f"class {class_id}" if known is None else known.name

    def color(self, class_id: int) -> str:
        """Return the colour of a class, ``#rrggbb``."""
        known = self._classes.get(class_id)
        return UNKNOWN_COLOR if known is None else known.color

    def pixel(self, found: Explanation) -> PixelView:
        """Return what is shown of a pixel."""
        best, unknown = found.best.class_id, found.is_unknown(self._keep)
        name, some = self.name(best), found.classes[:MAX_BARS]
        return PixelView(
            color=UNKNOWN_COLOR if unknown else self.color(best),
            title=f"Unknown, nearest is {name}" if unknown else name,
            place=f"{found.point[0]}, {found.point[1]}",
            typicality=found.typicality,
            distances=tuple(
                self._bar(c.class_id, c.distance, f"{c.distance:.2f}") for c in some
            ),
            probabilities=tuple(
                self._bar(c.class_id, c.posterior, percent(c.posterior)) for c in some
            ),
            note=self.note(found),
            reasons=reasons(found),
        )

    def note(self, found: Explanation) -> str:
        """Return one or two sentences on why a pixel is what it is."""
        if not found.valid:
            return "The image has no finite value here."
        name = self.name(found.best.class_id)
        if found.is_unknown(self._keep):
            first = f"{_against(found)}."
        else:
            first = "Like what you painted."
        if len(found.classes) < 2:
            return first
        times, second = 1 / found.ambiguity, self.name(found.classes[1].class_id)
        if times < _AS_NEAR:
            return f"{first} {second} is as near as {name}."
        return f"{first} {second} is {times:.1f} times as far."

    def strokes(self, near: Sequence[NearStroke]) -> list[PickRow]:
        """Return the rows of the nearest strokes."""
        return [self._stroke(s) for s in near[:MAX_STROKES]]

    def histogram(self, found: ClassTypicality) -> HistogramRow:
        """Return the histogram of a class."""
        n = found.n_strokes
        held = f"{n} stroke{'s'[: n != 1]} held out" if n else "no stroke was held out"
        return HistogramRow(
            name=self.name(found.class_id),
            histogram=Histogram(
                color=self.color(found.class_id), bars=found.predicted, line=found.held
            ),
            note=f"Nearest class of {percent(found.share)} of the image; {held}.",
        )

    def _bar(self, class_id: int, value: float, text: str) -> Bar:
        return Bar(
            name=self.name(class_id),
            color=self.color(class_id),
            value=value,
            text=text,
        )

    def _stroke(self, near: NearStroke) -> PickRow:
        name, number = self.name(near.class_id), self._numbers.get(near.stroke_id, 0)
        return PickRow(
            color=self.color(near.class_id),
            cells=(f"{name}, stroke {number}", f"{near.distance:.2f}"),
            tip=(
                f"Stroke {number} of {name}: {near.distance:.2f} times as far as is"
                " usual within a class. Click to go there."
            ),
        )


def reasons(found: Explanation) -> str:
    """Return what the OOD score is made of."""
    parts = ", ".join(f"{r.name} {r.share:+.2f}" for r in found.reasons if r.share)
    return (
        f"OOD score {found.score:+.2f}: {parts}; each in its spread over held-out"
        " strokes. Positive speaks against the pixel."
    )


def _against(found: Explanation) -> str:
    top = found.reasons[0].name
    return (
        "Between two classes" if top == "ambiguity" else "Unlike everything you painted"
    )
