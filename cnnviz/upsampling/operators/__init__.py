"""One operator a file, registered where it is defined."""
