"""Metrics of detection and segmentation, under every convention that is in use."""
