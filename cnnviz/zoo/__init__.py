"""Named networks, one a file, each registered beside its definition with a card."""
