"""The views of the lesson on checkerboards, one a file; each draws itself below the choice of view."""
