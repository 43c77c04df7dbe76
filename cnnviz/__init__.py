"""cnnviz: the shared model and metric core of a dashboard that teaches how convolutional networks see."""
