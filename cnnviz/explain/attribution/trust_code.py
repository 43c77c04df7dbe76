"""The tests that a map must stand as scripts of their own: PyTorch and captum, without this project."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cnnviz.explain.attribution.code import LITE0, beginning, filled, method
from cnnviz.explain.attribution.insertion_deletion import CurveSettings
from cnnviz.explain.attribution.occlusion import Occlusion
from cnnviz.explain.attribution.results import Settings
from cnnviz.metrics.label_maps import unpacking
from cnnviz.zoo.card import Box

_CASCADE = """
# %% Block by block, from the top down, the weights become random
blocks = [
{blocks}]
generator = torch.Generator().manual_seed({seed})


def randomise(block):
    for module in block.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.ndim > 1:
                drawn = torch.randn(parameter.shape, generator=generator)
                parameter.data = drawn / parameter[0].numel() ** 0.5
            else:
                parameter.data = torch.full_like(parameter, 1.0 if name == "weight" else 0.0)
        if isinstance(module, nn.modules.batchnorm._NormBase):
            module.reset_running_stats()


def ranks(values):
    _, which, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which.ravel()]


first = explain()
for block in blocks:
    randomise(network.get_submodule(block))
    print(f"{{block}}: {{np.corrcoef(ranks(first), ranks(explain()))[0, 1]:.3f}}")
"""

_IMPORTANCE = """importances["{name}"] = F.interpolate(
    shown.detach()[None, None], image.shape[2:], mode="bilinear"
)[0, 0].numpy()
"""

_CURVES = """
# %% Delete the most important pixels first, and insert them first
importances["random"] = np.random.default_rng({seed}).permutation({pixels}).reshape(image.shape[2:])
steps = {steps}
{gone}{start}

def curve(rank, before, after):
    with torch.no_grad():
        for step in range(steps + 1):
            mask = torch.tensor(rank < round(rank.size * step / steps))
            yield float(model(torch.where(mask, after, before)).softmax(1)[0, target])


for name, importance in importances.items():
    rank = np.empty(importance.size, int)
    rank[np.argsort(-importance.ravel(), kind="stable")] = np.arange(importance.size)
    rank = rank.reshape(importance.shape)
    deletion, insertion = (list(curve(rank, *ends)) for ends in ((image, gone), (start, image)))
    areas = [np.trapezoid(values) / steps for values in (deletion, insertion)]
    print(f"{{name}}: deletion {{areas[0]:.3f}}, insertion {{areas[1]:.3f}}")
"""

_ERASE = """
# %% Erase it yourself
{mask}
erased = torch.where(mask, baseline, image)
with torch.no_grad():
    before, after = model(image)[0], model(erased)[0]
print(f"logit: {{before[target]:.3f}} to {{after[target]:.3f}}, a drop of {{before[target] - after[target]:.3f}}")
for index in before.topk(5).indices:
    shares = [100 * float(logits.softmax(0)[index]) for logits in (before, after)]
    print(f"{{names[index]}}: {{shares[0]:.1f}} % to {{shares[1]:.1f}} %")
"""


def cascade_script(
    photo_code: str,
    settings: Settings,
    target: int,
    blocks: Sequence[str],
    seed: int,
    *,
    magnitudes: bool = False,
    layer: str = "stages.head",
    network: str = LITE0,
    input_size: int = 224,
) -> str:
    """Python that prints, block by block, the rank correlation of the map with the intact network's.

    Args:
        photo_code, settings, target, layer, network, input_size: as for
            :func:`cnnviz.explain.attribution.code.script`.
        blocks: in order, as :func:`cnnviz.explain.attribution.cascade.order` gives them.
        seed: of the weights.
        magnitudes: whether signs count.
    """
    own = method(settings, layer, input_size).partition("row, column =")[0]
    kept = [line for line in own.splitlines() if not line.startswith(("print", "# %%"))]
    shown = "np.abs(shown.detach().numpy())" if magnitudes else "shown.detach().numpy()"
    body = textwrap.indent("\n".join(kept).strip(), "    ")
    return (
        beginning(photo_code, target, network)
        + f"def explain():\n{body}\n    return {shown}\n\n"
        + _CASCADE.format(blocks="".join(f'    "{block}",\n' for block in blocks), seed=seed)
    )


def curves_script(
    photo_code: str,
    every: Mapping[str, Settings],
    target: int,
    curves: CurveSettings,
    seed: int,
    *,
    layer: str = "stages.head",
    network: str = LITE0,
    input_size: int = 224,
) -> str:
    """Python that prints the areas under both curves for each method, and for pixels in random order.

    Args:
        every: methods' settings by id.
        curves: how the curves are taken.
        seed: of the random order.
    """
    cells = [
        method(settings, layer, input_size) + _IMPORTANCE.format(name=name)
        for name, settings in every.items()
    ]
    return (
        beginning(photo_code, target, network)
        + "importances = {}\n"
        + "\n# %%\n".join(cells)
        + _CURVES.format(
            seed=seed,
            pixels=input_size**2,
            steps=curves.steps,
            gone=filled("gone", curves.deletion, curves.seed, input_size),
            start=filled("start", curves.insertion, curves.seed, input_size),
        )
    )


def erase_script(
    photo_code: str,
    target: int,
    fill: str,
    *,
    box: Box | None = None,
    mask: NDArray[np.uint8] | None = None,
    occlusion: Occlusion | None = None,
    network: str = LITE0,
    input_size: int = 224,
) -> str:
    """Python that prints the class's logit and five probabilities before and after a part is covered.

    Args:
        fill: what covers it.
        box: (left, top, right, bottom) of the part; or
        mask: (h, w), 1 where it is covered, spread over the input.
        occlusion: run before, with the same fill.
    """
    lines = "mask = torch.zeros(image.shape[2:], dtype=torch.bool)"
    if box is not None:
        left, top, right, bottom = box
        lines += f"\nmask[{top}:{bottom}, {left}:{right}] = True"
    elif mask is not None:
        lines = (
            "import base64\nimport zlib\n\n"
            + unpacking("painted", mask)
            + "\nmask = torch.tensor(painted)[None, None].float()"
            + "\nmask = F.interpolate(mask, image.shape[2:])[0, 0] > 0"
        )
    names = "" if network == LITE0 else 'names = weights.meta["categories"]\n'
    return (
        beginning(photo_code, target, network)
        + names
        + (method(occlusion, input_size=input_size) if occlusion else filled("baseline", fill, 0, input_size))
        + _ERASE.format(mask=lines)
    )
