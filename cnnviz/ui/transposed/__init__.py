"""The views of the lesson on transposed convolution, one a file; each draws itself below the choice of view."""
