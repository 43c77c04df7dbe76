"""The theoretical field of ResNet-152, traced here and by rfa_toolbox, on the same network in one run.

rfa_toolbox 1.7.0 declares ``Requires-Python <3.11`` and imports ``collections.Sequence``, which Python 3.10
removed; nothing else keeps it from running. So it is installed past its declaration, and the name is lent to
it while it is imported.
"""

import collections
import collections.abc
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torchvision
from torch import nn

from cnnviz.explain.traced_field import trace_module

NETWORK, SIZE, ROUNDS = "resnet152", 224, 5
INSTALL = "pip install --ignore-requires-python --no-deps rfa-toolbox==1.7.0 graphviz==0.21 attrs"


def ours(network: nn.Module) -> int:
    """Largest field of any module by the paths that keep the grid, in pixels."""
    return max(module.size[0] for module in trace_module(network, SIZE).modules if module.size)


def peer() -> Callable[[nn.Module], int] | None:
    """The same by rfa_toolbox; None where it is not installed."""
    collections.Sequence = collections.abc.Sequence  # type: ignore[attr-defined]
    try:
        from rfa_toolbox.encodings.pytorch.ingest_architecture import create_graph_from_model
    except ImportError as error:
        print(f"  rfa_toolbox can't be compared with ({error}); to install it: {INSTALL}")
        return None
    finally:
        del collections.Sequence  # type: ignore[attr-defined]

    def theirs(network: nn.Module) -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.jit.trace is deprecated
            graph = create_graph_from_model(network, input_res=(1, 3, SIZE, SIZE))
        sizes = (np.max(layer.receptive_field_max) for layer in graph.all_layers)
        return int(max(size for size in sizes if np.isfinite(size)))

    return theirs


def timed(measure: Callable[[nn.Module], int], network: nn.Module) -> tuple[float, int]:
    start = time.perf_counter()
    size = measure(network)
    return time.perf_counter() - start, size


def main() -> None:
    network = torchvision.models.get_model(NETWORK, weights=None).eval()
    theirs = peer()
    warm_up = torchvision.models.resnet18().eval()
    ours(warm_up)
    if theirs is None:
        seconds = statistics.median(timed(ours, network)[0] for _ in range(ROUNDS))
        print(f"  {NETWORK}: {ours(network)} pixels, {seconds * 1e3:.0f} ms")
        return
    theirs(warm_up)
    pairs = [(timed(ours, network), timed(theirs, network)) for _ in range(ROUNDS)]
    (_, size), (_, their_size) = pairs[-1]
    seconds, their_seconds = (statistics.median(pair[i][0] for pair in pairs) for i in (0, 1))
    ratio = statistics.median(their[0] / our[0] for our, their in pairs)
    print(f"  cnnviz       {size} pixels, {seconds * 1e3:.0f} ms")
    print(f"  rfa_toolbox  {their_size} pixels, {their_seconds * 1e3:.0f} ms")
    verdict = "the same figure" if size == their_size else "figures differ"
    print(f"  {ratio:.1f} times as fast, {verdict} (aim: ten times)")


if __name__ == "__main__":
    main()
