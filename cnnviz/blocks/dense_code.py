"""Dense blocks as scripts to keep, without cnnviz: what a block makes and costs, on a photo, and a cut connection."""

import io

import numpy as np
from numpy.typing import NDArray

from cnnviz.blocks.dense import WIDENING, DenseNet, DenseSettings

WEIGHTS_FILE = "densenet.npz"
"""What the notebook carries for :func:`reuse_code`: the weights, and the test pictures."""


def _layer(bottleneck: bool) -> str:
    if bottleneck:
        return f"""            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, {WIDENING} * k, 1, bias=False),
            nn.BatchNorm2d({WIDENING} * k), nn.ReLU(), nn.Conv2d({WIDENING} * k, k, 3, padding=1, bias=False),"""
    return (
        """            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, k, 3, padding=1, bias=False),"""
    )


_TRANSITION = """outputs = k0 + layers * k
transition = nn.Sequential(
    nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, int(round(theta * outputs, 9)), 1, bias=False), nn.AvgPool2d(2),
)
"""


def _block(bottleneck: bool) -> str:
    return f"""class DenseBlock(nn.Module):
    def __init__(self, k0, k, layers):
        super().__init__()
        self.layers = nn.ModuleList(self.layer(k0 + number * k, k) for number in range(layers))

    def layer(self, inputs, k):
        return nn.Sequential(
{_layer(bottleneck)}
        )

    def forward(self, x):
        features = [x]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1)))
        return torch.cat(features, 1)
"""


def block_code(settings: DenseSettings, side: int) -> str:
    """Script that builds the block with its transition, and prints its channels, connections and costs."""
    return f"""import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

k0, k, layers, theta, side = {settings.inputs}, {settings.growth}, {settings.layers}, {settings.compression:g}, {side}


{_block(settings.bottleneck)}

# %% On the meta device tensors have shapes and no numbers
torch.set_default_device("meta")
block = DenseBlock(k0, k, layers)
{_TRANSITION}x = torch.empty(1, k0, side, side)

saved = {{}}  # what autograd keeps for the backward pass, parameters left out
own = {{id(tensor) for tensor in [*block.parameters(), *block.buffers()]}}


def keep(tensor):
    if id(tensor) not in own:
        saved[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
    return tensor


with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
    y = block(x)
with FlopCounterMode(display=False) as counter:
    block(x)

# %% What comes out, and what it costs
print("reads", [k0 + number * k for number in range(layers)])
print("block", tuple(y.shape), "transition", tuple(transition(y).shape))
print("connections", sum(range(1, layers + 1)))
print("parameters", sum(p.numel() for p in block.parameters()))
print("MACs", counter.get_total_flops() // 2)  # a multiplication and an addition each
print("kept for backward", sum(storage.nbytes() for storage in saved.values()), "bytes")
print("features alone", 4 * y.numel(), "bytes")

torch.set_default_device("cpu")
"""


