"""The views of the decoders lesson, one a file; each draws itself below the choice of view."""
