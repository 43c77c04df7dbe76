"""The lesson on residual blocks as scripts to keep, without cnnviz."""

from collections.abc import Sequence

from cnnviz.blocks.depth import BATCH, SIDE, WIDTH, StackSettings
from cnnviz.blocks.paths import BATCH as SETTLING
from cnnviz.blocks.paths import MOST_WALKED, ChainSettings
from cnnviz.blocks.residual import Activation, Design, Order
from cnnviz.blocks.residual_live import PATCH, RANDOM_SIDE, BlockSettings

_ACTIVATIONS = {"relu": "nn.ReLU()", "tanh": "nn.Tanh()", "sigmoid": "nn.Sigmoid()"}
_IMPORTS = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F"


def photo_code(photo: str, size: tuple[int, int]) -> str:
    """Code that makes x of a photo.

    Args:
        photo: code that defines ``photo``, (H, W, 3) uint8.
        size: (height, width) that it is reduced to.
    """
    return f"""{photo}

import cv2
{_IMPORTS}

photo = cv2.resize(photo, ({size[1]}, {size[0]}), interpolation=cv2.INTER_AREA)
x = torch.from_numpy(photo / 255).permute(2, 0, 1)[None]
x = (x - x.mean()) / x.std(correction=0).clamp(min=1 / 255)
"""


def random_code(channels: int, seed: int) -> str:
    """Code that draws x."""
    return f"""{_IMPORTS}

generator = torch.Generator().manual_seed({seed})
x = torch.randn(1, {channels}, {RANDOM_SIDE}, {RANDOM_SIDE}, generator=generator, dtype=torch.float64)
"""


def _branch(inputs: int, outputs: int, stride: int, design: Design) -> str:
    """The modules of F, one a line."""
    activation = _ACTIVATIONS[design.activation]
    lines = []
    for number, (i, s) in enumerate(((inputs, stride), (outputs, 1))):
        bias = ", bias=False" if design.normalise else ""
        conv = f"nn.Conv2d({i}, {outputs}, 3, {s}, padding=1{bias})"
        norm = [
            f"nn.BatchNorm2d({i if design.order == 'pre' else outputs}, momentum=None)"
        ] * design.normalise
        if design.order == "pre":
            lines += [*norm, activation, conv]
        else:
            lines += [conv, *norm, *([activation] if number == 0 else [])]
    return "".join(f"            {line},\n" for line in lines)


def _block(inputs: int, outputs: int, stride: int, design: Design) -> str:
    """The class."""
    skips = {
        "identity": "x",
        "projection": "self.projection(x)",
        "zeros": f"F.pad(x[:, :, ::{stride}, ::{stride}], (0, 0, 0, 0, 0, {outputs - inputs}))",
        "none": "0 * self.branch(x)",
    }
    projection = (
        f"        self.projection = nn.Conv2d({inputs}, {outputs}, 1, {stride}, bias=False)\n"
        if design.shortcut == "projection"
        else ""
    )
    total = "self.residual(x) + self.skip(x)"
    return f"""class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.branch = nn.Sequential(
{_branch(inputs, outputs, stride, design)}        )
{projection}
    def residual(self, x):
        return {design.scale:g} * self.branch(x)

    def skip(self, x):
        return {skips[design.shortcut]}

    def forward(self, x):
        return {f"{_function(design.activation)}({total})" if design.order == "post" else total}


def initialise(network, generator):
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
"""


def block_code(input_code: str, settings: BlockSettings) -> str:
    """Script that runs the block, differentiates it, and counts its parameters.

    Args:
        input_code: defines ``x``, (1, inputs, H, W) float64, and imports torch, nn and F.
    """
    i, o, s = settings.inputs, settings.outputs, settings.stride
    return f"""{input_code}

# %% The block
{_block(i, o, s, settings.design)}

block = Block().double()
initialise(block, torch.Generator().manual_seed({settings.seed}))
print("parameters:", sum(p.numel() for p in block.parameters()))

# %% On x: BatchNorm takes its statistics from it, then keeps them
with torch.no_grad():
    block.train()(x)
    block.eval()
    residual, output = block.residual(x), block(x)
for name, values in ("x", x), ("F(x)", residual), ("H(x)", output):
    print("root mean square of", name, tuple(values.shape), round(values.square().mean().sqrt().item(), 4))

# %% The slope, on {PATCH} x {PATCH} pixels in the middle
top, left = ((side - {PATCH}) // 2 for side in x.shape[2:])
patch = x[:, :, top : top + {PATCH}, left : left + {PATCH}]


def jacobian(function):
    found = torch.autograd.functional.jacobian(function, patch)
    return found.reshape(-1, patch.numel())


H, branch = jacobian(block), jacobian(block.residual)
print("dH/dx", tuple(H.shape), "norm", H.norm().item(), "mean of the diagonal", H.diagonal().mean().item())
print("F'", tuple(branch.shape), "norm", branch.norm().item(), "mean of the diagonal", branch.diagonal().mean().item())
"""


