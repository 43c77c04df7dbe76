"""The experiments around the operators as scripts to keep, without cnnviz."""

from collections.abc import Sequence

from numpy.typing import ArrayLike

from cnnviz.layers.convolution import as_numbers, tensor_code
from cnnviz.upsampling.checkerboard import Layer
from cnnviz.upsampling.odd_sizes import Cure, Size
from cnnviz.upsampling.transposed import ThereAndBack, TransposedSettings
from cnnviz.upsampling.unpooling import RoundTrip

_HEAD = "import torch\nfrom torch.nn import functional as F\n"


def transposed_code(input: ArrayLike, kernel: ArrayLike, settings: TransposedSettings) -> str:
    """Script that computes one transposed convolution as PyTorch does, and in the three other ways.

    Args:
        input: (H, W).
        kernel: (kh, kw).
        settings: the layer.
    """
    x, w = as_numbers("input", input, (None, None)), as_numbers("kernel", kernel, (None, None))
    rows, columns = settings.output_size((x.shape[0], x.shape[1]), (w.shape[0], w.shape[1]))
    return f"""{_HEAD}
{tensor_code("x", x[None, None], "batch, channels, rows, columns")}
{tensor_code("kernel", w[None, None], "in, out, rows, columns")}
stride, padding, output_padding, dilation = {settings.stride}, {settings.padding}, {settings.output_padding}, {settings.dilation}
height, width = x.shape[-2:]
kh, kw = kernel.shape[-2:]

y = F.conv_transpose2d(x, kernel, None, stride, padding, output_padding, 1, dilation)
print(y[0, 0])

# %% As stamps that add up
canvas = x.new_zeros(
    (height - 1) * stride + dilation * (kh - 1) + 1 + output_padding,
    (width - 1) * stride + dilation * (kw - 1) + 1 + output_padding,
)
for i in range(height):
    for j in range(width):
        for a in range(kh):
            for b in range(kw):
                canvas[i * stride + a * dilation, j * stride + b * dilation] += x[0, 0, i, j] * kernel[0, 0, a, b]
stamped = canvas[padding : padding + {rows}, padding : padding + {columns}]
print(torch.allclose(stamped, y[0, 0]))

# %% As an ordinary convolution over the zero-stuffed, padded input
stuffed = x.new_zeros(1, 1, (height - 1) * stride + 1, (width - 1) * stride + 1)
stuffed[..., ::stride, ::stride] = x
top, left = dilation * (kh - 1) - padding, dilation * (kw - 1) - padding
padded = F.pad(stuffed, (left, left + output_padding, top, top + output_padding))
convolved = F.conv2d(padded, kernel.flip(-2, -1), dilation=dilation)
print(torch.allclose(convolved, y))

# %% As the transpose of a convolution's matrix: a row of C for each cell that the convolution makes
C = x.new_zeros(height, width, {rows}, {columns})
for i in range(height):
    for j in range(width):
        for a in range(kh):
            for b in range(kw):
                row, column = i * stride - padding + a * dilation, j * stride - padding + b * dilation
                if 0 <= row < {rows} and 0 <= column < {columns}:
                    C[i, j, row, column] = kernel[0, 0, a, b]
C = C.reshape(height * width, -1)
print(torch.allclose(C.T @ x.flatten(), y.flatten()))

# %% Not the inverse: C has a rank of at most {x.size}, for {rows * columns} cells
print(torch.linalg.matrix_rank(C).item(), torch.allclose(C.T @ C, torch.eye(C.shape[1], dtype=C.dtype)))
"""


def there_and_back_code(trip: ThereAndBack) -> str:
    """Script that convolves the input of `trip`, upsamples it again, and says what is kept and lost."""
    layer = trip.matrix.settings
    rows, columns = trip.input.shape
    return f"""{_HEAD}
{tensor_code("x", trip.input[None, None], "batch, channels, rows, columns")}
{tensor_code("kernel", trip.matrix.kernel[None, None], "out, in, rows, columns")}
stride, padding, output_padding, dilation = {layer.stride}, {layer.padding}, {layer.output_padding}, {layer.dilation}

small = F.conv2d(x, kernel, None, stride, padding, dilation)
back = F.conv_transpose2d(small, kernel, None, stride, padding, output_padding, 1, dilation)
print(small[0, 0])
print(back[0, 0])
print("the same again:", torch.allclose(back, x))

# %% The convolution as a matrix: a column for each cell of the input, from a picture of that cell alone
ones = torch.eye({rows * columns}, dtype=x.dtype).reshape(-1, 1, {rows}, {columns})
C = F.conv2d(ones, kernel, None, stride, padding, dilation).flatten(1).T
rank = torch.linalg.matrix_rank(C).item()
print(f"rank {{rank}}: of {rows * columns} dimensions, {{{rows * columns} - rank}} are lost")

# %% The best that anyone can do: the part of x that the small map determines
kept = (torch.linalg.pinv(C) @ small.flatten()).reshape(x.shape)
print(kept[0, 0])
print("the convolution can't see the rest:", torch.allclose(F.conv2d(x - kept, kernel, None, stride, padding, dilation), torch.zeros_like(small)))
"""


