from napari_ood_seg.core.api import predict, train
from napari_ood_seg.core.config import FilterConfig, InstantConfig, PUConfig
from napari_ood_seg.core.data.scribbles import Scribbles, Stroke
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.io.images import open_image, read_labels
from napari_ood_seg.core.io.scribble_files import load_scribbles, save_scribbles
from napari_ood_seg.core.models.instant import InstantModel
from napari_ood_seg.core.training.bundle import load_model, save_model
from napari_ood_seg.core.types import UNKNOWN, UNLABELLED, ClassInfo, Prediction

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
