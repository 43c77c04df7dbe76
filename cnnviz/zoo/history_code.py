"""The zoo's tables as scripts to keep, without cnnviz: they need torch and torchvision only."""

from collections.abc import Mapping, Sequence

from cnnviz.zoo import lenet, se_resnet
from cnnviz.zoo.efficientnet_scaling import Scaling
from cnnviz.zoo.source import source
from cnnviz.zoo.stages import Stage

_OWN = {
    "lenet5": (lenet, "lenet5()", 1, 32),
    "lenet5_modern": (lenet, "lenet5_modern()", 1, 32),
    "se_resnet50": (se_resnet, "SEResNet50()", 3, 224),
}
"""Networks that torchvision has not: module, expression, channels and side of the image."""

_COUNT = """

def count(network, image):
    # Multiply-accumulates by module, half of what PyTorch counts as floating-point operations.
    counter = FlopCounterMode(display=False, depth=None)
    with torch.no_grad(), counter:
        network(image)
    name = type(network).__name__
    return {path: sum(ops.values()) // 2 for path, ops in counter.get_flop_counts().items()}, name
"""


def overview_code(names: Sequence[str], best: bool) -> str:
    """Script that prints accuracies, parameters and multiply–accumulates as torchvision documents them.

    Args:
        names: of torchvision's classifiers.
        best: its best weights; else the first that it published.
    """
    pick = "weights.DEFAULT" if best else "next(iter(weights))"
    return f"""import torchvision

names = {list(names)!r}

# %% What torchvision documents of each network's trained weights
for name in names:
    weights = torchvision.models.get_model_weights(name)
    chosen = {pick}
    accuracy = chosen.meta["_metrics"]["ImageNet-1K"]
    print(
        f"{{name}} {{chosen.name}}: top-1 {{accuracy['acc@1']:.2f}} %, top-5 {{accuracy['acc@5']:.2f}} %, "
        f"{{chosen.meta['num_params']:,}} parameters, {{chosen.meta['_ops']:.3f}} G multiply-accumulates"
    )
"""


def stages_code(
    tables: Mapping[str, Sequence[Stage]], sides: Mapping[str, int], auxiliary: bool = False
) -> str:
    """Script that prints parameters, multiply–accumulates and output size of every stage of some networks.

    Args:
        tables: name in the catalogue -> its stages.
        sides: name -> side of the square image.
        auxiliary: whether GoogLeNet has its auxiliary heads.
    """
    modules = dict.fromkeys(_OWN[name][0] for name in tables if name in _OWN)
    sources = "".join(f"\n# %% Not in torchvision\n{source(module)}\n" for module in modules)
    runs = "".join(_stages(name, rows, sides[name], auxiliary) for name, rows in tables.items())
    return f"""import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode
{sources}
# %% Parameters, multiply-accumulates and output of each stage{_COUNT}

def table(title, network, image, stages):
    shapes = {{}}
    for path, module in network.named_modules():
        module.register_forward_hook(
            lambda module, images, out, path=path: shapes.update({{path: tuple(out.shape[1:])}})
        )
    macs, root = count(network.eval(), image)
    print(title)
    for stage, paths in stages.items():
        parameters = sum(p.numel() for path in paths for p in network.get_submodule(path).parameters())
        products = sum(macs.get(f"{{root}}.{{path}}", 0) for path in paths)
        print(f"  {{stage}} {{shapes.get(paths[-1])}}: {{parameters:,}} parameters, {{products:,}} MACs")
    total = sum(p.numel() for p in network.parameters())
    print(f"  total: {{total:,}} parameters, {{macs['Global']:,}} MACs")
{runs}"""


def _stages(name: str, rows: Sequence[Stage], side: int, auxiliary: bool) -> str:
    if name in _OWN:
        _module, expression, channels, side = _OWN[name]
    else:
        channels = 3
        options = f"aux_logits={auxiliary}, init_weights=False" if name == "googlenet" else "weights=None"
        expression = f"torchvision.models.{name}({options})"
    listed = "".join(f"    {row.name!r}: {list(row.paths)!r},\n" for row in rows)
    return f"""
# %% {name}
network = {expression}
image = torch.zeros(1, {channels}, {side}, {side})
table({name!r}, network, image, {{
{listed}}})
"""


def scaling_code(scaling: Scaling) -> str:
    """Script that builds EfficientNet-B0 with these multipliers and prints what it stores and computes."""
    return f"""from functools import partial

import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.efficientnet import EfficientNet, MBConvConfig

depth, width, resolution = {scaling.depth!r}, {scaling.width!r}, {scaling.resolution}

# %% EfficientNet-B0, scaled; on the meta device weights have shapes but take no memory
mb = partial(MBConvConfig, width_mult=width, depth_mult=depth)
stages = [  # expansion, kernel size, stride, channels in and out, layers
    mb(1, 3, 1, 32, 16, 1),
    mb(6, 3, 2, 16, 24, 2),
    mb(6, 5, 2, 24, 40, 2),
    mb(6, 3, 2, 40, 80, 3),
    mb(6, 5, 1, 80, 112, 3),
    mb(6, 5, 2, 112, 192, 4),
    mb(6, 3, 1, 192, 320, 1),
]
with torch.device("meta"):
    network = EfficientNet(stages, dropout=0.0).eval()
    image = torch.zeros(1, 3, resolution, resolution)

# %%
counter = FlopCounterMode(display=False)
with torch.no_grad(), counter:
    network(image)
print(f"{{sum(p.numel() for p in network.parameters()):,}} parameters")
print(f"{{counter.get_total_flops() // 2:,}} multiply-accumulates")
"""
