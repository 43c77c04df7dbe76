"""The views of the mIoU lesson, one a file; each draws itself below the choice of view."""
