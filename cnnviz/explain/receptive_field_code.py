"""The receptive field as scripts of their own, for a reader who has PyTorch but not this project."""

from cnnviz.explain.photo_field import CHANNELS, SEED, Subject
from cnnviz.explain.stack_gradient import LONGEST
from cnnviz.explain.traced_field import AxisField, StageField, TracedNetwork
from cnnviz.layers.receptive_field import trace
from cnnviz.layers.stack import Stack
from cnnviz.zoo import standalone


def _literal(stack: Stack) -> str:
    rows = (
        f'    ("{layer.kind}", {layer.kernel_size}, {layer.stride}, {layer.padding_pair[0]}, {layer.dilation}),'
        f"  # {layer.name}\n"
        for layer in stack
    )
    return f"layers = [  # kind, kernel size, stride, padding, dilation\n{''.join(rows)}]\n"


_RECURRENCE = """
size, jump, padding, start, length = 1, 1, 0, 0.0, {length}
for kind, k, s, p, d in layers:
    size += (k - 1) * d * jump
    padding += p * jump
    start += ((k - 1) / 2 * d - p) * jump
    jump *= s
    length = max(0, (length + 2 * p - d * (k - 1) - 1) // s + 1) if length else 0
    print(f"{{kind}}{{k}}: field {{size}}, jump {{jump}}, start {{start:g}}, padding {{padding}}, map {{length}}")
"""

_GRADIENT = """
# %% The same by gradient: every window averages, so that nothing cancels
cell = -(-padding // jump)  # the first whose field begins inside the input
x = torch.ones(1, 1, (cell + 1) * jump - padding + size, dtype=torch.float64, requires_grad=True)
y = x
for kind, k, s, p, d in layers:
    y = F.conv1d(y, torch.full((1, 1, k), 1 / k, dtype=torch.float64), stride=s, padding=p, dilation=d)
seen = []
for i in (cell, cell + 1):
    (gradient,) = torch.autograd.grad(y[0, 0, i], x, retain_graph=True)
    seen.append(gradient.flatten().nonzero().flatten())
print(f"measured: field {seen[0][-1] - seen[0][0] + 1}, jump {seen[1][0] - seen[0][0]}")
"""


def stack_code(stack: Stack, input_size: int) -> str:
    """Script that prints the field after every layer by recurrence, and the last one by gradient.

    Args:
        stack: at least one layer.
        input_size: pixels of the input, for the sizes of the maps.
    """
    gradient = _GRADIENT if trace(stack)[-1].size <= LONGEST else ""
    imports = "import torch\nfrom torch.nn import functional as F\n\n" if gradient else ""
    return imports + _literal(stack) + _RECURRENCE.format(length=input_size) + gradient


_SQUARE = """
# %% The middle of the photo, as the network takes it
height, width = photo.shape[:2]
side = max(1, round(min(height, width) * 7 / 8))
left, top = (width - side) // 2, (height - side) // 2
crop = torch.tensor(photo[top : top + side, left : left + side]).permute(2, 0, 1)[None]
"""

_STACK_NETWORK = f"""
generator = torch.Generator().manual_seed({SEED})
modules, channels = [], 3
for kind, k, s, p, d in layers:
    if kind == "pool":
        modules.append(nn.MaxPool2d(k, s, p, d))
        continue
    conv = nn.Conv2d(channels, {CHANNELS}, k, s, p, d, bias=False)
    nn.init.normal_(conv.weight, 0, (2 / (channels * k * k)) ** 0.5, generator=generator)
    modules += [conv, nn.ReLU()]
    channels = {CHANNELS}
layers = nn.Sequential(*modules)
"""

_LITE0 = """
# %%
layers = nn.Sequential(*(stages[name] for name in {names}))
"""

_UNTRAIN = f"""
# The same network before training
generator = torch.Generator().manual_seed({SEED})
for module in stages.modules():
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0, module.weight[0].numel() ** -0.5, generator=generator)
    elif isinstance(module, nn.BatchNorm2d):
        module.reset_parameters()
"""

_LOOK = """
# %% How much each pixel moves one cell of the map
side, row, column = {side}, {row}, {column}
image = (F.interpolate(crop, (side, side), mode="bicubic", antialias=True).float() - 127) / 128
image.requires_grad_()
output = layers(image)[0, :, row, column]
weights = torch.randn(output.shape, generator=torch.Generator().manual_seed({seed}))
(gradient,) = torch.autograd.grad((output * weights).sum(), image)
share = gradient[0].abs().sum(0).double().flatten()

size, jump, padding = {size}, {jump}, {padding}  # of the theoretical field, by the recurrence
y0, x0 = row * jump - padding, column * jump - padding
(top, bottom), (left, right) = ((max(0, first), min(side, first + size)) for first in (y0, x0))
if top < bottom and left < right:
    print(f"theoretical: {{size}} pixels; rows {{top}} to {{bottom - 1}}, columns {{left}} to {{right - 1}}")
else:
    print("theoretical: nothing but padding")

if share.sum() > 0:
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    distance = torch.hypot(y - (y0 + (size - 1) / 2), x - (x0 + (size - 1) / 2)).flatten()
    order = distance.argsort()
    held = share[order].cumsum(0) / share.sum()
    print(f"95 % of the effective field lie within {{distance[order][(held < 0.95).sum()]:.1f}} pixels")
else:
    print("no gradient arrives")
"""


