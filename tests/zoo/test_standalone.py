"""The exported script: the same network, the same answer, without this project."""

import re

import numpy as np
import pytest
import skimage.data
import torch

from cnnviz.engine.local import shared_engine
from cnnviz.zoo.standalone import script

RNG = np.random.default_rng(11)
PHOTOS = {
    "coffee": skimage.data.coffee(),
    "one pixel": np.full((1, 1, 3), (200, 30, 90), np.uint8),
    "a strip": RNG.integers(0, 256, (3, 700, 3), np.uint8),
    "noise": RNG.integers(0, 256, (333, 250, 3), np.uint8),
}


@pytest.mark.parametrize("name", PHOTOS)
def test_it_gives_the_engines_answer(name, capsys):
    look = shared_engine().look(PHOTOS[name])
    space = {"given": PHOTOS[name]}
    exec(script("photo = given", "stage5", 40), space)
    torch.testing.assert_close(
        space["probabilities"],
        torch.from_numpy(look.classification.logits.copy()).softmax(0),
        atol=1e-4,
        rtol=0,
    )
    for seen in look.stages:
        np.testing.assert_allclose(space["maps"][seen.stage.name][0], seen.maps, atol=2e-3)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "4,652,008 parameters"
    shares = dict(line.rsplit(": ", 1) for line in printed[1:6])
    assert next(iter(shares)) == look.classification.names[0]
    low, high = map(float, re.findall(r"-?\d+\.\d\d", printed[6]))
    chosen = look.stages[5].maps[40]
    assert (low, high) == pytest.approx((chosen.min(), chosen.max()), abs=0.011)
    assert printed[6].startswith("map 41 of 112, (14, 14):")


def test_it_prints_every_stage(capsys):
    exec(script("photo = given"), {"given": PHOTOS["coffee"]})
    printed = capsys.readouterr().out.splitlines()[6:]
    assert printed[0] == "stem (32, 112, 112) 928"
    assert printed[-1] == "head (1280, 7, 7) 412,160"
    assert len(printed) == 9


def test_it_does_not_need_this_project():
    assert "cnnviz" not in script("photo = given", "stem", 0)
