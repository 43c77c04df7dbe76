"""The views of the IoU lesson, one a file; each draws itself below the choice of view."""
