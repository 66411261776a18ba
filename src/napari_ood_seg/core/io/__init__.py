"""Open images and scribble masks, write predictions and our own files."""