def unpooling_code(trip: RoundTrip, kernel_size: int = 2, stride: int | None = None, padding: int = 0) -> str:
    """Script that pools and unpools the input of `trip` with its indices, and prints both."""
    height, width = trip.unpooled.shape[1:]
    window = f"kernel_size={kernel_size}, stride={stride or kernel_size}, padding={padding}"
    return f"""{_HEAD}
{tensor_code("x", as_numbers("input", trip.input, (None, None, None))[None], "batch, channels, rows, columns")}
pooled, remembered = F.max_pool2d(x, {window}, return_indices=True)
indices = torch.tensor({trip.indices[None].tolist()})
print("moved:", (indices != remembered).sum().item())

# max_unpool2d takes sizes near the one that it would choose; this takes any.
y = torch.zeros(*x.shape[:2], {height} * {width}, dtype=x.dtype)
y.scatter_(2, indices.flatten(2), pooled.flatten(2))
y = y.reshape(*x.shape[:2], {height}, {width})
print(y)
"""


def checkerboard_code(size: tuple[int, int], layers: Sequence[Layer]) -> str:
    """Script that counts how often each output is written, and the grid's share of the counts' spectrum.

    Args:
        size: (height, width) of the input.
        layers: transposed convolutions, in the order of the forward pass.
    """
    written = "".join(
        f"    ({each.kernel_size}, {each.stride}, {each.padding}, {each.output_padding}),\n"
        for each in layers
    )
    return f"""{_HEAD}
layers = [  # kernel_size, stride, padding, output_padding
{written}]
counts = torch.ones(1, 1, {size[0]}, {size[1]}, dtype=torch.float64)
period = 1
for kernel_size, stride, padding, output_padding in layers:
    ones = torch.ones(1, 1, kernel_size, kernel_size, dtype=torch.float64)
    counts = F.conv_transpose2d(counts, ones, None, stride, padding, output_padding)
    period *= stride
print(counts[0, 0].long())

# %% The spectrum of whole periods
counts = counts[0, 0]
height, width = (side // period * period for side in counts.shape)
power = (torch.fft.fft2(counts[:height, :width]) / (height * width)).abs() ** 2
grid = power[:: height // period, :: width // period].sum() - power[0, 0]
share = (grid / power.sum()).item()
print(f"share of the grid's frequencies: {{share:.1%}}")
"""


def odd_sizes_code(size: Size, depth: int, cure: Cure) -> str:
    """Script that pools `depth` times, upsamples as often, and concatenates; without a cure it may fail.

    Args:
        size: (height, width) of the input.
        depth: how often it is halved.
        cure: what is done where the skip doesn't fit.
    """
    steps = {
        "none": ["x = F.interpolate(x, scale_factor=2)"],
        "output_padding": [
            "missing = [skip.shape[axis] - 2 * x.shape[axis] for axis in (2, 3)]",
            "weight = torch.ones(x.shape[1], 1, 2, 2)",
            "x = F.conv_transpose2d(x, weight, stride=2, output_padding=missing, groups=x.shape[1])",
        ],
        "pad": [
            "x = F.interpolate(x, scale_factor=2)",
            "x = F.pad(x, (0, skip.shape[3] - x.shape[3], 0, skip.shape[2] - x.shape[2]))",
        ],
        "crop": [
            "x = F.interpolate(x, scale_factor=2)",
            "top, left = ((skip.shape[axis] - x.shape[axis]) // 2 for axis in (2, 3))",
            "skip = skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]",
        ],
        "size": ["x = F.interpolate(x, size=skip.shape[2:])"],
    }[cure]
    body = "\n".join(f"    {line}" for line in steps)
    return f"""{_HEAD}
x, skips = torch.zeros(1, 1, {size[0]}, {size[1]}), []
for _ in range({depth}):
    skips.append(x)
    x = F.max_pool2d(x, 2)
    print("down", tuple(x.shape[2:]))
for skip in reversed(skips):
{body}
    print("up", tuple(x.shape[2:]), "beside", tuple(skip.shape[2:]))
    x = torch.cat([x, skip], dim=1)
"""
