"""Runnable Python for each view of the lesson "Images as tensors": NumPy, PyTorch and Pillow only."""

from cnnviz.pixels import BT601, Normalisation


def zoom(photo: str, row: int, column: int, size: int) -> str:
    """The window that starts at (`row`, `column`), and what the photo is as an array."""
    return f"""\
{photo}

# %%
print("shape", photo.shape, "dtype", photo.dtype, "values", photo.size)

# %%
window = photo[{row}:{row + size}, {column}:{column + size}]
print("window", window.shape, "values", window.size)
print(window.tolist())
"""


def channels(photo: str, gains: tuple[float, float, float], grey: str, bits: int) -> str:
    """Channels mixed with their gains; grey; fewer bits."""
    weights = BT601 if grey == "luma" else (1 / 3, 1 / 3, 1 / 3)
    return f"""\
{photo}

# %% Each channel times its gain
gains = np.array({list(gains)})
mixed = np.rint(photo * gains).astype(np.uint8)
print("means of R, G, B", mixed.reshape(-1, 3).mean(axis=0).round(2).tolist())

# %% Three numbers into one
grey = np.rint(photo @ np.array({list(weights)})).astype(np.uint8)
print("mean grey", grey.mean().round(2))

# %% {bits} bits a value
levels = np.rint((np.arange(256) >> {8 - bits}) * (255 / {2**bits - 1})).astype(np.uint8)
coarse = levels[grey]
print("levels used", len(np.unique(coarse)), "of", {2**bits})
"""


def layout(photo: str, row: int, column: int, height: int, width: int, at: tuple[int, int]) -> str:
    """Shape and strides before and after permute, and where one pixel's values lie."""
    return f"""\
{photo}

# %%
import torch

patch = torch.from_numpy(photo[{row}:{row + height}, {column}:{column + width}].copy())
view = patch.permute(2, 0, 1)
planar = view.contiguous()
for name, tensor in (("(H, W, C)", patch), ("permute", view), ("contiguous", planar)):
    print(name, tuple(tensor.shape), "strides", tensor.stride(), "contiguous", tensor.is_contiguous())

# %% Where the three values of pixel ({at[0]}, {at[1]}) lie
for name, tensor in (("interleaved", view), ("planar", planar)):
    c, h, w = tensor.stride()
    places = [{at[0]} * h + {at[1]} * w + channel * c for channel in range(3)]
    memory = tensor.as_strided((tensor.numel(),), (1,))
    print(name, places, [int(memory[place]) for place in places])
"""


def numbers(photo: str, first: int, second: int, norm: Normalisation, dtype: str) -> str:
    """A sum that eight bits can't hold; normalisation there and back."""
    return f"""\
{photo}

# %% Eight bits wrap around
import torch

first, second = torch.tensor({first}, dtype=torch.uint8), torch.tensor({second}, dtype=torch.uint8)
print("uint8", int(first + second), "float", int(first.float() + second.float()))

# %% Normalise, and come back
mean, std = torch.tensor({list(norm.mean)}), torch.tensor({list(norm.std)})
x = ((torch.from_numpy(photo.copy()).double() / 255 - mean) / std).to(torch.{dtype})
print("from", [round(v, 4) for v in x.float().amin((0, 1)).tolist()], "to", [round(v, 4) for v in x.float().amax((0, 1)).tolist()])
back = ((x.float() * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
print("values changed", int((back.numpy() != photo).sum()), "of", photo.size)
"""


def shrink(photo: str, factor: int) -> str:
    """Three ways to shrink, and what each loses."""
    middle = f"{(factor - 1) // 2}:{factor // 2 + 1}"
    return f"""\
{photo}

# %%
n = {factor}
h, w = photo.shape[0] // n, photo.shape[1] // n
original = photo[: h * n, : w * n]
blocks = original.reshape(h, n, w, n, 3)
small = {{
    "drop": blocks[:, 0, :, 0],
    "bilinear": np.rint(blocks[:, {middle}, :, {middle}].mean(axis=(1, 3))),
    "area": np.rint(blocks.mean(axis=(1, 3))),
}}

# %%
for name, pixels in small.items():
    restored = pixels.repeat(n, axis=0).repeat(n, axis=1)
    error = restored.astype(float) - original
    psnr = 10 * np.log10(255**2 / np.mean(error**2)) if error.any() else float("inf")
    print(name, "mean error", round(float(np.abs(error).mean()), 3), "PSNR", round(float(psnr), 3))
"""


RINGS = """\
import numpy as np

size = 320
steps = np.arange(size) - size // 2
square = steps[:, None] ** 2 + steps[None, :] ** 2
rings = 127.5 + 127.5 * np.cos(np.pi * square / size)
rings[square > (size / 2) ** 2] = 127.5
photo = np.repeat(np.rint(rings).astype(np.uint8)[..., None], 3, axis=2)"""
"""The lesson's pattern of fine rings, as ``photo``."""
