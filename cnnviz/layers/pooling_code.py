"""The Pooling lesson's experiments as scripts to keep, without cnnviz."""

from cnnviz.layers.convolution import Floats, tensor_code
from cnnviz.layers.kernels import GREY, Colour
from cnnviz.layers.pooling import PoolingSettings
from cnnviz.layers.pooling_photo import Operation

_GREY = f"""levels = (photo.astype(np.int32) @ np.int32({GREY.tolist()}) + 500) // 1000
x = torch.from_numpy(levels.astype(np.float32))[None]"""


def _reduced(photo: str, size: tuple[int, int]) -> str:
    """The photo, averaged down to (height, width) `size`, and what the rest needs."""
    return f"""{photo.rstrip()}

# %% Small enough to see what a few pixels do
import cv2
import numpy as np
import torch
from torch.nn import functional as F

photo = cv2.resize(photo, ({size[1]}, {size[0]}), interpolation=cv2.INTER_AREA)
"""


def photo_code(photo: str, size: tuple[int, int], factor: int, colour: Colour) -> str:
    """Script that prints size and mean level of a photo pooled by `factor` in each way.

    Args:
        photo: code that defines ``photo``, (H, W, 3) uint8.
        size: (height, width) that the photo is first reduced to.
        factor: side of the window, and stride.
        colour: what is pooled: grey levels, or R, G and B each.
    """
    grey = colour == "grey"
    x = _GREY if grey else "x = torch.from_numpy(photo).permute(2, 0, 1).float()"
    picture = "[0]" if grey else ".permute(1, 2, 0)"
    return f"""{_reduced(photo, size)}{x}

# %% Windows of {factor} × {factor}, side by side
pooled = {{
    "max": F.max_pool2d(x, {factor}),
    "average": F.avg_pool2d(x, {factor}),
    "min": -F.max_pool2d(-x, {factor}),
}}
for name, values in pooled.items():
    print(name, tuple(values.shape), round(values.double().mean().item(), 1))

# %% Side by side, each value as a square
from PIL import Image

row = torch.cat(list(pooled.values()), dim=2).round().byte(){picture}.numpy()
Image.fromarray(row.repeat({factor}, axis=0).repeat({factor}, axis=1))
"""


def _functions(settings: PoolingSettings, weight: Floats) -> str:
    padding = f", padding={settings.padding}" if settings.padding else ""
    window = f"{settings.kernel_size}, stride={settings.stride}{padding}"
    return f"""{tensor_code("weight", weight, "out, in, rows, columns")}
layers = {{
    "max": lambda x: F.max_pool2d(x, {window}),
    "average": lambda x: F.avg_pool2d(x, {window}),
    "min": lambda x: -F.max_pool2d(-x, {window}),
    "convolution": lambda x: F.conv2d(x, weight, stride={settings.stride}{padding}),
}}
"""


def _shifted(settings: PoolingSettings, dy: int, dx: int, weight: Floats) -> str:
    return f"""# %% The layers
{_functions(settings, weight)}
# %% What changes when the input is shifted
shifted = torch.roll(x, ({dy}, {dx}), dims=(-2, -1))
for name, layer in layers.items():
    before, after = layer(x), layer(shifted)
    change = (after - before).norm() / before.norm() if (after != before).any() else 0
    unchanged = torch.isclose(after, before, rtol=1e-9, atol=1e-9).double().mean()
    print(f"{{name}}: change {{change:.1%}}, unchanged cells {{unchanged:.0%}}")
"""


def signal_code(signal: Floats, settings: PoolingSettings, dx: int, weight: Floats) -> str:
    """Script that prints what each layer makes of a signal and of the same signal shifted.

    Args:
        signal: (1, 1, length).
        settings: window and stride; the kind doesn't count.
        dx: shift to the right.
        weight: (1, 1, 1, kw) of the strided convolution.
    """
    return f"""import torch
from torch.nn import functional as F

{tensor_code("x", signal, "channels, rows, columns")}
{_shifted(settings, 0, dx, weight)}    print("  before", before.flatten().tolist())
    print("  after ", after.flatten().tolist())
"""


def shifted_photo_code(
    photo: str, size: tuple[int, int], settings: PoolingSettings, shift: tuple[int, int], weight: Floats
) -> str:
    """Script that prints how much each layer's output changes when a grey photo is shifted by (dy, dx)."""
    return f"""{_reduced(photo, size)}{_GREY}.double()

{_shifted(settings, *shift, weight)}"""


def comparison_code(
    photo: str,
    size: tuple[int, int],
    operation: Operation,
    settings: PoolingSettings,
    weight: Floats,
    channels: int,
    side: int,
) -> str:
    """Script that sets a pooling and a strided convolution of a grey photo side by side, and counts their cost.

    Args:
        photo: code that defines ``photo``, (H, W, 3) uint8.
        size: (height, width) that the photo is first reduced to.
        operation: the pooling's.
        settings: window, stride and padding of both.
        weight: (1, 1, kh, kw) of the convolution.
        channels: of the map that the cost is counted for, in and out.
        side: height and width of that map.
    """
    return f"""{_reduced(photo, size)}{_GREY}.double()

# %% The layers
{_functions(settings, weight)}
# %% Both make the map smaller by the same factor
pooled, convolved = layers["{operation}"](x), layers["convolution"](x)
print(tuple(pooled.shape), tuple(convolved.shape))
print(f"largest difference {{(pooled - convolved).abs().max():.1f}}")

# %% What they cost between maps of {channels} channels
from torch.utils.flop_counter import FlopCounterMode

pool = torch.nn.MaxPool2d({settings.kernel_size}, {settings.stride}, {settings.padding})
conv = torch.nn.Conv2d({channels}, {channels}, {settings.kernel_size}, {settings.stride}, {settings.padding}, bias=False)
for layer in (pool, conv):
    with FlopCounterMode(display=False) as counter:
        layer(torch.zeros(1, {channels}, {side}, {side}))
    parameters = sum(p.numel() for p in layer.parameters())
    print(parameters, "parameters,", counter.get_total_flops() // 2, "multiply-accumulates")
"""
