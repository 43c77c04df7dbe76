"""The lesson on Inception as scripts to keep, without cnnviz."""

from collections.abc import Sequence

from cnnviz.blocks import auxiliary
from cnnviz.blocks.auxiliary import ChainSettings
from cnnviz.blocks.inception import InceptionSettings
from cnnviz.blocks.inception_live import PATCH

_ACTIVATIONS = {"relu": "nn.ReLU", "tanh": "nn.Tanh", "sigmoid": "nn.Sigmoid"}


def module_code(settings: InceptionSettings, side: int, seed: int, photo: str, blocks: int) -> str:
    """Script that builds a module, runs it, and prints what each branch makes and costs.

    Args:
        side: of the maps.
        seed: of all weights, and of a random input.
        photo: code that defines ``photo``, (H, W, 3) uint8; empty for a random input.
        blocks: modules of the same widths in a row, at the end.
    """
    return f"""{photo or "import torch"}

{"import torch" if photo else ""}
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

generator = torch.Generator().manual_seed({seed})


def initialise(module):
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


# %% The input: {settings.inputs} maps of {side} × {side}
{_photo_input(settings, side) if photo else _random_input(settings, side)}

# %% The module
{_module(settings)}

block = Inception({settings.inputs}).eval()
initialise(block)
with torch.inference_mode():
    print("output:", tuple(block(x).shape))
    for name, branch in block.named_children():
        with FlopCounterMode(display=False) as flops:
            y = branch(x)
        parameters = sum(p.numel() for p in branch.parameters())
        print(f"{{name}}: {{y.shape[1]}} channels, {{parameters:,}} parameters, "
              f"{{flops.get_total_flops() // 2:,}} MACs, mean {{y.mean():.4g}}")

# %% {blocks} in a row: channels after each
channels, after = {settings.inputs}, []
with torch.device("meta"):
    for number in range({blocks}):
        channels = Inception(channels)(torch.empty(1, channels, {side}, {side})).shape[1]
        after.append(channels)
print(after)
"""


def _random_input(settings: InceptionSettings, side: int) -> str:
    return f"x = torch.randn(1, {settings.inputs}, {side}, {side}, generator=generator)"


def _photo_input(settings: InceptionSettings, side: int) -> str:
    return f"""edge = min(photo.shape[:2])
top, left = (photo.shape[0] - edge) // 2, (photo.shape[1] - edge) // 2
square = torch.tensor(photo[top : top + edge, left : left + edge]).permute(2, 0, 1)[None]
small = F.adaptive_avg_pool2d(square / 127.5 - 1, {PATCH * side})
filters = nn.Conv2d(3, {settings.inputs}, 7, stride={PATCH}, padding=3, bias=False)
initialise(filters)
with torch.inference_mode():
    x = F.relu(filters(small))"""


def _module(settings: InceptionSettings) -> str:
    """The classes ``Inception`` and what it is made of."""
    activation = _ACTIVATIONS[settings.activation]
    norm = " nn.BatchNorm2d(after, eps=0.001)," if settings.normalise else ""
    bias = ", bias=False" if settings.normalise else ""
    branches = []
    for name, convolutions in settings.convolutions.items():
        parts = ["*layer({}, {}, {})".format(*each) for each in convolutions]
        # The module is built for any number of channels that come in.
        if parts:
            _before, after, kernel = convolutions[0]
            parts[0] = f"*layer(inputs, {after}, {kernel})"
        if name == "pool":
            parts.insert(0, "nn.MaxPool2d(3, stride=1, padding=1)")
        branches.append(f"        self.{name} = nn.Sequential({', '.join(parts)})")
    built = "\n".join(branches)
    return f"""def layer(before, after, kernel):
    return [nn.Conv2d(before, after, kernel, padding=kernel // 2{bias}),{norm} {activation}()]


class Inception(nn.Module):
    def __init__(self, inputs):
        super().__init__()
{built}

    def forward(self, x):
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], dim=1)"""


def auxiliary_code(settings: ChainSettings, seeds: Sequence[int], first: float, second: float) -> str:
    """Script that measures the gradient at every module with and without the auxiliary losses.

    Args:
        seeds: one chain for each; the medians are printed.
        first, second: weights of the two losses.
    """
    a = auxiliary
    activation = _ACTIVATIONS[settings.activation]
    if settings.activation == "relu":
        draw = 'nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)'
    else:
        draw = "nn.init.xavier_normal_(layer.weight, generator=generator)"
    built = InceptionSettings(a.WIDTH, a.WIDTHS, normalise=settings.normalise, activation=settings.activation)
    one, two = settings.heads
    return f"""import torch
from torch import nn
from torch.nn import functional as F

# %% A narrow Inception module, and an auxiliary classifier
{_module(built)}


def head():
    return nn.Sequential(
        nn.AdaptiveAvgPool2d({a.GRID}), nn.Conv2d({a.WIDTH}, {a.HEAD_WIDTH}, 1), {activation}(), nn.Flatten(),
        nn.Linear({a.HEAD_WIDTH * a.GRID**2}, {a.HEAD_UNITS}), {activation}(), nn.Linear({a.HEAD_UNITS}, {a.CLASSES}),
    )


# %% {settings.blocks} modules in a row, heads behind number {one} and {two}, in float64: gradients may be very small
def norms(seed, first, second):
    generator = torch.Generator().manual_seed(seed)
    blocks = nn.ModuleList(Inception({a.WIDTH}) for _ in range({settings.blocks}))
    heads = nn.ModuleList([head(), head()])
    classifier = nn.Linear({a.WIDTH}, {a.CLASSES})
    network = nn.ModuleList([blocks, heads, classifier]).double()
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            {draw}
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    x = torch.randn({a.BATCH}, {a.WIDTH}, {a.SIDE}, {a.SIDE}, generator=generator, dtype=torch.float64)
    labels = torch.randint({a.CLASSES}, ({a.BATCH},), generator=generator)
    loss = 0
    for number, block in enumerate(blocks, start=1):
        x = block(x)
        if number == {one}:
            loss = loss + first * F.cross_entropy(heads[0](x), labels)
        if number == {two}:
            loss = loss + second * F.cross_entropy(heads[1](x), labels)
    loss = loss + F.cross_entropy(classifier(x.mean((2, 3))), labels)
    loss.backward()
    kernels = [[m.weight.grad.flatten() for m in block.modules() if isinstance(m, nn.Conv2d)] for block in blocks]
    return torch.stack([torch.cat(each).norm() for each in kernels])


# %% Without and with: the median over the seeds, module by module
def median(first, second):
    return torch.stack([norms(seed, first, second) for seed in {list(seeds)}]).quantile(0.5, dim=0)

without, with_heads = median(0, 0), median({first:g}, {second:g})
for number, (a, b) in enumerate(zip(without, with_heads), start=1):
    print(f"{{number}}: {{a:.3e}} {{b:.3e}}")
"""
