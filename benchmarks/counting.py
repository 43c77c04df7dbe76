"""Counting all 80 torchvision classifiers by name, against torchinfo on the same networks.

torchinfo takes a network that is built already. The quickest way that PyTorch itself offers is on the meta
device (``torch.device("meta")``); where a network can't be built so, it is built as usual, on the CPU.
Processor time of one thread, in turn, each network once after a first that doesn't count.
"""

import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torchinfo
import torchvision
from torch import nn

from cnnviz.zoo.counting import build, catalogue, count, count_named, input_shape_of, published


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def built(name: str) -> nn.Module:
    """The network as somebody with PyTorch alone would build it for counting."""
    shape = input_shape_of(name)
    options: dict[str, Any] = {"image_size": shape[1]} if name.startswith("vit") else {}
    if name in ("googlenet", "inception_v3"):
        options = {"init_weights": False, "aux_logits": name == "inception_v3"}
    try:
        with torch.device("meta"):
            return torchvision.models.get_model(name, weights=None, **options).eval()
    except (RuntimeError, NotImplementedError):
        return torchvision.models.get_model(name, weights=None, **options).eval().to("meta")


def summary(name: str, network: nn.Module) -> Any:
    return torchinfo.summary(network, (1, *input_shape_of(name)), device="meta", verbose=0)


def main() -> None:
    torch.set_num_threads(1)
    whole: list[tuple[float, float]] = []
    alone: list[tuple[float, float]] = []
    wrong = []
    names = catalogue()["classification"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in (names[0], *names):
            ours, counted = timed(partial(count_named, name))
            building, network = timed(partial(built, name))
            theirs, found = timed(partial(summary, name, network))
            whole.append((ours, building + theirs))
            ready = build(name)
            shape = input_shape_of(name)
            alone.append((timed(partial(count, ready, shape))[0], theirs))
            documented = published(name).macs
            assert documented is not None
            if abs(found.total_mult_adds - documented) > max(0.01 * documented, 1e6):
                wrong.append((name, found.total_mult_adds, counted.macs, documented))
    for what, pairs in (("from the name", whole[1:]), ("counting alone", alone[1:])):
        ours, theirs = (sum(times) for times in zip(*pairs, strict=True))
        median = statistics.median(them / us for us, them in pairs)
        print(f"  {what}: ours {ours:.1f} s, torchinfo {theirs:.1f} s for {len(pairs)} networks")
        print(f"  ratio {theirs / ours:.1f}, median of the ratios {median:.1f} (aim: at least 5)")
    print(f"  slowest of ours: {max(us for us, _ in whole[1:]):.2f} s (aim: below 1)")
    print(f"  torchinfo's MACs are off by more than 1 % for {len(wrong)} networks:")
    for name, theirs, ours, documented in wrong:
        print(f"    {name}: {theirs / 1e9:.3f} G; ours {ours / 1e9:.3f}, documented {documented / 1e9:.3f}")


if __name__ == "__main__":
    main()
