"""The views of the lesson Evaluate your own detections."""
