"""Training a network beside a person, who paints on, pauses it and resumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.training import kept
from napari_ood_seg.core.training.deep import DeepTrainer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import torch

    from napari_ood_seg.core.config import DeepConfig
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.training.deep import Prepared
    from napari_ood_seg.core.training.heads import Heads
    from napari_ood_seg.core.training.instant import Scribbled
    from napari_ood_seg.core.types import Progress


class Refinement:
    """Keeps the training of a network from one call to the next.

    Parameters
    ----------
    config
        Settings.
    device
        Where everything is computed.
    folder
        Where training is kept until it has ended; `None` if nowhere. What was kept of
        the same strokes before is forgotten, unless it is gone on from.
    """

    def __init__(
        self, config: DeepConfig, *, device: torch.device, folder: Path | None = None
    ) -> None:
        self._trainer = DeepTrainer(config, device=device)
        self._prepared: Prepared | None = None
        self._strokes: Sequence[Scribbled] = ()
        self._folder = folder
        self._file: Path | None = None
        self._next_trial = config.check_every

    def run(
        self, images: Sequence[Scribbled], *, resume: bool = False
    ) -> Iterator[Progress]:
        """Train on; the same strokes go on where it stopped, bit for bit.

        With other strokes on the same images, training begins anew with the weights
        that there are; classes that are new have none yet.

        Parameters
        ----------
        resume
            Go on from what was kept of these very strokes, if nothing was trained yet.

        Raises
        ------
        ScribbleError, ImageError, ModelMismatchError
            As `DeepTrainer.prepare`.
        FileFormatError
            If nothing was kept of them, or it is damaged; then it is removed.
        """
        if resume and self._prepared is None:
            self._prepared = self._kept(images)
        if self._prepared is None or not _same(images, self._strokes):
            start = None
            if self._prepared is not None and _alike(images, self._strokes):
                start = self._prepared.start()
            prepared = self._trainer.prepare(images, start=start)
            kept.forget(self._file)
            self._file = self._file_of(images)
            kept.forget(self._file)
            self._prepared = self._taken(prepared, images)
        yield from self._prepared.training.run(self._file, resume=False)
        kept.forget(self._file)

    def _kept(self, images: Sequence[Scribbled]) -> Prepared:
        """Return the training that was kept, as far as it had come."""
        path = self._file_of(images)
        if path is None:
            raise FileFormatError("no training is kept here: train a network anew")
        try:
            before = kept.seen_before(path, images)
            prepared = self._trainer.prepare(images, before=before)
            prepared.training.restore(path)
        except FileFormatError:
            kept.forget(path)
            raise
        self._file = path
        return self._taken(prepared, images)

    def _taken(self, prepared: Prepared, images: Sequence[Scribbled]) -> Prepared:
        prepared.training.about = kept.told(images, prepared.before)
        self._strokes = tuple(images)
        self._next_trial = self._trainer.config.check_every
        return prepared

    def _file_of(self, images: Sequence[Scribbled]) -> Path | None:
        if self._folder is None:
            return None
        kept.prepare_folder(self._folder)
        return kept.file_of(self._folder, images, self._trainer.config)

    @property
    def sources(self) -> tuple[ImageSource, ...]:
        """The images that it is trained on."""
        return tuple(source for source, _ in self._strokes)

    @property
    def step(self) -> int:
        """Steps of training until now."""
        return 0 if self._prepared is None else self._prepared.training.step

    def is_due(self) -> bool:
        """Whether it is time to see what the network is good for.

        After the first check, and each time when it has trained twice as long, so that
        trials take a small share of the time.
        """
        if self.step < self._next_trial:
            return False
        self._next_trial = 2 * self.step
        return True

    def heads(self) -> Heads:
        """Return what fits detectors beside the best network until now.

        Raises
        ------
        RuntimeError
            Before the first step.
        """
        if self._prepared is None:
            raise RuntimeError("nothing was trained yet")
        return self._trainer.heads(self._prepared)


def _same(a: Sequence[Scribbled], b: Sequence[Scribbled]) -> bool:
    """Whether the images and their very strokes are the same."""
    return len(a) == len(b) and all(
        x.source is y.source and x.scribbles is y.scribbles
        for x, y in zip(a, b, strict=True)
    )


def _alike(a: Sequence[Scribbled], b: Sequence[Scribbled]) -> bool:
    """Whether the images are the same."""
    return [x.source for x in a] == [y.source for y in b]
