"""The views of the lesson "PR curve and AP"."""
