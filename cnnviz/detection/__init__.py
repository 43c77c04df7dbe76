"""Object detection: boxes, classes and scores, from a small head over the frozen backbone."""
