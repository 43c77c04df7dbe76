"""Where networks run: the devices of this machine, and the engine that loads and runs a network on one."""
