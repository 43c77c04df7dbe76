"""Ground truths and detections from uploaded files, and back: one file a format."""