def photo_code(
    photo: str, kind: Subject, stack: Stack, stage: str, field: StageField, side: int, cell: tuple[int, int]
) -> str:
    """Script that prints the theoretical field of one cell on a photo, and the radius of the effective one.

    Args:
        photo: Python that defines ``photo``, (H, W, 3) uint8.
        kind: which network; `stack` with random weights, or EfficientNet-Lite0 up to `stage`.
        field: the map that the cell is on.
        side: of the image that the network gets, in pixels.
        cell: (row, column).
    """
    assert field.rows is not None
    look = _LOOK.format(
        side=side,
        row=cell[0],
        column=cell[1],
        seed=SEED,
        size=field.rows.size,
        jump=field.rows.stride,
        padding=field.rows.padding,
    )
    if kind == "stack":
        imports = "\n# %%\nimport torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n"
        return photo.strip() + "\n" + imports + _literal(stack) + _STACK_NETWORK + _SQUARE + look
    names = ["stem", *(f"stage{i}" for i in range(1, 8)), "head"]
    network = _LITE0.format(names=names[: names.index(stage) + 1])
    return standalone.script(photo, stage) + network + (_UNTRAIN if kind == "untrained" else "") + look


_TWIN = """{imports}import torch
import torchvision
from torch import nn

network = torchvision.models.get_model("{name}", weights=None{options}).eval().double()

# %% A twin in which nothing cancels and nothing saturates: averages, and what passes on what it gets
PASSES = (nn.BatchNorm2d, nn.LayerNorm, nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.GELU)
GLOBAL = torchvision.ops.SqueezeExcitation  # looks at the whole image: only local paths are measured


def make_twin(module):
    for name, child in module.named_children():
        if isinstance(child, PASSES + (GLOBAL,)):
            setattr(module, name, nn.Identity())
        elif isinstance(child, nn.MaxPool2d):
            pool = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode)
            setattr(module, name, pool)
        else:
            make_twin(child)


make_twin(network)
with torch.no_grad():
    for parameter in network.parameters():
        parameter.fill_(1 / parameter[0].numel())

# %% Which pixels have a gradient?
kept = []
network.get_submodule("{stage}").register_forward_hook(lambda module, inputs, output: kept.append(output))
image = torch.ones(1, 3, {height}, {width}, dtype=torch.float64, requires_grad=True)
{run}output = kept[0]
"""

_LOCAL = """row, column = {row}, output.shape[{dim}] // 2
seen = []
for i in (row, row + {period}):
    (gradient,) = torch.autograd.grad(output{index}.sum(), image, retain_graph=True)
    seen.append(gradient[0].sum((0, 2)).nonzero().flatten())
print(f"{stage}: field {{seen[0][-1] - seen[0][0] + 1}}, jump {{(seen[1][0] - seen[0][0]) // {period}}}")
"""

_GLOBAL = """(gradient,) = torch.autograd.grad(output.sum(), image)
print(f"{stage}: depends on {{(gradient[0].sum(0) > 0).sum()}} of {{image.shape[2] * image.shape[3]}} pixels")
"""

_RUN = "network(image)\n"

_RUN_WITHOUT_MAXIMUM = """# This network calls a function for its pooling, where others have a module.
with patch("torch.nn.functional.max_pool2d", nn.functional.avg_pool2d):
    network(image)
"""

_FIXED_SIZE = ("vit_", "maxvit_")
_THIN = 96


def _clear_row(field: AxisField) -> tuple[int, int, int]:
    """A row whose field begins inside the image, the period of fields, and how long an image two such rows need."""
    period = field.period
    phase = max(range(period), key=lambda i: field.end[i] - field.begin[i])
    row = -(-max(0, -min(field.begin)) // (field.stride * period)) * period + phase
    return row, period, field.interval(row + period)[1]


def network_code(network: TracedNetwork, stage: StageField) -> str:
    """Script that measures the field of one stage of a torchvision classifier by gradient.

    It prints size and jump down the image, by the local paths; for a stage without a grid of cells, how many
    of the image's pixels it depends on.
    """
    height, width = network.input_size
    tail = _GLOBAL
    values: dict[str, object] = {"name": network.name, "stage": stage.name}
    row, period, length = _clear_row(stage.rows) if stage.rows else (0, 1, 0)
    fixed = network.name.startswith(_FIXED_SIZE)
    if stage.rows and stage.dims and (length <= height or not fixed):
        if not fixed:
            height, width = max(height, length), _THIN
        index = "[0, :, i, column]" if stage.dims == (2, 3) else "[0, i, column]"
        tail = _LOCAL
        values |= {"row": row, "period": period, "dim": stage.dims[1], "index": index}
    functional = network.name == "inception_v3"
    made_slowly = network.name in ("googlenet", "inception_v3")
    script = _TWIN.format(
        **values,
        options=", init_weights=False" if made_slowly else "",
        imports="from unittest.mock import patch\n\n" if functional else "",
        run=_RUN_WITHOUT_MAXIMUM if functional else _RUN,
        height=height,
        width=width,
    )
    return script + tail.format(**values)
