"""The views of the lesson on dense blocks, one a file; each draws itself below the choice of view."""
