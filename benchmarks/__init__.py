"""Ratios against the floor and against peers; `make bench` prints them all.

Absolute times depend on the machine and on what else it does, so every figure is a ratio of two
things measured in turn in one run, with the medians beside it.
"""
