"""The evented Session: image, classes, scribbles, model, status, commands."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

from psygnal import Signal

from napari_ood_seg.session import work
from napari_ood_seg.session.calibration import CalibratingSession
from napari_ood_seg.session.jobs import Pictured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from psygnal import SignalInstance

    from napari_ood_seg.session.jobs import Event
    from napari_ood_seg.session.result import Result

T = TypeVar("T")


class Session(CalibratingSession):
    """What the user is doing, without a window.

    All methods and signals belong to the owner's thread. Training and prediction
    run as one job on `executor`; its events come back through `post`. What else can
    be asked, of the image, the strokes and the model, is here.
    """

    encoders_found: ClassVar[Signal] = Signal(object)
    pictured: ClassVar[Signal] = Signal(Pictured)

    def export(self, path: Path, *, overwrite: bool = False) -> None:
        """Write classes and OOD map to a file, by suffix."""
        with self._told_if_refused():
            source, model = self._require_image(), self._require_model()
            job = work.ExportJob(
                source=source,
                model=model,
                device=self.device,
                plane=self.plane,
                path=path,
                keep=self.keep,
                classes=self.classes,
                overwrite=overwrite,
            )
            self._start(partial(self._workshop.export, job), shown=False)

    def draw(self, name: str) -> None:
        """Look at the shown plane in another way; see `pictured`.

        Parameters
        ----------
        name
            See `work.PictureJob`.
        """
        with self._told_if_refused():
            source = self._require_image()
            job = work.PictureJob(source=source, plane=self.plane, name=name)
            self._start(partial(self._workshop.draw, job), shown=False)

    def audit(self) -> None:
        """Hold each class out in turn, to see whether it is called unknown."""
        with self._told_if_refused():
            learned = self._learned()
            job = work.AuditJob(
                learned=learned,
                classes=self._classes_of(learned),
                config=self.config,
                device=self.device,
                keep=self.keep,
            )
            self._start(partial(self._workshop.audit, job), shown=False)

    def guide(self) -> None:
        """Look for unknown regions and doubtful strokes, replacing a running job."""
        with self._told_if_refused():
            source = self._require_image()
            sheets = self._sheets()
            job = work.GuideJob(
                source=source,
                model=self._require_model(),
                scribbles=self.scribbles,
                others=tuple(s for s in sheets if s[0] is not source),
                classes=self._classes_of([(source, self.scribbles), *sheets]),
                config=self.config,
                device=self.device,
                plane=self.plane,
                keep=self.keep,
                near=(source.height // 2, source.width // 2)
                if self.view is None
                else self.view.middle,
            )
            self._start(partial(self._workshop.guide, job), shown=False)

    def explain(self, row: int, column: int) -> None:
        """Ask why a pixel is what it is, beside a running job; see `explained`."""
        with self._told_if_refused():
            job = work.ExplainJob(
                source=self._require_image(),
                model=self._require_model(),
                scribbles=self.scribbles,
                device=self.device,
                plane=self.plane,
                point=(row, column),
            )
            self._ask(partial(self._workshop.explain, job), self.explained)

    def tally(self) -> None:
        """Ask how typical the pixels of each class are; see `tallied`."""
        if self.model is not None and self.result is not None:
            job = work.TallyJob.of(self.model, self.result)
            self._ask(partial(self._workshop.tally, job), self.tallied)

    def look(
        self, call: Callable[[], T], answer: Callable[[T], object], *, kind: str
    ) -> None:
        """Read a little of the image on the worker, beside a running job.

        Parameters
        ----------
        call
            Takes some milliseconds.
        answer
            Gets what it returns, unless there is another image by then or something
            of the same kind was asked since.
        """
        source = self.source

        def tell(found: T) -> None:
            if self.source is source:
                answer(found)

        self._between(call, tell, kind=kind)

    def result_at(self, plane: tuple[int, ...]) -> Result | None:
        """Return the result of a plane of the image, if there is one."""
        return None if self.source is None else self._results.get(self.source, plane)

    def predict_all(self) -> None:
        """Apply the model to all images that it takes, wholly, the shown one first."""
        with self._told_if_refused():
            source = self._require_image()
            fit = tuple(other for other in self._taken() if self._fits(other))
            self._predict_wholly(tuple(self._target(i, self.memory) for i in fit))
            left = [f"{i.name!r}" for i in self.images if i not in (source, *fit)]
            if left:
                self.message.emit(
                    f"left out, as too large or with other channels: {', '.join(left)}",
                    "warning",
                )

    def _predict_wholly(self, also: tuple[work.Target, ...] = ()) -> None:
        """Apply the model to all planes of the image, then to others."""
        source, model = self._require_image(), self._require_model()
        shown = self._shown(source) | {"also": also, "extent": self._extent}
        shown["covered"] = self._results.covered(source)
        self._filling = True
        job = work.PredictJob(**shown, model=model)
        self._start(partial(self._workshop.predict, job))

    def predict_planes(self) -> None:
        """Apply the model to all planes that fit in memory, replacing a running job."""
        with self._told_if_refused():
            self._predict_wholly()

    def download_encoder(self, name: str) -> None:
        """Bring an encoder of Hugging Face onto this machine; see `encoder_ready`.

        It replaces a running job, as that would train without it.
        """
        self._start(partial(self._workshop.download, name), shown=False)

    def cancel(self) -> None:
        """Stop the running job at its next step; live mode goes on."""
        self._runner.cancel()

    def look_for_encoders(self, names: Sequence[str]) -> None:
        """Ask which encoders are on this machine; see `encoders_found`."""
        ask = partial(self._workshop.on_disk, tuple(names))
        self._between(ask, self.encoders_found.emit, kind="encoders")

    def _ask(self, call: Callable[[], object], answered: SignalInstance) -> None:
        model, plane = self.model, self.plane

        def answer(found: object) -> None:
            if self.model is model and self.plane == plane:  # else it is stale
                answered.emit(found)

        self._between(call, answer, kind=answered.name)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Pictured):
            self.pictured.emit(event)
        else:
            super()._on_event(event)
