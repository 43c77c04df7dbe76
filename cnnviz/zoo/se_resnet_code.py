"""What the gates of SE-ResNet-50 cost, as a script of its own."""

from cnnviz.zoo import se_resnet
from cnnviz.zoo.source import source

_COUNT = """

# %% On the meta device tensors have shapes but no numbers
def parameters(module):
    return sum(p.numel() for p in module.parameters())


r, channels, bias = {r}, {channels}, {bias}
with torch.device("meta"):
    block = SqueezeExcite(channels, r, bias)
    network = SEResNet50(r, bias)
    plain = torchvision.models.resnet50(weights=None)
print(f"one block of {{channels}} channels: {{parameters(block):,}}")
print(f"all gates: {{parameters(network) - parameters(plain):,}}, by the formula {{excitation_weights(r):,}} without biases")
print(f"SE-ResNet-50: {{parameters(network):,}}")
"""


def ratio_code(r: int, channels: int, bias: bool) -> str:
    """Script that prints the parameters of one block, of all gates and of SE-ResNet-50.

    Args:
        r: the reduction ratio.
        channels: of the one block.
        bias: whether the dense layers have biases.
    """
    return f"import torchvision\n{source(se_resnet)}\n" + _COUNT.format(r=r, channels=channels, bias=bias)
