"""A method with its settings as a script of its own: PyTorch and captum, without this project."""

from collections.abc import Sequence
from dataclasses import fields

from cnnviz.explain.attribution.cam import Cam
from cnnviz.explain.attribution.grad_cam import GradCam, GuidedGradCam
from cnnviz.explain.attribution.gradients import InputXGradient, IntegratedGradients, Saliency, SmoothGrad
from cnnviz.explain.attribution.occlusion import Occlusion
from cnnviz.explain.attribution.results import Settings
from cnnviz.zoo import standalone

LITE0 = "efficientnet_lite0"

_LITE0 = """
# %% The network as one module, and photos as it takes them
from captum import attr

# pip install captum
model = nn.Sequential(*network["stages"].values(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), network["classifier"])
network.requires_grad_(False)


def take(photo):
    crop = torch.tensor(photo[top : top + side, left : left + side]).permute(2, 0, 1)[None]
    return (F.interpolate(crop, (224, 224), mode="bicubic", antialias=True).float() - 127) / 128
"""

_TORCHVISION = """
# %% The network, and photos as it takes them
import torch
import torch.nn.functional as F
import torchvision
from captum import attr
from torch import nn

# pip install torch torchvision captum
weights = torchvision.models.get_model_weights("{name}").DEFAULT
model = network = torchvision.models.get_model("{name}", weights=weights).eval().requires_grad_(False)


def take(photo):
    return weights.transforms()(torch.tensor(photo).permute(2, 0, 1))[None]
"""

_IMAGE = """
image = take(photo)
black, white = (take(0 * photo + value) for value in (0, 255))
target = {target}

# %%
"""

_FILLS = {
    "black": "black",
    "grey": "(black + white) / 2",
    "mean": "image.mean((2, 3), keepdim=True).expand_as(image)",
    "blur": "gaussian_blur(image, [{kernel_size}, {kernel_size}], [{sigma}, {sigma}])",
    "noise": "black + share * (white - black)",
}

_SALIENCY = """
attribution = attr.Saliency(model).attribute(image, target, abs=False)
"""

_INPUT_X_GRADIENT = """
attribution = attr.InputXGradient(model).attribute(image, target)
"""

_SMOOTH_GRAD = """
torch.manual_seed({seed})
sigma = {noise} * float(image.max() - image.min())
attribution = attr.NoiseTunnel(attr.Saliency(model)).attribute(
    image,
    nt_type="smoothgrad",
    nt_samples={samples},
    nt_samples_batch_size=5,
    stdevs=sigma,
    target=target,
    abs=False,
)
"""

_INTEGRATED_GRADIENTS = """
attribution, delta = attr.IntegratedGradients(model).attribute(
    image,
    baseline,
    target,
    n_steps={steps},
    method="riemann_middle",
    internal_batch_size=5,
    return_convergence_delta=True,
)
print(f"sum of the attributions less difference of the logits: {{float(delta):.3f}}")
"""

_GRAD_CAM = """
method = attr.LayerGradCam(model, network.get_submodule("{layer}"))
attribution = method.attribute(image, target, relu_attributions={relu})
"""

_GUIDED_GRAD_CAM = """
class ReLU6(nn.ReLU):  # captum's guided backpropagation hooks nn.ReLU alone
    def forward(self, x):
        return F.relu6(x)


for parent in list(model.modules()):
    for name, child in parent.named_children():
        if isinstance(child, nn.ReLU6):
            setattr(parent, name, ReLU6())
        elif isinstance(child, nn.ReLU):
            child.inplace = False

method = attr.GuidedGradCam(model, network.get_submodule("{layer}"))
attribution = method.attribute(image, target, interpolate_mode="bilinear")
"""

_OCCLUSION = """
attribution = attr.Occlusion(model).attribute(
    image,
    sliding_window_shapes=(3, {window}, {window}),
    strides=(3, {stride}, {stride}),
    baselines=baseline,
    target=target,
    perturbations_per_eval=5,
)[:, :1]  # the same for each colour
"""

