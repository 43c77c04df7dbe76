"""Max-unpooling: every maximum returns to the place where pooling found it; zeros elsewhere."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from cnnviz.layers.arithmetic import pool_output_size
from cnnviz.messages import N_
from cnnviz.upsampling.operator import Maps, Operator, Settings, Whole, register, setting
from cnnviz.upsampling.unpooling import box, pool, unpool


@dataclass(frozen=True)
class MaxUnpooling(Settings):
    """The pooling that is undone: side and step of its window."""

    kernel_size: int = setting(2, Whole(1, 8))
    stride: int = setting(2, Whole(1, 8))


def apply(x: Maps, settings: MaxUnpooling) -> Maps:
    """(C, H, W), the picture at full size -> the same size, with its maxima only."""
    pooled, indices = pool(x, settings.kernel_size, settings.stride)
    return unpool(pooled, indices, (x.shape[1], x.shape[2]))


def reference(x: Tensor, settings: MaxUnpooling) -> Tensor:
    size = x.shape[-2:]
    for side in size:
        pool_output_size(side, settings.kernel_size, settings.stride)
    kernel_size, stride = [settings.kernel_size] * 2, [settings.stride] * 2
    pooled, indices = F.max_pool2d(x, kernel_size, stride, return_indices=True)
    return F.max_unpool2d(pooled, indices, kernel_size, stride, output_size=list(size))


def code(settings: MaxUnpooling) -> str:
    window = f"kernel_size={settings.kernel_size}, stride={settings.stride}"
    return (
        f"pooled, indices = F.max_pool2d(x, {window}, return_indices=True)\n"
        f"y = F.max_unpool2d(pooled, indices, {window}, output_size=x.shape[-2:])"
    )


register(
    Operator(
        id="max_unpooling",
        title=N_("Max-unpooling"),
        formula=r"y_{q} = \begin{cases}p_{ij} & q = \operatorname{argmax}_{(a,b)\in W_{ij}} x_{ab}\\ "
        r"0 & \text{else}\end{cases},\quad p_{ij} = \max_{(a,b)\in W_{ij}} x_{ab}",
        call="torch.nn.functional.max_unpool2d",
        source="Noh et al. 2015, arXiv 1505.04366, section 3.2",
        settings=MaxUnpooling,
        apply=apply,
        reference=reference,
        code=code,
        helpers=(box, pool, unpool),
        start="full",
    )
)
