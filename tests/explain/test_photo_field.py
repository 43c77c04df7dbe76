"""What cells look at on a photo: the networks, their input, and their effective fields."""

import numpy as np
import pytest
import torch

from cnnviz import samples
from cnnviz.explain import photo_field
from cnnviz.explain.photo_field import STAGES
from cnnviz.explain.traced_field import trace_module
from cnnviz.layers.receptive_field import PRESETS
from cnnviz.zoo import efficientnet_lite0

CAT = samples.load("cat")


def look(kind, layers, stage, side, cell):
    network = photo_field.subject(kind, layers)
    path = photo_field.stage_path(kind, stage, layers)
    field = trace_module(network, side)[path]
    return photo_field.look(network, path, CAT, side, cell, field), field


def test_the_photo_is_prepared_as_the_network_prepares_it():
    assert torch.equal(photo_field.square(CAT, 224), efficientnet_lite0.preprocess(CAT))
    assert photo_field.square(CAT, 96).shape == (1, 3, 96, 96)


def test_a_stack_never_looks_beyond_its_theoretical_field():
    effective, field = look("stack", PRESETS["three_3x3"].layers, "", 64, (10, 20))
    assert effective.box == (17, 7, 24, 14)
    reached = np.argwhere(effective.map > 0)
    assert (reached.min(0) >= (7, 17)).all()
    assert (reached.max(0) <= (13, 23)).all()
    assert field.size == (7, 7)


@pytest.mark.parametrize("kind", ["trained", "untrained"])
def test_lite0_uses_a_part_of_its_field(kind):
    effective, field = look(kind, (), "stage4", 224, (7, 7))
    assert field.size == (147, 147)
    assert effective.box == (54, 54, 201, 201)
    assert 20 < effective.radius < 147 / 2
    outside = effective.map.copy()
    outside[54:201, 54:201] = 0
    assert not outside.any()


def test_a_field_at_the_border_is_clipped():
    effective, _field = look("trained", (), "stage3", 224, (0, 27))
    x0, y0, x1, y1 = effective.box
    assert (y0, x1) == (0, 224)
    assert x1 - x0 < 67
    assert y1 - y0 < 67


def test_looking_twice_gives_the_same():
    first, _ = look("untrained", (), "stage2", 64, (3, 3))
    again, _ = look("untrained", (), "stage2", 64, (3, 3))
    assert np.array_equal(first.map, again.map)


def test_the_shared_network_is_left_alone():
    network = photo_field.subject("trained", ())
    look("trained", (), "stage2", 64, (3, 3))
    assert not network.training
    assert not any(module._forward_hooks for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_every_stage_has_a_module():
    network = photo_field.subject("untrained", ())
    assert [photo_field.stage_path("untrained", stage, ()) for stage in STAGES] == [
        f"stages.{name}" for name in network.stages
    ]
