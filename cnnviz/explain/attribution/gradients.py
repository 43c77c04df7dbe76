"""What the gradient says of the pixels: saliency, gradient × input, SmoothGrad, integrated gradients.

captum's gradient methods put no hooks on a network, and a frozen one gets no gradients: they run on the shared
network itself. The image is a copy each time, since captum switches its ``requires_grad`` on and off.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from captum import attr
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.explain.attribution.picture import Picture
from cnnviz.explain.attribution.results import Attribution, Checked, array
from cnnviz.explain.attribution.sharing import batch_size


def own(x: Tensor) -> Tensor:
    """A copy that wants a gradient, as captum would otherwise warn about."""
    return x.detach().clone().requires_grad_()


@dataclass(frozen=True)
class Saliency(Checked):
    r"""The gradient of the class's logit (captum ``Saliency``).

    Simonyan, Vedaldi & Zisserman, "Deep Inside Convolutional Networks", ICLR workshop 2014 (arXiv 1312.6034),
    section 3.1: :math:`M_{ij} = \max_c |w_{ijc}|` with :math:`w = \partial S_c / \partial I`.
    """

    def run(self, network: nn.Module, picture: Picture, target: int) -> Iterator[Attribution]:
        """One pass forward and one back."""
        gradient = attr.Saliency(network).attribute(own(picture.x), target, abs=False)
        yield Attribution(array(gradient), "magnitude")


def slope(
    network: nn.Module, picture: Picture, target: int, gradient: NDArray[np.float32], step: float = 1e-3
) -> float:
    r"""How fast the logit rises along `gradient`, without differentiating: by two steps of length `step`.

    :math:`(S(x + hu) - S(x - hu)) / 2h` with :math:`u = g / \lVert g \rVert`; near the gradient's length
    :math:`\lVert g \rVert`, were the network as smooth as it is not.

    Args:
        gradient: (3, H, W).
    """
    g = torch.from_numpy(gradient.copy())[None].to(picture.x)
    way = step * g / g.norm()
    with torch.no_grad():
        ahead, behind = (network(picture.x + sign * way)[0, target].item() for sign in (1, -1))
    return (ahead - behind) / (2 * step)


@dataclass(frozen=True)
class InputXGradient(Checked):
    r"""The gradient times the input (captum ``InputXGradient``).

    Shrikumar, Greenside, Shcherbina & Kundaje, "Not Just a Black Box", 2016 (arXiv 1605.01713), section 2:
    :math:`x_i \, \partial S / \partial x_i`. The input is what the network gets: black is not 0.
    """

    def run(self, network: nn.Module, picture: Picture, target: int) -> Iterator[Attribution]:
        """One pass forward and one back."""
        yield Attribution(array(attr.InputXGradient(network).attribute(own(picture.x), target)))


@dataclass(frozen=True)
class SmoothGrad(Checked):
    r"""The mean of the gradients of noisy copies (captum ``Saliency``, averaged as ``NoiseTunnel`` would).

    Smilkov, Thorat, Kim, Viégas & Wattenberg, "SmoothGrad", 2017 (arXiv 1706.03825), section 2.1:
    :math:`\hat M_c(x) = \frac1n \sum_1^n M_c(x + \mathcal N(0, \sigma^2))`.

    ``NoiseTunnel`` draws from the global random numbers, which belong to all visitors; here they are drawn from
    `seed`, and are those that ``torch.manual_seed(seed)`` gives it.

    Attributes:
        samples: n.
        noise: the paper's noise level σ / (x_max − x_min).
        seed: of the noise.
    """

    samples: int = 25
    noise: float = 0.15
    seed: int = 0
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {"samples": (2, 200), "noise": (0.0, 1.0)}

    def run(self, network: nn.Module, picture: Picture, target: int) -> Iterator[Attribution]:
        """A yield for each batch: the mean of the copies so far."""
        x = picture.x
        sigma = self.noise * float(x.max() - x.min())
        generator = torch.Generator().manual_seed(self.seed)
        size, total = batch_size(network, x), torch.zeros_like(x)
        method = attr.Saliency(network)
        for start in range(0, self.samples, size):
            stop = min(start + size, self.samples)
            noise = torch.randn((stop - start, *x.shape[1:]), generator=generator).to(x.device)
            copies = (x + sigma * noise).contiguous(memory_format=torch.channels_last)
            total += method.attribute(own(copies), target, abs=False).sum(0, keepdim=True)
            yield Attribution(array(total / stop), "magnitude", stop, self.samples)


@dataclass(frozen=True)
class IntegratedGradients(Checked):
    r"""The gradients on the straight way from a baseline, times the way (captum ``IntegratedGradients``).

    Sundararajan, Taly & Yan, "Axiomatic Attribution for Deep Networks", ICML 2017 (arXiv 1703.01365), equation 1:
    :math:`(x_i - x'_i) \int_0^1 \partial F(x' + \alpha (x - x')) / \partial x_i \, d\alpha`, as a sum over the
    middles of `steps` equal parts (captum's ``riemann_middle``). Completeness, proposition 1: the attributions
    add up to F(x) − F(x').

    Attributes:
        steps: on the way.
        baseline: x', one of :data:`cnnviz.explain.attribution.picture.FILLS`.
        seed: of a baseline of noise.
    """

    steps: int = 32
    baseline: str = "grey"
    seed: int = 0
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {"steps": (2, 512)}

    def run(self, network: nn.Module, picture: Picture, target: int) -> Iterator[Attribution]:
        """A yield for each batch: what the steps so far, spread over the whole way, say of the whole.

        Every k-th of the n steps, from the j-th on, are the middles of as many equal parts of a way that is
        shifted a little: captum walks it, and the k ways' sum over k is the sum over all n steps.
        """
        x, baseline = picture.x, picture.filled(self.baseline, self.seed)
        way, n = x - baseline, self.steps
        with torch.no_grad():
            score, baseline_score = network(torch.cat((x, baseline)))[:, target].tolist()
        size = batch_size(network, x)
        # captum wants at least two steps of a way.
        k = max(1, min(-(-n // size), n // 2))
        method = attr.IntegratedGradients(network)
        total, done = torch.zeros_like(x), 0
        for j in _spread(k):
            steps = len(range(j, n, k))
            start = (j + 0.5 - k / 2) / n
            ends = (baseline + at * way for at in (start, start + steps * k / n))
            first, last = (end.contiguous(memory_format=torch.channels_last) for end in ends)
            total += method.attribute(
                last,
                first,
                target,
                n_steps=steps,
                method="riemann_middle",
                internal_batch_size=size if steps > size else None,
            ).detach()
            done += steps
            estimate = total / k * (n / done)
            yield Attribution(array(estimate), done=done, total=n, score=score, baseline_score=baseline_score)


def _spread(k: int) -> list[int]:
    """0 to k − 1 from the middle on, each far from those before, so that a part already speaks for the whole.

    >>> _spread(8)
    [4, 0, 6, 2, 5, 1, 7, 3]
    """
    return [(j + k // 2) % k for j in sorted(range(k), key=lambda j: f"{j:016b}"[::-1])]
