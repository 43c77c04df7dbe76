"""Networks of the CIFAR kind: 6n + 2 layers in three stages, plain or residual.

He et al., arXiv 1512.03385, § 4.2: a 3×3 convolution, then three stages of 2n 3×3 convolutions with widths w,
2w and 4w, the map halved between them, global average pooling and a dense layer; shortcuts are identities, with
zeros for new channels (option A), so that plain and residual have the same weights. The paper's w is 16.
"""

from torch import Tensor, nn

from cnnviz.blocks.residual import Block, Design, Order
from cnnviz.errors import SettingError
from cnnviz.messages import N_


class SmallResNet(nn.Module):
    """The network of the module's text.

    Args:
        depth: 6n + 2 weighted layers.
        width: w, channels of the first stage.
        classes: of the logits.
        residual: False leaves the shortcuts out, and nothing else.
        order: of the blocks.

    Raises:
        SettingError: the depth is not 6n + 2, or the width is below 1.
    """

    def __init__(
        self, depth: int, width: int, classes: int, residual: bool = True, order: Order = "post"
    ) -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise SettingError(
                N_("the depth is {depth}; it must be 6n + 2: 8, 14, 20 and so on"), depth=depth
            )
        if width < 1:
            raise SettingError(N_("the width is {width}; it must be at least 1"), width=width)
        self.stem = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.blocks = nn.Sequential()
        channels = width
        for stage in range(3):
            outputs = width * 2**stage
            for number in range((depth - 2) // 6):
                shape = channels, outputs, 2 if stage and not number else 1
                same = shape[0] == shape[1] and shape[2] == 1
                shortcut = ("identity" if same else "zeros") if residual else "none"
                self.blocks.append(Block(*shape, Design(shortcut, order)))  # type: ignore[arg-type]
                channels = outputs
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dense = nn.Linear(channels, classes)

    def head(self, maps: Tensor) -> Tensor:
        """(N, 4w, H, W), what the last block gives -> (N, classes) logits."""
        return self.dense(self.pool(maps).flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, S, S) -> (N, classes) logits."""
        return self.head(self.blocks(self.stem(x)))


def parameters(depth: int, width: int, classes: int) -> int:
    """Parameters of a :class:`SmallResNet`, plain or residual, by its formula.

    >>> parameters(20, 16, 10), parameters(56, 16, 10)
    (269434, 852730)
    """
    n, w = (depth - 2) // 6, width
    return 9 * w + (378 * n - 90) * w**2 + (28 * n + 2) * w + (4 * w + 1) * classes


def parameters_formula(depth: int, width: int, classes: int) -> str:
    """LaTeX of :func:`parameters`: the first convolution, those of the blocks, BatchNorm, the dense layer."""
    n, w = (depth - 2) // 6, width
    return (
        rf"9 \cdot {w} + (378 \cdot {n} - 90) \cdot {w}^2 + (28 \cdot {n} + 2) \cdot {w} "
        rf"+ (4 \cdot {w} + 1) \cdot {classes}"
    )
