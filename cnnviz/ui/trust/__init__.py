"""The views of the lesson "Should you believe the map?"."""