_CAM = """
kept = []
hook = network.get_submodule("{layer}").register_forward_hook(lambda *seen: kept.append(seen[2]))
logits = model(image)
hook.remove()
dense = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
attribution = torch.einsum("k,nkij->nij", dense.weight[target], kept[0])[:, None]
print(f"mean of the map and bias: {{float(attribution.mean() + dense.bias[target]):.3f}}")
print(f"logit: {{float(logits[0, target]):.3f}}")
"""

_SHOWN = """
# %%
shown = attribution.{reduction}[0]
row, column = divmod(int(shown.argmax()), shown.shape[1])
print(f"{{tuple(shown.shape)}}, {{shown.min():.5f}} to {{shown.max():.5f}}, largest at {{row}}, {{column}}")
"""

_TEMPLATES: dict[type, str] = {
    Saliency: _SALIENCY,
    InputXGradient: _INPUT_X_GRADIENT,
    SmoothGrad: _SMOOTH_GRAD,
    IntegratedGradients: _INTEGRATED_GRADIENTS,
    GradCam: _GRAD_CAM,
    GuidedGradCam: _GUIDED_GRAD_CAM,
    Occlusion: _OCCLUSION,
    Cam: _CAM,
}


def script(
    photo_code: str,
    settings: Settings | Sequence[Settings],
    target: int,
    layer: str = "stages.head",
    network: str = LITE0,
    input_size: int = 224,
) -> str:
    """Python that computes ``attribution`` as :func:`cnnviz.explain.attribution.methods.explain` does.

    It prints what the method proves of itself, then the shape of the map, its range and its strongest place.

    Args:
        photo_code: Python that defines ``photo``, (H, W, 3) uint8.
        settings: of any method, or of several, one after the other; guided Grad-CAM follows the ReLUs that are
            modules, in networks that call ``F.relu`` only these.
        layer: the network's last, for methods that take it where none is set.
        network: EfficientNet-Lite0, or a torchvision classifier by name.
        input_size: (height and) width of the network's input.
    """
    every = list(settings) if isinstance(settings, Sequence) else [settings]
    # It changes the network for good.
    every.sort(key=lambda each: isinstance(each, GuidedGradCam))
    cells = (method(each, layer, input_size) for each in every)
    return beginning(photo_code, target, network) + "\n# %%\n".join(cells)


def beginning(photo_code: str, target: int, network: str = LITE0) -> str:
    """Python that defines ``model``, ``network``, ``image``, ``black``, ``white`` and ``target``, and opens a cell."""
    parts = [standalone.script(photo_code), _LITE0]
    if network != LITE0:
        parts = [photo_code.strip() + "\n", _TORCHVISION.format(name=network)]
    return "".join(parts) + _IMAGE.format(target=target)


def filled(name: str, fill: str, seed: int = 0, input_size: int = 224) -> str:
    """Lines that define `name` as :meth:`cnnviz.explain.attribution.picture.Picture.filled` does."""
    lines, sigma = "", input_size / 16
    if fill == "blur":
        lines = "from torchvision.transforms.functional import gaussian_blur\n\n"
    if fill == "noise":
        lines = f"share = torch.rand(image.shape, generator=torch.Generator().manual_seed({seed}))\n"
    kernel_size = 2 * min(round(3 * sigma), input_size - 1) + 1
    return f"{lines}{name} = {_FILLS[fill].format(kernel_size=kernel_size, sigma=sigma)}\n"


def method(settings: Settings, layer: str = "stages.head", input_size: int = 224) -> str:
    """A method's own lines, which :func:`script` puts after the :func:`beginning`; they end with ``shown``."""
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}  # type: ignore[arg-type]
    values["layer"] = values.get("layer") or layer
    fill = values.get("baseline", values.get("fill", ""))
    magnitude = isinstance(settings, Saliency | SmoothGrad)
    return (
        (filled("baseline", fill, values["seed"], input_size) if fill else "")
        + _TEMPLATES[type(settings)].format(**values)
        + _SHOWN.format(reduction="abs().amax(1)" if magnitude else "sum(1)")
    )
