"""Scripts of their own for plain and residual networks: a training, and the deletion of blocks."""

from collections.abc import Sequence

from cnnviz.training.degradation import BATCH, NETWORKS, RATE, SEEN, Setup
from cnnviz.training.pictures_code import pictures_code

WEIGHTS_FILE = "weights.npz"
"""What the notebook carries for :func:`deletion_code`: each weight as ``<network>.<name>``."""
_IMPORTS = "import numpy as np\nimport torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"
_NETWORK = """class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, residual):
        super().__init__()
        self.outputs, self.stride, self.residual = outputs, stride, residual
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs),
        )

    def shortcut(self, x):
        if self.stride == 1:
            return x
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.outputs - x.shape[1]))  # zeros for the new channels

    def forward(self, x):
        return F.relu(self.branch(x) + self.shortcut(x) if self.residual else self.branch(x))


class Network(nn.Module):
    def __init__(self, depth, residual):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.blocks, inputs = nn.Sequential(), width
        for stage in range(3):
            for number in range((depth - 2) // 6):
                outputs, stride = width * 2**stage, 2 if stage and not number else 1
                self.blocks.append(Block(inputs, outputs, stride, residual))
                inputs = outputs
        self.dense = nn.Linear(inputs, classes)

    def forward(self, x):
        return self.dense(F.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1).flatten(1))
"""


def _chosen(names: Sequence[str]) -> str:
    parts = [
        f'    "{name}": Network(depth={NETWORKS[name][0]}, residual={NETWORKS[name][1]}),' for name in names
    ]
    return "networks = {\n" + "\n".join(parts) + "\n}"


def training_code(setup: Setup, classes: int) -> str:
    """Train the networks of `setup` and print the errors that :func:`cnnviz.training.degradation.train` ends with."""
    return f"""{_IMPORTS}
# The pictures
{pictures_code(setup.pictures)}width, classes, seed, steps = {setup.width}, {classes}, {setup.seed}, {setup.steps}

# %% The networks
{_NETWORK}

{_chosen(setup.networks)}


# %% The training, the same for all
def start(network):
    generator = torch.Generator().manual_seed(seed)
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight, generator=generator)
            nn.init.zeros_(part.bias)
    return network.to(memory_format=torch.channels_last)


def error(network, images, labels):
    with torch.no_grad():
        return (network.eval()(images).argmax(1) != labels).float().mean().item()


torch.set_num_threads(1)  # so that the numbers are those of the page, which leaves the other cores free
for name, network in networks.items():
    start(network)
    optimiser = torch.optim.SGD(network.parameters(), {RATE}, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, {RATE}, steps + 1)
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        rows = torch.randint(len(train), ({BATCH},), generator=generator)
        optimiser.zero_grad()
        F.cross_entropy(network.train()(train[rows]), train_labels[rows]).backward()
        optimiser.step()
        schedule.step()
    seen = error(network, train[:{SEEN}], train_labels[:{SEEN}])
    print(f"{{name}}: {{sum(p.numel() for p in network.parameters())}} parameters, "
          f"training error {{seen:.2%}}, test error {{error(network, test, test_labels):.2%}}")
"""


def deletion_code(pictures: str, names: Sequence[str], width: int, classes: int, gone: Sequence[int]) -> str:
    """Delete blocks of the trained networks that the notebook carries, and print what it costs."""
    return f"""{_IMPORTS}
# The pictures
{pictures_code(pictures)}width, classes = {width}, {classes}

# %% The networks
{_NETWORK}

{_chosen(names)}

# %% Their trained weights; the notebook carries this file
stored = np.load("{WEIGHTS_FILE}")
for name, network in networks.items():
    weights = {{key: torch.tensor(stored[f"{{name}}.{{key}}"]) for key in network.state_dict() if "tracked" not in key}}
    network.eval().load_state_dict(weights, strict=False)


# %% Without some blocks: only their shortcut stays, and the activation after it
@torch.no_grad()
def error(network, gone):
    x = network.stem(test)
    for number, block in enumerate(network.blocks):
        x = F.relu(block.shortcut(x)) if number in gone else block(x)
    logits = network.dense(F.adaptive_avg_pool2d(x, 1).flatten(1))
    return (logits.argmax(1) != test_labels).float().mean().item()


gone = {list(gone)}  # counted from 0
for name, network in networks.items():
    print(f"{{name}}: test error {{error(network, []):.2%}}, without the blocks {{gone}} {{error(network, gone):.2%}}")
    print("without each in turn:", ", ".join(f"{{error(network, [b]):.1%}}" for b in range(len(network.blocks))))
"""
