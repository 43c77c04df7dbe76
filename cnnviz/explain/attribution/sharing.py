"""Working with networks that others use at the same time, in batches that fit the memory."""

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.errors import ModelError
from cnnviz.messages import N_

_LARGEST = 32
_CPU_BYTES = 512 * 2**20
"""Of one visitor's batch: more is no faster on a CPU, and others are there too."""


def with_own(network: nn.Module, *paths: str) -> nn.Module:
    """The network with modules of its own on the way to `paths`, and everything else shared.

    Hooks on these modules touch nobody else. Weights are shared, so that it costs next to nothing.

    Raises:
        ModelError: there is no such module.
    """
    own = {id(network)}
    for path in paths:
        module = network
        for name in path.split("."):
            module = dict(module.named_children()).get(name)  # type: ignore[assignment]
            if module is None:
                raise ModelError(
                    N_("{network} has no module {name} that ran"), network=type(network).__name__, name=path
                )
            own.add(id(module))
    shared: list[Any] = [module for module in network.modules() if id(module) not in own]
    shared += [*network.parameters(), *network.buffers()]
    return copy.deepcopy(network, {id(part): part for part in shared})


def batch_size(network: nn.Module, x: Tensor) -> int:
    """How many copies of `x`, (1, 3, H, W), may go through the network together with their gradients.

    One image goes through, and what autograd keeps of it is counted: as many as fit into a quarter of the
    memory that is free, on a CPU into 512 MiB, from 1 to 32.
    """
    kept = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel() * tensor.element_size()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        network(x.detach().clone().requires_grad_())
    return max(1, min(_LARGEST, _free(x.device) // 4 // max(1, kept)))


def _free(device: torch.device) -> int:
    """Bytes, of which a quarter may be used."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = 4 * _CPU_BYTES
    # macOS and Windows don't say.
    if device.type == "cpu" and "SC_AVPHYS_PAGES" in getattr(os, "sysconf_names", {}):
        free = min(free, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return free


@contextmanager
def explained(network: nn.Module, target: int) -> Iterator[None]:
    """Turn what torch and captum raise into an error of ours."""
    name = type(network).__name__
    try:
        yield
    except IndexError as error:
        raise ModelError(N_("{network} has no class {target}"), network=name, target=target) from error
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise ModelError(N_("{network} failed: {reason}"), network=name, reason=reason) from error
