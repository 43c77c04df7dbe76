"""Convolutions as code to keep: the layer in Keras, and scripts for a photo and for a line, without cnnviz."""

import numpy as np

from cnnviz.layers.convolution import PADDING_MODES, ConvolutionSettings, Floats, literal, tensor_code
from cnnviz.layers.kernels import GREY, Colour, Display


def keras_call(settings: ConvolutionSettings, size: tuple[int, int]) -> str:
    """The call that builds the same layer in Keras 3, for inputs of (height, width) `size`.

    Where Keras has no word for the padding, a layer before the convolution does it. `settings` must
    have a stride or a dilation of 1: Keras has no layer with both above.
    """
    top, bottom, left, right = settings.pads
    same = settings.padding == "same" and settings.padding_mode == "zeros"
    layers = [f"    keras.Input(({size[0]}, {size[1]}, {settings.in_channels})),\n"]
    if any(settings.pads) and not same:
        pads = f"(({top}, {bottom}), ({left}, {right}))"
        if settings.padding_mode == "zeros":
            layers.append(f"    keras.layers.ZeroPadding2D({pads}),\n")
        else:
            # keras.ops.pad knows these modes with some backends only; picking rows and columns works with all.
            mode = PADDING_MODES[settings.padding_mode][1]
            for axis, pair in ((1, (top, bottom)), (2, (left, right))):
                if any(pair):
                    order = np.pad(np.arange(size[axis - 1]), pair, mode=mode).tolist()
                    pick = f"keras.ops.take(x, {order}, axis={axis})"
                    layers.append(f"    keras.layers.Lambda(lambda x: {pick}),\n")
    arguments = {
        "filters": settings.out_channels,
        "kernel_size": settings.kernel_size,
        "strides": settings.stride,
        "padding": "same" if same else "valid",
        "dilation_rate": settings.dilation,
        "groups": settings.groups,
        "use_bias": settings.bias,
    }
    written = "".join(f"        {name}={value!r},\n" for name, value in arguments.items())
    layers.append(f"    keras.layers.Conv2D(\n{written}    ),\n")
    return f"keras.Sequential([\n{''.join(layers)}])"


def line_code(f: Floats, g: Floats) -> str:
    """Script that writes out every sum of :func:`~cnnviz.layers.convolution.convolve_1d`, and checks it twice.

    It prints the convolution, then the cross-correlation, each by its definition, by NumPy and by PyTorch.
    """
    return f"""import numpy as np
import torch

f = np.array({literal(f, 0)}, dtype=float)
g = np.array({literal(g, 0)}, dtype=float)
n, m = len(f), len(g)

# %% Convolution: the kernel runs backwards
convolution = [sum(f[i] * g[t - i] for i in range(n) if 0 <= t - i < m) for t in range(n + m - 1)]
print(np.round(convolution, 6))
print(np.round(np.convolve(f, g), 6))

# %% Cross-correlation: the kernel as it is written
correlation = [sum(f[i] * g[i - t] for i in range(n) if 0 <= i - t < m) for t in range(1 - m, n)]
print(np.round(correlation, 6))
print(np.round(np.correlate(f, g, "full"), 6))

# %% PyTorch's conv1d is the cross-correlation
signal, kernel = torch.tensor(f)[None, None], torch.tensor(g)[None, None]
print(np.round(torch.nn.functional.conv1d(signal, kernel.flip(-1), padding=m - 1).numpy(), 6))
print(np.round(torch.nn.functional.conv1d(signal, kernel, padding=m - 1).numpy(), 6))
"""


_SHOWN: dict[Display, str] = {
    "clip": "output",
    "absolute": "output.abs()",
    "shift": "output + 128",
    "stretch": "128 + output * (127 / output.abs().max().clamp_min(1e-30))",
}


def photo_code(
    photo: str,
    size: tuple[int, int],
    kernel: Floats,
    settings: ConvolutionSettings,
    display: Display,
    colour: Colour | None,
    cell: tuple[int, int],
) -> str:
    """Script that filters a photo as :mod:`cnnviz.layers.kernels` does.

    It prints the output's shape, its smallest and largest value, and the value at `cell`.

    Args:
        photo: code that defines ``photo``, (H, W, 3) uint8.
        size: (height, width) that the photo is first reduced to.
        kernel: (kh, kw), or (3, kh, kw) for a kernel that sees R, G and B at once, normalised.
        settings: how it slides.
        display: how the output becomes a picture.
        colour: for a (kh, kw) kernel, what it slides over.
        cell: (row, column) of the output.
    """
    top, bottom, left, right = settings.pads
    mode = PADDING_MODES[settings.padding_mode][0]
    if kernel.ndim == 3:
        read = "planes = (torch.tensor(photo).float().permute(2, 0, 1)[None] - 127) / 128  # as in training"
    elif colour == "grey":
        levels = (
            f"(torch.tensor(photo).int() @ torch.tensor({GREY.tolist()}, dtype=torch.int32) + 500) // 1000"
        )
        read = f"planes = ({levels}).float()[None, None]  # grey levels"
    else:
        read = "planes = torch.tensor(photo).float().permute(2, 0, 1)[:, None]  # R, G and B one by one"
    flip = "kernel = kernel.flip(-2, -1)  # turned by 180 degrees: convolution\n" if settings.flip else ""
    weights = tensor_code("kernel", np.asarray(kernel, dtype=np.float64), "rows, columns").rstrip()
    if kernel.ndim == 3:
        weights = weights.replace("# rows, columns", "# RGB, rows, columns")
    shape = "[None]" if kernel.ndim == 3 else "[None, None]"
    return f"""{photo.rstrip()}

# %% Small enough to see what a few pixels do
import cv2
import numpy as np
import torch
from PIL import Image

photo = cv2.resize(photo, ({size[1]}, {size[0]}), interpolation=cv2.INTER_AREA)
{read}

# %% The kernel slides
{weights}
{flip}kernel = kernel.float(){shape}
padded = torch.nn.functional.pad(planes, ({left}, {right}, {top}, {bottom}), mode="{mode}")
output = torch.nn.functional.conv2d(padded, kernel, stride={settings.stride}, dilation={settings.dilation})[:, 0]
print(tuple(output.shape))
print(round(output.min().item(), 2), round(output.max().item(), 2))
print(np.round(output[:, {cell[0]}, {cell[1]}].numpy(), 2))

# %% As a picture
levels = ({_SHOWN[display]}).round().clamp(0, 255).byte()
Image.fromarray(levels.permute(1, 2, 0).numpy().squeeze())
"""
