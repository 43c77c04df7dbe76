"""The views of the lesson on Inception, one a file; each draws itself below the choice of view."""
