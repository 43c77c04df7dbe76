"""The checkerboard on a photo as scripts to keep, without cnnviz."""

from cnnviz.upsampling import kernels
from cnnviz.upsampling.checkerboard import KernelKind, make_kernel
from cnnviz.upsampling.operator import Kernel, operator
from cnnviz.upsampling.operators.subpixel import SubPixel


def _opening(photo: str, size: tuple[int, int], factor: int) -> str:
    """`photo` at the lesson's size as x, `factor` times smaller as small, and the share of a grid."""
    height, width = (side // factor * factor for side in size)
    return f"""{photo}

import cv2
import numpy as np
import torch
from torch.nn import functional as F

photo = cv2.resize(photo, ({size[1]}, {size[0]}), interpolation=cv2.INTER_AREA)
x = torch.from_numpy(photo[:{height}, :{width}] / 255).permute(2, 0, 1)[None]
small = F.avg_pool2d(x, {factor})

# %% The share of the grid's frequencies in the power of a picture
def share(picture, period):
    margin = 2 * period if min(picture.shape[2:]) >= 6 * period else 0
    height, width = picture.shape[2] - 2 * margin, picture.shape[3] - 2 * margin
    inner = picture[0, :, margin : margin + height // period * period, margin : margin + width // period * period]
    power = torch.fft.fft2(inner).abs().pow(2).sum(0)
    grid = power[:: power.shape[0] // period, :: power.shape[1] // period].sum() - power[0, 0]
    return (grid / power.sum()).item()


def upsample(picture, kernel, stride):
    weight = kernel.expand(picture.shape[1], 1, -1, -1)  # the same kernel for every channel
    padding = max(0, (len(kernel) - stride) // 2)
    return F.conv_transpose2d(picture, weight, None, stride, padding, groups=picture.shape[1])

"""


def _tensor(kernel: Kernel) -> str:
    return f"torch.tensor({kernels.write(kernel)}, dtype=torch.float64)"


def pattern_code(
    photo: str,
    size: tuple[int, int],
    start: Kernel,
    stride: int,
    layers: int,
    steps: int = 0,
    rate: float = 0.0,
) -> str:
    """Script that upsamples a photo by transposed convolutions, and prints how much of a grid it got.

    Args:
        photo: code that defines ``photo``, (H, W, 3) uint8.
        size: (height, width) that the photo is first reduced to.
        start: the kernel, before any training.
        stride, layers: of the transposed convolutions.
        steps, rate: of gradient descent, to learn the kernel on this photo.
    """
    learning = f"""
# %% {steps} steps of gradient descent: make the photo, {stride} times smaller, large again
kernel.requires_grad_()
tiny = F.avg_pool2d(x, {stride})
for step in range({steps}):
    y = upsample(tiny, kernel, {stride})
    height, width = min(y.shape[2], x.shape[2]), min(y.shape[3], x.shape[3])
    loss = F.mse_loss(y[..., :height, :width], x[..., :height, :width])
    (gradient,) = torch.autograd.grad(loss, kernel)
    with torch.no_grad():
        kernel -= {rate!r} * gradient
kernel = kernel.detach()
print(kernel)
"""
    return f"""{_opening(photo, size, stride**layers)}
# %% The kernel
kernel = {_tensor(start)}
{learning if steps else ""}
# %% {layers} transposed convolution{"s in a row" if layers > 1 else ""}, against the original
y = small
for layer in range({layers}):
    y = upsample(y, kernel, {stride})
print(tuple(y.shape[2:]))
print(f"share of the grid's frequencies: {{share(y, {stride**layers}):.4g}}")
print(f"in the original: {{share(x, {stride**layers}):.4g}}")
"""


def cures_code(
    photo: str, size: tuple[int, int], kernel_size: int, stride: int, kind: KernelKind, seed: int = 0
) -> str:
    """Script that upsamples a photo in six ways, and prints how much of a grid each leaves.

    Args:
        photo: code that defines ``photo``, (H, W, 3) uint8.
        size: (height, width) that the photo is first reduced to.
        kernel_size, stride, kind, seed: as in :func:`~cnnviz.upsampling.checkerboard.cures`.
    """
    divisible = -(-kernel_size // stride) * stride
    odd = min(kernel_size - 1 + kernel_size % 2, 9)
    shuffled = operator("subpixel")
    random, icnr = (shuffled.code(SubPixel(stride, odd, start, seed)) for start in ("random", "ICNR"))
    return f"""{_opening(photo, size, stride)}
# %% Transposed convolution: kernel size {kernel_size}, stride {stride}
kernel = {_tensor(make_kernel(kind, kernel_size, stride, seed))}
transposed = upsample(small, kernel, {stride})

# %% Kernel size {divisible}, which the stride divides
kernel = {_tensor(make_kernel(kind, divisible, stride, seed))}
divisible = upsample(small, kernel, {stride})

# %% Resize, then convolve
kernel = {_tensor(make_kernel(kind, odd, 1, seed))}
resized = F.interpolate(small, scale_factor={stride}, mode="nearest")
resize_convolve = F.conv2d(resized, kernel.expand(3, 1, -1, -1), padding="same", groups=3)

# %% Pixel shuffle, started at random, and by ICNR
x = small
{random}
random_shuffle = y
{icnr}
icnr = y

# %% A blur at the end: the mean of {stride} × {stride} pixels
box = torch.full((3, 1, {stride}, {stride}), 1 / {stride**2}, dtype=torch.float64)
blur = F.conv2d(transposed, box, padding="same", groups=3)

for name in ("transposed", "divisible", "resize_convolve", "random_shuffle", "icnr", "blur"):
    print(name, f"{{share(globals()[name], {stride}):.4g}}")
"""
