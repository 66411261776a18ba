"""The exceptions this package raises on purpose.

Every message is one sentence for a person: what is wrong, what was found, and
what to do about it.
"""


class OODSegError(Exception):
    """Base of every error this package raises on purpose."""


class NotFittedError(OODSegError):
    """A detector or model was used before it was fitted."""


class ImageError(OODSegError, ValueError):
    """An image that cannot be used: its axes, size or values."""


class ScribbleError(OODSegError, ValueError):
    """Scribbles that cannot be trained on or do not belong to the image."""


class ModelMismatchError(OODSegError, ValueError):
    """A model was applied to an image it was not made for."""


class FileFormatError(OODSegError, ValueError):
    """A file that is damaged, truncated or not ours."""


class OutputError(OODSegError, OSError):
    """A result that could not be written."""


class DeviceError(OODSegError, RuntimeError):
    """A compute device that is not there or ran out of memory."""


class DependencyError(OODSegError, ImportError):
    """An optional package that is not installed."""


class EncoderError(OODSegError, RuntimeError):
    """A pretrained encoder that cannot be got or used."""
