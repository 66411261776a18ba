"""Counts become reflectance while somebody works on an image: what is painted stays."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from psygnal import Signal

from napari_ood_seg.core.config import SPECTRAL_FROM
from napari_ood_seg.core.data.reflectance import corrected
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.session.refining import RefiningSession
from napari_ood_seg.session.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from napari_ood_seg.session.runner import Post

    Reference = ImageSource | Path


class Calibration(NamedTuple):
    """What made reflectance of an image.

    Attributes
    ----------
    counts
        The image as it was opened.
    white, dark
        The references; without `dark`, it is 0.
    """

    counts: ImageSource
    white: ImageSource
    dark: ImageSource | None = None


class CalibratingSession(RefiningSession):
    """Puts reflectance in place of the counts of the image, and takes it back.

    Strokes, the plane that is shown and the classes stay. Results go, as they are those
    of other values; live mode trains again.
    """

    image_exchanged: ClassVar[Signal] = Signal(object, object)
    """The image as it was, and what is in its place now."""
    calibration_changed: ClassVar[Signal] = Signal()
    """The image is calibrated, or is no more, or that was refused."""

    def __init__(self, *, executor: Executor, post: Post) -> None:
        super().__init__(executor=executor, post=post)
        self._calibrations: dict[ImageSource, Calibration] = {}

    @property
    def calibration(self) -> Calibration | None:
        """What the image is calibrated by; `None`: it has the values as opened."""
        return None if self.source is None else self._calibrations.get(self.source)

    def counts_of(self, source: ImageSource) -> ImageSource:
        """Return an image as it was opened."""
        found = self._calibrations.get(source)
        return source if found is None else found.counts

    def calibrate(self, white: Reference, dark: Reference | None = None) -> None:
        """Ask for the reflectance of the image, beside a running job.

        References are read on the worker; what does not fit is told in one sentence,
        and nothing changes. See `calibration_changed`.

        Parameters
        ----------
        white, dark
            Images or files, see `corrected`.
        """
        source = self.source
        if source is None:
            self.message.emit("choose an image to calibrate first", "warning")
            return
        before = source

        def take(found: tuple[ImageSource, Calibration]) -> None:
            if self.source is before:
                after, calibration = found
                self._calibrations[after] = calibration
                self._exchange(after)

        def fail(error: Exception) -> None:
            self.message.emit(sentence(error), "error")
            self.calibration_changed.emit()

        bright = self._raw(white)
        floor = None if dark is None else self._raw(dark)
        call = partial(_calibrated, self.counts_of(source), bright, floor)
        self._runner.ask(call, take, kind="calibration", on_error=fail)

    def take_back(self) -> None:
        """Work on the values as they were opened again."""
        calibration = self.calibration
        if calibration is not None:
            self._exchange(calibration.counts)

    def set_images(self, images: Sequence[ImageSource]) -> None:
        """Tell which images there are; how others were calibrated is forgotten."""
        super().set_images(images)
        kept = {i: c for i, c in self._calibrations.items() if i in images}
        self._calibrations = kept

    def _raw(self, reference: Reference) -> Reference:
        """Return a reference as it was opened, if it is an image that is open."""
        if isinstance(reference, ImageSource):
            return self.counts_of(reference)
        return reference

    def _exchange(self, after: ImageSource) -> None:
        """Put other values of the image in place of those that it has."""
        before = self._require_image()
        self._let_go()  # it reads the other values
        self._filling = self._training = False  # the model has learned from others
        self._calibrations.pop(before, None)
        self.exchange_image(after)
        self.image_exchanged.emit(before, after)
        self.result_started.emit()
        self.calibration_changed.emit()
        self._say()
        self._keep_features(self.images)
        self._train_if_live()

    def _say(self) -> None:
        found, parts = self.calibration, ["values are as they were opened"]
        if found is not None:
            by = f"white {found.white.name!r}"
            by += "" if found.dark is None else f" and dark {found.dark.name!r}"
            parts = [f"calibrated to reflectance by {by}"]
        if self.model is not None and not self.live:
            parts.append("train again, as the model has learned from other values")
        others = [
            repr(image.name)
            for image, _ in self._sheets()
            if (image in self._calibrations) != (found is not None)
        ]
        if others:
            way = "not calibrated" if found is not None else "calibrated"
            parts.append(f"still {way} and learned from: {', '.join(others)}")
        self.message.emit("; ".join(parts), "warning" if others else "info")


def is_spectral(source: ImageSource) -> bool:
    """Whether an image has spectra: wavelengths, or nine channels at least.

    Examples
    --------
    >>> import numpy as np
    >>> cube = ImageSource.from_array(np.zeros((4, 4, 9)), axes="YXC")
    >>> is_spectral(cube), is_spectral(cube.with_bands([True] * 8 + [False]))
    (True, False)
    """
    return source.wavelengths is not None or source.n_channels >= SPECTRAL_FROM


def _calibrated(
    counts: ImageSource, white: Reference, dark: Reference | None
) -> tuple[ImageSource, Calibration]:
    """Return the reflectance of an image, and what made it; on the worker.

    Raises
    ------
    ImageError, FileFormatError
        If a reference cannot be read, or does not fit.
    """
    bright = _opened(white)
    floor = None if dark is None else _opened(dark)
    return corrected(counts, bright, floor), Calibration(counts, bright, floor)


def _opened(reference: Reference) -> ImageSource:
    from napari_ood_seg.core.io.images import open_image

    return reference if isinstance(reference, ImageSource) else open_image(reference)
