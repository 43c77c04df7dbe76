"""The blocks that networks are made of, each a small module that shows one idea, and what can be measured of it."""
