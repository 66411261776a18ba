"""Frozen image features: pure filters and the banks made of them."""
