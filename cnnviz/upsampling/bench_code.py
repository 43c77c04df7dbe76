"""The bench as a script to keep, without cnnviz: on a small grid, on a photo, on a feature map."""

from collections.abc import Sequence

from numpy.typing import ArrayLike

from cnnviz.layers.convolution import as_numbers, tensor_code
from cnnviz.upsampling.panels import Panel

_HEAD = "import torch\nfrom torch.nn import functional as F\n"
_GIVEN = {"small": "small", "full": "full", "channels": "F.pixel_unshuffle(full, {factor})"}


def _calls(panels: Sequence[Panel], after: str) -> str:
    """A cell for each panel that makes ``y``, and what comes after it; ``small`` and ``full`` are there."""
    cells = []
    for panel in panels:
        given = _GIVEN[panel.feed].format(factor=getattr(panel.settings, "upscale_factor", 1))
        cells.append(
            f"# %% {panel.title}\nx = {given}\n{panel.operator.code(panel.settings)}\n"
            + after.format(title=panel.title)
        )
    return "\n\n".join(cells)


def grid_code(grid: ArrayLike, panels: Sequence[Panel]) -> str:
    """Script that upsamples one small grid, (1, H, W), by every panel, and prints the results."""
    x = as_numbers("input", grid, (1, None, None))
    return f"""{_HEAD}
{tensor_code("small", x[None], "batch, channels, height, width")}
full = small  # what pools by itself, or never gets small, reads the same numbers

{_calls(panels, 'print("{title}", tuple(y.shape[2:]))' + chr(10) + "print(y[0, 0])")}
"""


def photo_code(
    photo: str, size: tuple[int, int], factor: int, panels: Sequence[Panel], ssim_window: int = 7
) -> str:
    """Script that makes a photo `factor` times smaller, and larger again by every panel; prints PSNR and SSIM.

    Args:
        photo: Python that defines ``photo``, (H, W, 3) uint8.
        size: (height, width) that the photo is averaged down to first.
        factor: times smaller.
        panels: with that factor.
        ssim_window: side of SSIM's window; 0 leaves SSIM out, for a photo of less than 3 pixels.
    """
    similarity = ", SSIM {ssim(full, y):.3f}" if ssim_window else ""
    return f"""{photo.strip()}

import cv2
{_HEAD}
photo = cv2.resize(photo, ({size[1]}, {size[0]}), interpolation=cv2.INTER_AREA)
full = torch.tensor(photo).permute(2, 0, 1)[None].double() / 255
small = F.avg_pool2d(full, {factor})
full = full[:, :, : {factor} * small.shape[2], : {factor} * small.shape[3]]
print(tuple(full.shape[2:]), "->", tuple(small.shape[2:]))


def ssim(a, b, side={ssim_window}):
    mean = lambda t: F.avg_pool2d(t, side, stride=1)
    unbiased = side**2 / (side**2 - 1)
    variance = lambda s, t: unbiased * (mean(s * t) - mean(s) * mean(t))
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean(a) * mean(b) + c1) * (2 * variance(a, b) + c2)
    return (top / ((mean(a) ** 2 + mean(b) ** 2 + c1) * (variance(a, a) + variance(b, b) + c2))).mean()


def compare(title, y):
    if y.shape != full.shape:
        print(title, "another size:", tuple(y.shape[2:]))
        return
    y = y.clamp(0, 1)
    psnr = -10 * ((y - full) ** 2).mean().log10()
    print(f"{{title}}: PSNR {{psnr:.2f}} dB{similarity}")


{_calls(panels, 'compare("{title}", y)')}
"""


def map_code(script: str, panels: Sequence[Panel]) -> str:
    """The script of one feature map (it defines ``chosen``), and the map upsampled by every panel."""
    return f"""{script.rstrip()}

# %%
small = full = chosen[None, None].double()

{_calls(panels, 'print("{title}", tuple(y.shape[2:]), f"{{y.min():.3f}} to {{y.max():.3f}}")')}
"""
