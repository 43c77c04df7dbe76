"""Compound scaling against torchvision's B0–B7 and the paper's equation 3."""

import pytest

from cnnviz.errors import SettingError
from cnnviz.zoo.counting import count_named, published
from cnnviz.zoo.efficientnet_scaling import VARIANTS, Scaling, compound, doubling, scaled


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_are_torchvisions(name: str) -> None:
    ours, theirs = scaled(VARIANTS[name]).counted, count_named(name)
    assert (ours.parameters, ours.macs) == (theirs.parameters, theirs.macs)
    assert ours.input_shape[2:] == published(name).size


def test_the_constraint() -> None:
    """§ 4: α = 1.2, β = 1.1, γ = 1.15 under α·β²·γ² ≈ 2."""
    assert doubling() == pytest.approx(1.2 * 1.21 * 1.3225)
    assert abs(doubling() - 2) < 0.1
    for phi in (0, 1, 2.5, 5):
        # The resolution is rounded to pixels.
        assert compound(phi).macs_factor == pytest.approx(doubling() ** phi, rel=0.005)


def test_published_multipliers_follow_equation_3() -> None:
    """B0 to B7 are φ = 0 to 6 with B1 in between (φ = 0.5), rounded to tenths by the authors."""
    for phi, name in zip((0, 0.5, 1, 2, 3.7), ("b0", "b1", "b2", "b3", "b4"), strict=True):
        published_scaling, found = VARIANTS[f"efficientnet_{name}"], compound(phi)
        assert found.depth == pytest.approx(published_scaling.depth, rel=0.1)
        assert found.width == pytest.approx(published_scaling.width, rel=0.1)


@pytest.mark.parametrize("name", list(VARIANTS)[1:])
def test_predictions_are_near_what_is_counted(name: str) -> None:
    """B1 is farthest off: a stage of one layer times 1.1 is rounded up to two."""
    found = scaled(VARIANTS[name])
    assert 0.7 < found.predicted_macs / found.counted.macs < 1
    assert 0.7 < found.predicted_parameters / found.counted.parameters < 1.05


def test_layers_are_rounded_up() -> None:
    blocks = [
        sum(node.kind == "MBConv" for node in scaled(VARIANTS[name]).counted.tree.walk())
        for name in ("efficientnet_b0", "efficientnet_b1")
    ]
    assert blocks == [16, 23]


@pytest.mark.parametrize("values", [(0, 1, 224), (1, 99, 224), (1, 1, 4)])
def test_refused(values: tuple[float, float, int]) -> None:
    with pytest.raises(SettingError) as caught:
        Scaling(*values)
    assert str(caught.value)
    with pytest.raises(SettingError):
        compound(40)
