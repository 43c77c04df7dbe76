"""The views of the lesson "Images as tensors", one a file; each returns the code of what it shows."""
