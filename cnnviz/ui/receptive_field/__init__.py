"""The views of the lesson "Receptive field"."""
