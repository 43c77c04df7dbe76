"""What a cell of a feature map depends on: traced, and measured by gradient."""
