"""Arithmetic of layers: integers only, no torch needed to import."""
