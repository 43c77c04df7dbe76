"""PyTorch's own count of operations, safe where other threads run networks of their own."""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class Flops(TorchDispatchMode):
    """Adds up ``torch.utils.flop_counter``'s formulas over every operation that runs inside ``with``.

    ``FlopCounterMode`` does the same, and also hooks every module of the process, other visitors' too.

    Attributes:
        total: operations so far; a multiply–accumulate is two.
    """

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if formula := flop_registry.get(func.overloadpacket):
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        return out

    @property
    def macs(self) -> int:
        """Multiply–accumulates so far."""
        return self.total // 2
