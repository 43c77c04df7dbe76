"""The views of the lesson on what channels look for."""
