from .api import predict, train
from .config import FilterConfig, InstantConfig, PUConfig
from .data.scribbles import Scribbles, Stroke
from .data.source import ImageSource
from .io.images import open_image, read_labels
from .io.scribble_files import load_scribbles, save_scribbles
from .models.instant import InstantModel
from .training.bundle import load_model, save_model
from .types import UNKNOWN, UNLABELLED, ClassInfo, Prediction

__all__ = [
    "UNKNOWN",
    "UNLABELLED",
    "ClassInfo",
    "FilterConfig",
    "ImageSource",
    "InstantConfig",
    "InstantModel",
    "PUConfig",
    "Prediction",
    "Scribbles",
    "Stroke",
    "load_model",
    "load_scribbles",
    "open_image",
    "predict",
    "read_labels",
    "save_model",
    "save_scribbles",
    "train",
]
