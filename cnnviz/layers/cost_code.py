"""The lesson's designs as scripts to keep, without cnnviz."""

from collections.abc import Mapping

from cnnviz.layers.cost import Design, LayerCost


def _module(layer: LayerCost) -> str:
    bias = "" if layer.biases else ", bias=False"
    if layer.kind == "linear":
        return f"nn.Linear({layer.in_channels}, {layer.out_channels}{bias})"
    if layer.kind == "gap":
        return "nn.AdaptiveAvgPool2d(1)"
    if layer.kind == "pool":
        return f"nn.MaxPool2d({layer.kernel_size[0]}, stride={layer.stride})"
    if layer.kind == "shuffle":
        return f"nn.ChannelShuffle({layer.groups})"
    height, width = layer.kernel_size
    kernel = str(height) if height == width else f"({height}, {width})"
    padding = str(height // 2) if height == width else f"({height // 2}, {width // 2})"
    groups = f", groups={layer.groups}" if layer.groups > 1 else ""
    return f"nn.Conv2d({layer.in_channels}, {layer.out_channels}, {kernel}, padding={padding}{groups}{bias})"


def _sequential(design: Design) -> str:
    lines = []
    flat = False
    for layer in design.layers:
        if layer.kind == "linear" and not flat:
            lines.append("nn.Flatten()")
            flat = True
        lines.append(_module(layer))
        if layer.nonlinearity:
            lines.append("nn.ReLU()")
    return "".join(f"        {line},\n" for line in lines)


def designs_code(designs: Mapping[str, Design], shape: tuple[int, int, int]) -> str:
    """Script that builds `designs` by name, runs each on one input of `shape`, (C, H, W), and prints what it costs."""
    networks = "".join(
        f'    "{name}": nn.Sequential(\n{_sequential(design)}    ),\n' for name, design in designs.items()
    )
    return f"""import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

# %% The designs; on the meta device they take no memory and no time, but have all their shapes
torch.set_default_device("meta")
networks = {{
{networks}}}

# %% What PyTorch counts for one input
for name, network in networks.items():
    x = torch.empty(1, {shape[0]}, {shape[1]}, {shape[2]})
    activations = 0
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        for module in network:
            x = module(x)
            if not isinstance(module, (nn.ReLU, nn.Flatten)):
                activations += x.numel()
    parameters = sum(p.numel() for p in network.parameters())
    macs = counter.get_total_flops() // 2  # a multiplication and an addition each
    print(f"{{name}}: {{parameters:,}} parameters, {{macs:,}} MACs, {{activations:,}} activations")

torch.set_default_device("cpu")
"""


def crossover_code(
    layers: int, kernel_size: int, size: int, bias: bool, in_channels: int | None, most: int
) -> str:
    """Cell that prints for which C up to `most` a stack costs less than one layer; arguments as ``cost.sweep``."""
    first = "C" if in_channels is None else str(in_channels)
    return f"""
# %% For which C does the stack cost less?
n, k, area, bias = {layers}, {kernel_size}, {size} * {size}, {int(bias)}
K = n * (k - 1) + 1
cheaper = {{"parameters": [], "parameters and activations": []}}
for C in range(1, {most + 1}):
    first = {first}
    one = K * K * first * C + bias * C
    stack = k * k * first * C + (n - 1) * k * k * C * C + n * bias * C
    if stack < one:
        cheaper["parameters"].append(C)
    if stack + n * C * area < one + C * area:
        cheaper["parameters and activations"].append(C)
for what, found in cheaper.items():
    print(f"{{what}}: from C = {{found[0]}} to {{found[-1]}}" if found else f"{{what}}: for no C up to {most}")
"""


def reach_code(channels: int, groups: int, layers: int, shuffle: bool, output: int) -> str:
    """Cell that prints how many input channels one output depends on after `layers` grouped layers."""
    between = f"\n    if layer:\n        y = nn.functional.channel_shuffle(y, {groups})" if shuffle else ""
    return f"""
# %% Which input channels does output channel {output} see?
x = torch.ones(1, {channels}, 1, 1, dtype=torch.float64, requires_grad=True)
weight = torch.ones({channels}, {channels // groups}, 1, 1, dtype=torch.float64)
y = x
for layer in range({layers}):{between}
    y = nn.functional.conv2d(y, weight, groups={groups})
(gradient,) = torch.autograd.grad(y[0, {output}, 0, 0], x)
print(f"output {output} sees {{int((gradient != 0).sum())}} of {channels} input channels")
"""
