"""The views of the segmentation lesson, one a file."""
