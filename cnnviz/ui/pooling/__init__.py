"""The views of the Pooling lesson, one a file; each draws itself below the choice of view."""