def maps_code(photo: str | None, size: tuple[int, int], settings: DenseSettings, seed: int) -> str:
    """Script that runs the block on a photo, or on noise, and prints how large each layer's new maps are.

    Args:
        photo: code that defines ``photo``, (H, W, 3) uint8; None for noise.
        size: (height, width) that it is first reduced to.
    """
    height, width = size
    given = (
        f"picture = torch.randn(1, 3, {height}, {width}, generator=generator)"
        if photo is None
        else f"photo = cv2.resize(photo, ({width}, {height}), interpolation=cv2.INTER_AREA)\n"
        "picture = torch.from_numpy(photo).permute(2, 0, 1)[None] / 127.5 - 1"
    )
    opening = f"{photo}\n\nimport cv2\n" if photo else ""
    return f"""{opening}import torch
from torch import nn

k0, k, layers, theta = {settings.inputs}, {settings.growth}, {settings.layers}, {settings.compression:g}


{_block(settings.bottleneck)}

# %% Random weights, drawn from one generator: a layer that makes k0 maps of the picture, then block and transition
generator = torch.Generator().manual_seed({seed})
{given}
stem, block = nn.Conv2d(3, k0, 3, padding=1, bias=False), DenseBlock(k0, k, layers)
{_TRANSITION}for part in [*stem.modules(), *block.modules(), *transition.modules()]:
    if isinstance(part, nn.Conv2d):
        nn.init.kaiming_normal_(part.weight, nonlinearity="relu", generator=generator)

# %% Each layer's new maps lie behind all that came before
with torch.no_grad():
    x = stem(picture)
    y = block(x)
    kept = transition(y)
for layer in range(layers):
    new = y[:, k0 + layer * k : k0 + (layer + 1) * k]
    print(f"layer {{layer + 1}} reads {{k0 + layer * k}}, adds {{new.shape[1]}}: mean |x| {{new.abs().mean():.4f}}")
print(f"transition keeps {{kept.shape[1]}}: mean |x| {{kept.abs().mean():.4f}}")
print("the block's input is still there:", torch.equal(y[:, :k0], x))
"""


def reuse_code(network: DenseNet, block: int, source: int, target: int) -> str:
    """Script that loads the trained network, prints what one layer reads, and cuts one of its connections."""
    settings = [each.settings for each in network.blocks]
    layers, last = settings[0].layers, len(settings) - 1
    stages = []
    for number, each in enumerate(settings):
        stages.append(f"DenseBlock({each.inputs}, k, layers)")
        if number < last:
            stages.append(
                f"nn.Sequential(nn.BatchNorm2d({each.outputs}), nn.ReLU(), "
                f"nn.Conv2d({each.outputs}, {each.kept}, 1, bias=False), nn.AvgPool2d(2))"
            )
    body = "".join(f"            {stage},\n" for stage in stages)
    width, classes = settings[-1].outputs, network.head[-1].out_features
    if target < layers:
        reader = f"network.body[{2 * block}].layers[{target}][2]"
    else:
        reader = f"network.body[{2 * block + 1}][2]" if block < last else "network.head[-1]"
    return f"""import numpy as np
import torch
from torch import nn

k, layers = {settings[0].growth}, {layers}


{_block(bottleneck=False)}

class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, {settings[0].inputs}, 3, padding=1, bias=False)
        self.body = nn.Sequential(
{body}        )
        self.head = nn.Sequential(
            nn.BatchNorm2d({width}), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear({width}, {classes})
        )

    def forward(self, x):
        return self.head(self.body(self.stem(x)))


# %% Trained weights and the test pictures; the notebook carries this file
stored = np.load("{WEIGHTS_FILE}")
network = DenseNet().eval()
state = {{name: torch.tensor(stored[name]) for name in stored.files if name not in ("images", "labels")}}
network.load_state_dict(state, strict=False)  # all but the batch counters
images, labels = torch.tensor(stored["images"]), torch.tensor(stored["labels"])


def error():
    with torch.no_grad():
        return (network(images).argmax(1) != labels).double().mean().item()


# %% What it reads, by source: the block's input first
weight = {reader}.weight.data
edges = [0, *range({settings[block].inputs}, weight.shape[1] + 1, k)]
for source, (start, stop) in enumerate(zip(edges, edges[1:])):
    print(f"x{{source}}: mean |w| {{weight[:, start:stop].abs().mean():.5f}}")

# %% Deaf to x{source}
print(f"error {{error():.4f}}")
weight[:, edges[{source}] : edges[{source + 1}]] = 0
print(f"error without x{source} here {{error():.4f}}")
"""


def archive(network: DenseNet, images: NDArray[np.float32], labels: NDArray[np.int64]) -> bytes:
    """An ``.npz`` of the weights, named as in the script, and of test pictures."""
    weights = {
        name: values.contiguous().numpy()
        for name, values in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    packed = io.BytesIO()
    np.savez_compressed(packed, images=images, labels=labels, **weights)
    return packed.getvalue()
