"""The views of the lesson on bottlenecks, one a file; each draws itself below the choice of view."""
