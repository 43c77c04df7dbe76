"""The views of the lesson The zoo, one a file; each draws itself below the choice of view."""
