"""Judge models: by held-out classes, and by ground truth."""
