from .api import predict, train
from .config import DeepConfig, FilterConfig, InstantConfig, PUConfig, SpectralConfig
from .data.bands import live_bands, without_dead_bands
from .data.reflectance import corrected, reflectance
from .data.scribbles import Scribbles, Stroke
from .data.source import ImageSource
from .evaluation.protocol import audit
from .evaluation.report import Audit, TruthReport
from .evaluation.truth import against_truth
from .io.images import open_image, open_series, read_labels
from .io.scribble_files import load_scribbles, save_scribbles
from .models.instant import InstantModel
from .training.bundle import load_model, save_model
from .types import UNKNOWN, UNLABELLED, ClassInfo, Prediction

__all__ = [
    "UNKNOWN",
    "UNLABELLED",
    "Audit",
    "ClassInfo",
    "DeepConfig",
    "FilterConfig",
    "ImageSource",
    "InstantConfig",
    "InstantModel",
    "PUConfig",
    "Prediction",
    "Scribbles",
    "SpectralConfig",
    "Stroke",
    "TruthReport",
    "against_truth",
    "audit",
    "corrected",
    "live_bands",
    "load_model",
    "load_scribbles",
    "open_image",
    "open_series",
    "predict",
    "read_labels",
    "reflectance",
    "save_model",
    "save_scribbles",
    "train",
    "without_dead_bands",
]
