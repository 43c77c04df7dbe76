"""The views of the lesson on residual blocks, one a file; each draws itself below the choice of view."""
