"""The views of the lesson "Matching, step by step", and what "PR curve and AP" shares with it."""
