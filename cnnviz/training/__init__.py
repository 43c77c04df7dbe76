"""How the networks that this repository ships were trained, to be run again."""
