"""The views of the upsampling bench, one a file; each draws itself below the choice of view."""
