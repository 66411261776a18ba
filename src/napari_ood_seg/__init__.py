"""Interactive segmentation from sparse positive-only scribbles, with OOD scores."""

__version__ = "0.1.0"
