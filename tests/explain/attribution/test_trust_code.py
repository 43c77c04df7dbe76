"""The scripts of the tests run on any classifier, without this project, and print what the core computes."""

import re

import numpy as np
import pytest
import torch
import torchvision

from cnnviz import samples
from cnnviz.explain.attribution.cascade import cascade, order
from cnnviz.explain.attribution.exciting import maps
from cnnviz.explain.attribution.exciting_code import script as exciting_script
from cnnviz.explain.attribution.grad_cam import GradCam, layers
from cnnviz.explain.attribution.gradients import Saliency
from cnnviz.explain.attribution.insertion_deletion import CurveSettings, curves
from cnnviz.explain.attribution.methods import explain
from cnnviz.explain.attribution.occlusion import Occlusion, erase, rectangle
from cnnviz.explain.attribution.picture import Picture, picture
from cnnviz.explain.attribution.trust_code import cascade_script, curves_script, erase_script
from tests.explain.attribution.networks import untouched

NAME, TARGET, LAYER = "mobilenet_v2", 3, "features.18"
WHERE = {"network": NAME, "input_size": 224}


class Weights:
    """What torchvision's `get_model_weights` gives, without the download."""

    meta = torchvision.models.MobileNet_V2_Weights.DEFAULT.meta

    @property
    def DEFAULT(self):
        return self

    def transforms(self):
        return torchvision.models.MobileNet_V2_Weights.DEFAULT.transforms()


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return torchvision.models.mobilenet_v2(weights=None).eval().requires_grad_(False)


@pytest.fixture
def run(network, monkeypatch, capsys):
    """Runs a script, and returns its names and the lines that it prints."""
    monkeypatch.setattr(torchvision.models, "get_model_weights", lambda name: Weights())
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights: network)

    def execute(source):
        assert "cnnviz" not in source
        space = {"given": samples.load("cat")}
        exec(source, space)
        return space, capsys.readouterr().out.splitlines()

    return execute


def seen(space):
    return Picture(space["image"], space["black"], space["white"])


def test_curves(network, run):
    settings = CurveSettings(4, "black", "noise", seed=3)
    source = curves_script(
        "photo = given",
        {"grad_cam": GradCam(), "saliency": Saliency()},
        TARGET,
        settings,
        7,
        layer=LAYER,
        **WHERE,
    )
    space, printed = run("import numpy as np\n" + source)
    here = seen(space)
    order_by_chance = np.random.default_rng(7).permutation(224 * 224).reshape(224, 224)
    every = {"random": order_by_chance}
    for name, method in (("grad_cam", GradCam()), ("saliency", Saliency())):
        (found,) = explain(network, here, TARGET, method)
        every[name] = found.resized((224, 224))
    for name, importance in every.items():
        (*_, found) = curves(network, here, TARGET, importance, settings)
        line = next(line for line in printed if line.startswith(f"{name}: deletion"))
        assert line == f"{name}: deletion {found.deletion_area:.3f}, insertion {found.insertion_area:.3f}"
    assert untouched(network)


@pytest.mark.parametrize("painted", [False, True])
def test_erasing(network, run, painted):
    mask = np.zeros((56, 56), np.uint8)
    mask[10:20, 30:50] = 1
    part = (
        {"mask": mask} if painted else {"box": (112, 56, 224, 168), "occlusion": Occlusion(112, 56, "grey")}
    )
    space, printed = run(
        "import numpy as np\n" + erase_script("photo = given", TARGET, "grey", **part, **WHERE)
    )
    here = seen(space)
    covered = np.kron(mask, np.ones((4, 4))) > 0 if painted else rectangle((224, 224), (112, 56, 224, 168))
    found = erase(network, here, covered, "grey")
    drop = re.search(r"a drop of (-?[\d.]+)", "\n".join(printed))
    assert float(drop[1]) == pytest.approx(found.drop(TARGET), abs=2e-3)
    best = int(found.logits.argmax())
    name = Weights.meta["categories"][best]
    before, after = 100 * found.probabilities[best], 100 * found.erased_probabilities[best]
    assert f"{name}: {before:.1f} % to {after:.1f} %" in printed


@pytest.mark.parametrize("own", [False, True])
def test_what_excites_a_channel(network, run, own):
    here = picture(
        lambda rgb: Weights().transforms()(torch.tensor(rgb).permute(2, 0, 1))[None], samples.load("cat")
    )
    layer = layers(network, (224, 224))[3]
    photos = {"flower": (640, 427), **({"own": (0, 0)} if own else {"cat": (451, 300)})}
    _space, printed = run(exciting_script("photo = given", photos, layer, 4, (224, 224), NAME))
    value = maps(network, layer, here)[4].max()
    line = next(line for line in printed if line.startswith("own" if own else "cat"))
    assert float(re.search(r": (-?[\d.]+) at", line)[1]) == pytest.approx(value, abs=2e-3)
    assert len(printed) == 3
    first = printed[0].partition(":")[0]
    assert printed[2].startswith(f"{first}: rows ")


def test_the_cascade(network, run):
    blocks = order(network)
    source = cascade_script(
        "photo = given", GradCam(), TARGET, blocks, 5, magnitudes=True, layer=LAYER, **WHERE
    )
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    try:
        space, printed = run("import numpy as np\n" + source)
    finally:
        # The script works on the network that it has loaded, which is ours here.
        ended = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        network.load_state_dict(before)
    steps = cascade(network, seen(space), TARGET, GradCam(), torch.Generator().manual_seed(5))
    for step in steps:
        if step.block:
            expected = "nan" if step.absolute is None else f"{step.absolute:.3f}"
            assert f"{step.block}: {expected}" in printed
    assert any((ended[name] != before[name]).any() for name in before)
