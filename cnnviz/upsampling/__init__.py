"""Making maps larger: every operator with its formula, its PyTorch call and an implementation of its own."""
