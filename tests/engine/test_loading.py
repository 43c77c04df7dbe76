"""From a checkpoint where torch keeps them to an answer of the engine; the checkpoints are random."""

import numpy as np
import pytest
import skimage.data
import torch
import torchvision

from cnnviz.detection.postprocess import select
from cnnviz.engine import weights
from cnnviz.engine.catalogue import model
from cnnviz.engine.local import LocalEngine
from cnnviz.errors import WeightsError
from cnnviz.segmentation.postprocess import scores_at_photo

COFFEE = skimage.data.coffee()[:120, :160]


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """torch's folder for checkpoints, empty."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def published(name, **options):
    """Random weights under the name of the published ones, and torchvision's model with them."""
    torch.manual_seed(0)
    numbers = torchvision.models.get_model(name, weights=None, **options).state_dict()
    torch.save(numbers, weights.file_of(model(name)))
    return torchvision.models.get_model(name, weights="DEFAULT").eval()


def tensor(name):
    photo = torch.tensor(COFFEE).permute(2, 0, 1)
    return torchvision.models.get_model_weights(name).DEFAULT.transforms()(photo)


@torch.inference_mode()
def test_a_classifier(folder):
    name = "squeezenet1_1"
    assert not weights.at_hand(name)
    bare = published(name)
    assert weights.at_hand(name)
    logits = LocalEngine().run(name, COFFEE).classification.logits
    np.testing.assert_allclose(logits, bare(tensor(name)[None])[0], rtol=1e-3, atol=1e-4)


@torch.inference_mode()
def test_a_segmentation_network(folder):
    name = "lraspp_mobilenet_v3_large"
    bare = published(name, weights_backbone=None)
    result = LocalEngine().run(name, COFFEE)
    expected = bare(tensor(name)[None])["out"][0].numpy()
    np.testing.assert_allclose(
        scores_at_photo(result, result.input_size), expected, atol=1e-3 * np.abs(expected).max()
    )


@torch.inference_mode()
@pytest.mark.parametrize("name", ["ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_320_fpn"])
def test_a_detector(folder, name):
    """One has batch normalisations that never learn, and knows so only with published weights."""
    bare = published(name, weights_backbone=None)
    engine = LocalEngine()
    result = engine.run(name, COFFEE)
    (expected,) = bare([tensor(name)])
    # Random weights give many equal scores, so that only the scores themselves can be compared.
    np.testing.assert_allclose(result.scores[select(result).kept], expected["scores"], atol=1e-4)
    assert engine.shelf.held("cpu") == {name: 4 * model(name).parameters}


def test_a_damaged_file_makes_room_for_a_new_one(folder):
    name = "squeezenet1_1"
    weights.file_of(model(name)).write_bytes(b"half of a check")
    with pytest.raises(WeightsError, match="were damaged and have been removed; fetch them again"):
        LocalEngine().run(name, COFFEE)
    assert not weights.at_hand(name)
    with pytest.raises(WeightsError, match=r"the weights of SqueezeNet 1\.1 have not been fetched"):
        LocalEngine().run(name, COFFEE)


def test_a_whole_file_of_something_else_stays(folder, monkeypatch):
    name = "squeezenet1_1"
    weights.file_of(model(name)).write_bytes(b"no checkpoint")
    monkeypatch.setattr(weights, "is_whole", lambda path: True)
    with pytest.raises(WeightsError, match="are not a PyTorch checkpoint"):
        LocalEngine().run(name, COFFEE)
    assert weights.at_hand(name)
