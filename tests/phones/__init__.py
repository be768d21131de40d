"""Simulated phones: everything below the lowest seam we do not own (docs/simulated-phones.md)."""
