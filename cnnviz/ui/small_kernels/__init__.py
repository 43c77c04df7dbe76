"""Views of the lesson "Why small kernels win"."""
