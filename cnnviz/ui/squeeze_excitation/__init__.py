"""The views of the lesson on squeeze and excitation, one a file; each draws itself below the choice of view."""
