"""The views of the lesson "Why did it say that?"."""
