"""What to look at next: unknown regions, and strokes that may be mistakes."""
