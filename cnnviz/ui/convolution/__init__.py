"""The views of the Convolution lesson, one a file; each draws itself below the choice of view."""
