"""The devices that networks can run on, by id: ``cpu``, ``cuda``, ``mps``.

Importing this module doesn't import torch; asking it a question does.
"""

import os
import platform
from dataclasses import dataclass
from functools import cache

CPU = "cpu"


@dataclass(frozen=True)
class Device:
    """A device of this machine.

    Attributes:
        id: what torch calls it.
        name: of the chip, as its driver says; of the processor family for a CPU.
        cores: CPU cores that this process may use; None for a GPU.
        memory: bytes of its own memory; None where it shares the machine's.
    """

    id: str
    name: str
    cores: int | None = None
    memory: int | None = None


@cache
def available() -> tuple[str, ...]:
    """Ids of the devices that are there; the CPU always, and first.

    >>> available()[0]
    'cpu'
    """
    import torch

    there = {CPU: True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return tuple(device_id for device_id, is_there in there.items() if is_there)


def resolve(device_id: str) -> str:
    """`device_id` if it is there, else the CPU: a link made on a machine with a GPU opens on any.

    >>> resolve("abacus")
    'cpu'
    """
    return device_id if device_id in available() else CPU


def describe(device_id: str) -> Device:
    """What is known of the device called `device_id`, or of the CPU if that isn't there."""
    device_id = resolve(device_id)
    if device_id == "cuda":
        import torch

        properties = torch.cuda.get_device_properties(0)
        return Device(device_id, properties.name, memory=properties.total_memory)
    chip = platform.processor() or platform.machine()
    return Device(device_id, chip, cores=_cores() if device_id == CPU else None)


def _cores() -> int:
    # A container may be allowed fewer cores than the machine has; only Linux can say.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
