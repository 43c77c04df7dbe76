"""The views of the detection lesson, one a file."""
