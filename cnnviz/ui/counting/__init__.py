"""The views of the lesson "Count any network"."""
