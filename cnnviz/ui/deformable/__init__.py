"""The views of the lesson on deformable convolution, one a file; each draws itself below the choice of view."""
