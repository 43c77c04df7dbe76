"""What is said of the networks, held against figures from the papers and from PyTorch."""

import pytest
import torchvision

from cnnviz.proof import Proof
from cnnviz.zoo.claims import CLAIMS, Claim, alexnet_2012, vgg
from cnnviz.zoo.counting import published
from cnnviz.zoo.history import FAMILIES, FAMILY_OF, TITLES, accuracy
from cnnviz.zoo.sizes import size

DIFFER = {
    "lenet5_modern": 1,
    "alexnet": 1,
    "vgg16": 1,
    "googlenet": 1,
    "resnet50": 1,
    "resnet101": 1,
    "se_resnet50": 1,
}
"""How many of a network's claims are wrong for it; none for the others."""


def proof(claim: Claim) -> Proof:
    return Proof(
        claim.name,
        claim.formula,
        claim.computed(),
        claim.measured() if claim.measured else None,
        claim.published,
        claim.source,
        claim.why,
        claim.tolerance,
    )


@pytest.mark.parametrize("name", [name for name in TITLES if name[-2:] not in ("b5", "b6", "b7")])
def test_claims_stand_or_say_why(name: str) -> None:
    proofs = [proof(claim) for claim in FAMILY_OF[name].claims_about(name)]
    wrong = [each for each in proofs if not each.holds]
    assert len(wrong) == DIFFER.get(name, 0)
    assert all(each.why for each in wrong)
    for each in proofs:
        if each.measured is not None:
            assert each.computed == pytest.approx(each.measured, rel=1e-12), "arithmetic and PyTorch agree"


def test_published_figures() -> None:
    """From the facts that the lessons are checked against."""
    assert size("lenet5").parameters == 60_000
    assert size("lenet5_modern").parameters == 61_706
    assert vgg("vgg16") == size("vgg16").parameters == 14_714_688 + 123_642_856
    assert vgg("vgg19") == size("vgg19").parameters == 143_667_240
    assert size("googlenet", True).parameters == 13_004_888
    assert size("se_resnet50").parameters == 28_071_976
    # 34,944 + 307,456 + 885,120 + 663,936 + 442,624 + 58,631,144, added by hand
    assert alexnet_2012() == 60_965_224


@pytest.mark.parametrize("name", TITLES)
def test_sizes_are_the_documented_ones(name: str) -> None:
    assert size(name).parameters == published(name).parameters
    assert size(name).memory_bytes > 4 * size(name).parameters


def test_accuracies_are_torchvisions() -> None:
    weights = torchvision.models.ResNet50_Weights
    first, best = accuracy("resnet50"), accuracy("resnet50", best=True)
    assert first is not None
    assert best is not None
    assert first.top1 == weights.IMAGENET1K_V1.meta["_metrics"]["ImageNet-1K"]["acc@1"] == 76.13
    assert best.top5 == weights.IMAGENET1K_V2.meta["_metrics"]["ImageNet-1K"]["acc@5"]
    assert accuracy("lenet5") is None
    assert accuracy("se_resnet50") == accuracy("se_resnet50", best=True)


def test_families_are_in_order_and_complete() -> None:
    years = [family.year for family in FAMILIES]
    assert years == sorted(years)
    assert set(CLAIMS) == {family.id for family in FAMILIES}
    assert {name for claims in CLAIMS.values() for claim in claims for name in claim.networks} <= set(TITLES)
    assert all(family.idea and family.url.startswith("https://") for family in FAMILIES)
    assert len(TITLES) == sum(len(family.networks) for family in FAMILIES), "no network in two families"
