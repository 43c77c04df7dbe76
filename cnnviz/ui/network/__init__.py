"""The views of the lesson "Your photo through a network"."""
