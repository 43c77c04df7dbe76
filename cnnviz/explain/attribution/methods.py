"""The methods by id: title, paper, equation, settings. A new method is a class and a line here."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from cnnviz.errors import ModelError
from cnnviz.explain.attribution.cam import Cam
from cnnviz.explain.attribution.grad_cam import GradCam, GuidedGradCam
from cnnviz.explain.attribution.gradients import InputXGradient, IntegratedGradients, Saliency, SmoothGrad
from cnnviz.explain.attribution.occlusion import Occlusion
from cnnviz.explain.attribution.picture import Picture
from cnnviz.explain.attribution.results import Attribution, Settings
from cnnviz.explain.attribution.sharing import explained
from cnnviz.messages import N_


@dataclass(frozen=True)
class Method:
    """What there is to say about a method.

    Attributes:
        id: in links.
        title: English, marked for translation.
        paper: authors and year, with its address in ``url``.
        formula: LaTeX.
        settings: its settings' class; called without arguments it gives the defaults.
        slow: many passes through the network: it yields more than once.
        signed: values below 0 speak against the class.
    """

    id: str
    title: str
    paper: str
    url: str
    formula: str
    settings: type[Settings]
    slow: bool = False
    signed: bool = True


METHODS = {
    method.id: method
    for method in (
        Method(
            "saliency",
            N_("Gradient (saliency)"),
            "Simonyan, Vedaldi & Zisserman 2014",
            "https://arxiv.org/abs/1312.6034",
            r"M_{ij} = \max_c \left| \frac{\partial S}{\partial x_{cij}} \right|",
            Saliency,
            signed=False,
        ),
        Method(
            "input_x_gradient",
            N_("Gradient × input"),
            "Shrikumar et al. 2016",
            "https://arxiv.org/abs/1605.01713",
            r"M_{ij} = \sum_c x_{cij} \, \frac{\partial S}{\partial x_{cij}}",
            InputXGradient,
        ),
        Method(
            "smooth_grad",
            N_("SmoothGrad"),
            "Smilkov et al. 2017",
            "https://arxiv.org/abs/1706.03825",
            r"\hat M = \frac{1}{n} \sum_{1}^{n} \frac{\partial S}{\partial x}"
            r"\Big|_{x + \mathcal{N}(0, \sigma^2)}",
            SmoothGrad,
            slow=True,
            signed=False,
        ),
        Method(
            "integrated_gradients",
            N_("Integrated gradients"),
            "Sundararajan, Taly & Yan 2017",
            "https://arxiv.org/abs/1703.01365",
            r"(x_i - x'_i) \int_0^1 \frac{\partial S(x' + \alpha (x - x'))}{\partial x_i} \, d\alpha",
            IntegratedGradients,
            slow=True,
        ),
        Method(
            "grad_cam",
            N_("Grad-CAM"),
            "Selvaraju et al. 2017",
            "https://arxiv.org/abs/1610.02391",
            r"\mathrm{ReLU}\Big(\sum_k \alpha_k A^k\Big), \quad"
            r"\alpha_k = \frac{1}{Z} \sum_{ij} \frac{\partial S}{\partial A^k_{ij}}",
            GradCam,
        ),
        Method(
            "guided_grad_cam",
            N_("Guided Grad-CAM"),
            "Selvaraju et al. 2017; Springenberg et al. 2015",
            "https://arxiv.org/abs/1610.02391",
            r"L_{\text{Grad-CAM}} \odot R^0, \quad R^l = (f^l > 0) \, (R^{l+1} > 0) \, R^{l+1}",
            GuidedGradCam,
        ),
        Method(
            "occlusion",
            N_("Occlusion"),
            "Zeiler & Fergus 2014",
            "https://arxiv.org/abs/1311.2901",
            r"M_{ij} = \operatorname{mean}_{w \ni (i, j)} \big( S(x) - S(x \setminus w) \big)",
            Occlusion,
            slow=True,
        ),
        Method(
            "cam",
            N_("CAM, by hand"),
            "Zhou et al. 2016",
            "https://arxiv.org/abs/1512.04150",
            r"M_{ij} = \sum_k w_k \, f_k(i, j), \quad S = \frac{1}{Z} \sum_{ij} M_{ij} + b",
            Cam,
        ),
    )
}
"""By id, in the order in which they are offered."""


def explain(network: nn.Module, picture: Picture, target: int, settings: Settings) -> Iterator[Attribution]:
    """Why `network` gives class `target` the logit that it gives: the answer so far, again and again.

    The last is the whole; quick methods give one. Stop asking, and nothing more is computed.

    Args:
        network: in eval mode and frozen; may be shared with any number of threads, and is left as it is.
        target: index among the logits.

    Raises:
        ModelError: no such class or layer, a network for which the method is not defined, too little memory.
    """
    if target < 0:
        raise ModelError(N_("{network} has no class {target}"), network=type(network).__name__, target=target)
    with explained(network, target):
        yield from settings.run(network, picture, target)
