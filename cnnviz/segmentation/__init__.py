"""Dense prediction: a class for each pixel, by small heads over one frozen backbone."""
