"""The gradient at each of 56 layers: measured and drawn, against the bare torch computation; and ten visitors moving the depth.

The bare computation does the same for the same stacks, plain and residual, all seeds side by side in the channels, and
nothing else: no settings, no statistics, no drawing. Processor time of one thread, in turn. The visitors all press a key
on the depth slider at once; their time is compared with that of one visitor alone, and with a page that only writes
its slider's value.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from playwright.sync_api import Page, sync_playwright
from torch import Tensor
from torch.nn import functional as F

from benchmarks.tweaks import FLOOR, press, ready, rested, tweak
from cnnviz.blocks.depth import BATCH, SIDE, WIDTH, StackSettings, gradient_norms
from cnnviz.blocks.residual import Activation
from cnnviz.figures.residual import PLAIN, RESIDUAL, Line, LogLabels, log_lines
from tests.browser.conftest import CHROMIUM_FLAGS, ROOT, chromium, serve

DEPTH, SEEDS, AIM = 56, 5, 1.2
ROUNDS = 15
VISITORS, TWEAKS = 10, 10
WORDS = LogLabels("layer", "{name}, layer {x}: {value}; {low} to {high}")


def figure(activation: Activation, normalise: bool) -> str:
    """What the lesson computes and draws for a step of the slider."""
    lines = []
    for residual, paint in ((False, PLAIN), (True, RESIDUAL)):
        settings = StackSettings(DEPTH, residual, activation, normalise, "pre")
        found = gradient_norms(settings, range(SEEDS))
        lines.append(Line("", found.median, found.norms.min(0), found.norms.max(0), paint))
    return log_lines(lines, 1, WORDS, "")


def bare(activation: Activation, normalise: bool) -> list[Tensor]:
    """The norms alone."""
    activate, gain = getattr(torch, activation), 2 if activation == "relu" else 1
    norms = []
    for residual in (False, True):
        drawn = [torch.Generator().manual_seed(seed) for seed in range(SEEDS)]
        each = [
            torch.randn(2, BATCH, WIDTH, SIDE, SIDE, generator=generator, dtype=torch.float64)
            for generator in drawn
        ]
        x, target = torch.cat(each, 2)
        kernels = [
            torch.randn(DEPTH, WIDTH, WIDTH, 3, 3, generator=generator, dtype=torch.float64)
            for generator in drawn
        ]
        weights = (torch.cat(kernels, 1) * (gain / (9 * WIDTH)) ** 0.5).requires_grad_().unbind()
        entered = x
        for number, weight in enumerate(weights, 1):
            if normalise:
                x = F.batch_norm(x, None, None, training=True)
            x = F.conv2d(activate(x), weight, padding=1, groups=SEEDS)
            if number % 2 == 0:
                if residual:
                    x = x + entered
                entered = x
        gradients = torch.autograd.grad(SEEDS * (x - target).square().mean() / 2, weights)
        norms.append(torch.stack(gradients).view(DEPTH, SEEDS, -1).norm(dim=2))
    return norms


def seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def together(pages: Sequence[Page], turn: int) -> list[float]:
    """Milliseconds that each visitor waits when all press a key."""
    for page in pages:
        press(page, turn)
    return [rested(page) for page in pages]


def main() -> None:
    torch.set_num_threads(1)
    pairs: list[tuple[Activation, bool]] = [
        ("sigmoid", False),
        ("relu", False),
        ("sigmoid", True),
        ("relu", True),
    ]
    for activation, normalise in pairs:
        mine, theirs = partial(figure, activation, normalise), partial(bare, activation, normalise)
        mine(), theirs()
        times = [(seconds(mine), seconds(theirs)) for _round in range(ROUNDS)]
        ours, others = (statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(our / their for our, their in times)
        said = f"{activation}{', BatchNorm' if normalise else ''}"
        print(
            f"  {said:18} {ours * 1e3:.0f} ms, bare torch {others * 1e3:.0f} ms, ratio {ratio:.2f} (aim: ≤ {AIM})",
            flush=True,
        )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        script = Path(folder) / "floor.py"
        script.write_text(FLOOR)
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        with (
            serve(script, Path(folder) / "log") as low,
            serve(ROOT / "app.py", Path(folder) / "log2") as high,
        ):
            floor = ready(browser, low)
            # Each with seeds of their own: no one computes what another one needs.
            pages = [
                ready(browser, f"{high}/residual?lang=en&view=depth&depth=46&seed={10 * visitor}")
                for visitor in range(VISITORS)
            ]
            base = statistics.median(tweak(floor, turn) for turn in range(TWEAKS))
            # Turn 0 again and again: always one layer deeper, so that no answer has been given before.
            alone = statistics.median(tweak(pages[0], 0) for _turn in range(TWEAKS))
            all_at_once = [wait for _turn in range(TWEAKS) for wait in together(pages, 0)]
            ten, worst = statistics.median(all_at_once), max(all_at_once)
            print(
                f"  {VISITORS} visitors at once: {ten:.0f} ms, the slowest {worst:.0f} ms; alone {alone:.0f} ms, "
                f"ratio {ten / alone:.2f}; floor {base:.0f} ms"
            )
        browser.close()


if __name__ == "__main__":
    main()
