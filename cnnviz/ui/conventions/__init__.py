"""The views of the lesson The convention switchboard."""