def depth_code(
    depth: int, activation: Activation, normalise: bool, order: Order, seeds: Sequence[int]
) -> str:
    """Script that measures the gradient at every layer of a plain and of a residual stack."""
    std = StackSettings(depth, False, activation).weight_std
    conv = f"nn.Conv2d({WIDTH}, {WIDTH}, 3, padding=1, bias=False)"
    norm = [f"nn.BatchNorm2d({WIDTH})"] if normalise else []
    pre = order == "pre"
    modules = [*norm, _ACTIVATIONS[activation], conv] if pre else [conv, *norm]
    after = "" if pre else f"        x = {_function(activation)}(x)\n"
    return f"""import statistics

{_IMPORTS}


def layer(kernel):
    modules = nn.Sequential({", ".join(modules)}).double()
    convolution = next(module for module in modules if isinstance(module, nn.Conv2d))
    convolution.weight = nn.Parameter(kernel)
    return modules, convolution.weight


def gradients(seed, residual):
    drawn = {{"generator": torch.Generator().manual_seed(seed), "dtype": torch.float64}}
    x, target = torch.randn(2, {BATCH}, {WIDTH}, {SIDE}, {SIDE}, **drawn)
    kernels = {std!r} * torch.randn({depth}, {WIDTH}, {WIDTH}, 3, 3, **drawn)
    weights, entered = [], x
    for number, kernel in enumerate(kernels, 1):
        modules, weight = layer(kernel)
        weights.append(weight)
        x = modules(x)
        if residual and number % 2 == 0:
            x = x + entered  # the shortcut, around every two convolutions
{after}        if number % 2 == 0:
            entered = x
    loss = F.mse_loss(x, target) / 2
    return [gradient.norm().item() for gradient in torch.autograd.grad(loss, weights)]


# %% Plain and residual: {depth} layers, {len(seeds)} seeds
for residual in False, True:
    norms = [gradients(seed, residual) for seed in {list(seeds)}]
    median = [statistics.median(layer) for layer in zip(*norms)]
    print("residual" if residual else "plain", "first", median[0], "last", median[-1])
    if median[-1]:
        print("  factor a layer", (median[0] / median[-1]) ** (1 / {depth - 1}))
"""


def paths_code(settings: ChainSettings, length: int, samples: int) -> str:
    """Script that counts the paths, and measures what those of each length carry.

    Args:
        length: of which the number of paths is printed.
        samples: paths of each length.
    """
    n = settings.blocks
    design = Design("identity", settings.order, "relu", settings.normalise, settings.scale)
    shape = f"{WIDTH}, {SIDE}, {SIDE}"
    every = f"""
paths = torch.cartesian_prod(*[torch.tensor([False, True])] * {n}).view(-1, {n})
print("all paths added up:", gradient_along(paths).sum(0).norm().item())
""" if n <= MOST_WALKED else ""  # fmt: skip
    return f"""from math import comb

{_IMPORTS}

print(2**{n}, "paths,", comb({n}, {length}), "of them through {length} of {n} branches")

# %% A chain of blocks
{_block(WIDTH, WIDTH, 1, design)}

drawn = {{"generator": torch.Generator().manual_seed({settings.seed}), "dtype": torch.float64}}
x = torch.randn({SETTLING}, {shape}, **drawn)
target = torch.randn(1, {shape}, **drawn)
chain = nn.Sequential(*[Block() for _ in range({n})]).double()
initialise(chain, drawn["generator"])
with torch.no_grad():
    chain.train()(x)  # BatchNorm takes its statistics
chain.eval().requires_grad_(False)
x = x[:1]

# %% The whole gradient
entered = x.clone().requires_grad_()
(F.mse_loss(chain(entered), target) / 2).backward()
print("the whole gradient:", entered.grad.norm().item())


# %% The gradient that each path brings: where it doesn't go, nothing flows back
def gradient_along(paths):
    entered = x.repeat(len(paths), 1, 1, 1).requires_grad_()
    h = entered
    for block, takes in zip(chain, paths.T):
        takes = takes.double().view(-1, 1, 1, 1)
        still = h.detach()
        through, past = takes * h + (1 - takes) * still, (1 - takes) * h + takes * still
        h = {f"{_function('relu')}(block.residual(through) + block.skip(past))" if settings.order == "post" else "block.residual(through) + block.skip(past)"}
    loss = sum(F.mse_loss(each, target[0]) / 2 for each in h)
    (gradient,) = torch.autograd.grad(loss, entered)
    return gradient.flatten(1)

{every}
# %% {samples} paths of each length
order = torch.rand({samples}, {n}, generator=torch.Generator().manual_seed({settings.seed}))
paths = order.argsort(1).argsort(1) < torch.arange({n + 1})[:, None, None]  # the first so many of each order
paths = paths.flatten(0, 1)
norms = gradient_along(paths).norm(dim=1).view(-1, {samples}).mean(1)
carried = torch.tensor([comb({n}, length) for length in range({n + 1})]).double() * norms
below = ((carried / carried.sum()).cumsum(0)).tolist()
low, high = (next(k for k, share in enumerate(below) if share >= least) for least in (0.025, 0.975))
print("95 % of what the paths carry goes through", low, "to", high, "branches")
"""


def _function(activation: Activation) -> str:
    return f"torch.{activation}"
