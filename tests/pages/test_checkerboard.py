"""The lesson on checkerboards, as a visitor's clicks see it."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.images import encode_png, fit
from cnnviz.samples import load
from cnnviz.upsampling.bench import shrink
from cnnviz.upsampling.checkerboard import Layer, cures, overlaps_1d, overlaps_2d, pattern
from cnnviz.upsampling.kernels import uniform

from .visit import link, notebook_text, printed, proofs, source, texts, visit

open_at = partial(visit, "checkerboard")

VIEWS: tuple[dict[str, str], ...] = (
    {"view": "counts"},
    {"view": "photo", "kind": "trained"},
    {"view": "cures", "start": "random"},
)


def cat(period: int) -> np.ndarray:
    """As the lesson sees it: 256 pixels long, cut to whole periods."""
    photo = fit(fit(load("cat"), 800), 256)
    height, width = (side // period * period for side in photo.shape[:2])
    return photo[:height, :width].transpose(2, 0, 1) / 255


def alts(at: AppTest) -> list[str]:
    return [image.proto.imgs[0].alt for image in at.get("image")]


def shares(text: str) -> list[float]:
    return [float(each) for each in re.findall(r"(?:: | )(\d[\d.e-]*)$", text, re.M)]


@pytest.mark.parametrize("view", VIEWS, ids=[view["view"] for view in VIEWS])
def test_every_slider_at_both_ends(view: dict[str, str]) -> None:
    at = open_at(lang="ko", **view)
    for key in [slider.key for slider in at.slider]:
        for end in ("max", "min"):
            at.slider(key=key).set_value(getattr(at.slider(key=key), end)).run()
            assert not at.exception, (key, end)
            assert not at.warning
            assert proofs(at)
    assert ":orange-badge" not in texts(at)


@pytest.mark.parametrize("view", VIEWS, ids=[view["view"] for view in VIEWS])
def test_all_at_their_largest(view: dict[str, str]) -> None:
    at = open_at(lang="en", **view, k="8", s="4", layers="3", n="8", steps="1000", at="4_5")
    assert not at.warning
    assert proofs(at)
    assert ":orange-badge" not in texts(at)
    assert len(at.get("image")) > 0


def test_nonsense_in_the_link_is_explained() -> None:
    at = open_at(lang="en", view="photo", k="0", kind="wild", at="x", layers="9")
    warnings = " ".join(warning.value for warning in at.warning)
    assert all(each in warnings for each in ("k=0", "kind=wild", "at=x", "layers=9"))
    assert proofs(at)


@pytest.mark.parametrize("view", ["photo", "cures"])
def test_an_own_photo_that_is_too_small_is_explained(view: str) -> None:
    at = open_at(np.full((3, 40, 3), 200, np.uint8), lang="en", view=view, s="4")
    assert "smaller than one period of 4" in at.warning[0].value
    at.slider(key="checkerboard.s").set_value(3).run()
    assert not at.warning
    assert proofs(at)


def test_nothing_is_learned_from_a_black_photo() -> None:
    at = open_at(np.zeros((40, 40, 3), np.uint8), lang="en", view="photo", kind="trained")
    assert "black all over" in at.warning[0].value


# Counts


@pytest.mark.parametrize(
    ("k", "s", "published", "most"), [(3, 2, "2, 1", 4), (4, 2, "2, 2", 4), (5, 2, "3, 2", 9)]
)
def test_counts_of_distill(k: int, s: int, published: str, most: int) -> None:
    at = open_at(lang="en", k=str(k), s=str(s), n="6")
    assert f"published **{published}** (Odena et al. 2016, Distill)" in texts(at)
    assert f"formula **{most}** · PyTorch **{most}**" in texts(at)
    counts = overlaps_1d(6, Layer(k, s))
    assert f"The counts along the output are {', '.join(map(str, counts))}" in texts(at)
    assert ("doesn't divide" in texts(at)) == bool(k % s)
    numbers = np.array(
        [
            [int(x) for x in row.split()]
            for row in re.findall(r"\[+([\d ,]+)\]", printed(at).replace(",", " "))
        ]
    )
    np.testing.assert_array_equal(numbers, overlaps_2d((6, 6), Layer(k, s)))


def test_layers_in_a_row_and_the_table() -> None:
    at = open_at(lang="en", layers="3")
    assert "25 times" in texts(at)
    assert "borders aside, 1 to 25" in alts(at)[0]
    table = "".join(element.proto.body for element in at.get("html"))
    found = re.findall(r'<td class="([^"]*)">([^<]*)</td>', table)
    for place, (kind, text) in enumerate(found):
        k, s = place // 4 + 1, place % 4 + 1
        assert ("even" in kind) == (text == "1") == (k % s == 0)
    assert [text for kind, text in found if "chosen" in kind] == ["4"]
    at.slider(key="checkerboard.k").set_value(1).run()
    assert "never written" in texts(at)


# On a photo


def test_the_pattern_on_the_photo() -> None:
    at = open_at(lang="en", view="photo")
    made = pattern(shrink(cat(2), 2), uniform(3, 2), 2)
    share = f"{100 * made.peak_ratio:.2g}\u00a0%"
    assert f"**{share}** of the power" in texts(at)
    pictures = [alt for alt in alts(at) if "hold" in alt]
    assert "Original" in pictures[0]
    assert share in pictures[1]
    assert f"between {made.output.min():.2f} and {made.output.max():.2f}" in pictures[1]
    told = shares(printed(at))
    assert told[-2] == pytest.approx(made.peak_ratio, rel=1e-3)
    assert told[-1] < 1e-5


def test_training_unlearns_the_grid() -> None:
    at = open_at(lang="en", view="photo", kind="trained", steps="0")
    before = [float(each) for each in re.findall(r"formula \*\*([\d.e-]+)\*\*", texts(at))]
    at.selectbox(key="checkerboard.steps").select("30").run()
    after = [float(each) for each in re.findall(r"formula \*\*([\d.e-]+)\*\*", texts(at))]
    assert before[0] > 1000 * after[0], "the grid's share"
    assert before[1] > 10 * after[1], "the error"
    assert f"Before training it was {before[1]:.4g}." in texts(at)
    assert link(at)["steps"] == "30"
    assert 100 * shares(printed(at))[-2] == pytest.approx(after[0], rel=1e-2)
    seeded = open_at(lang="en", view="photo", kind="trained", steps="0", seed="5")
    assert texts(seeded) != texts(at)


def test_random_weights_leave_a_grid_where_the_stride_divides() -> None:
    said = "random weights don't add up"
    assert said in texts(open_at(lang="en", view="photo", kind="random", k="4"))
    assert said not in texts(open_at(lang="en", view="photo", k="4"))


# Cures


def test_cures() -> None:
    at = open_at(lang="en", view="cures", k="5")
    found = cures(shrink(cat(2), 2), 5, 2)
    pictures = [alt for alt in alts(at) if "hold" in alt]
    assert len(pictures) == 6
    for each, alt in zip(found, pictures, strict=True):
        share = 100 * each.peak_ratio
        assert (f"{share:.2g}\u00a0%" if share >= 5e-4 else "<") in alt
    told = printed(at).splitlines()[-6:]
    assert [line.split()[0] for line in told] == [each.id for each in found]
    assert shares("\n".join(told)) == pytest.approx([each.peak_ratio for each in found], rel=1e-3)
    assert "formula **0** · PyTorch **0**" in texts(at)


# Predict first


@pytest.mark.parametrize(("view", "answer"), [("counts", 4), ("photo", 2)])
def test_predict_a_number(view: str, answer: int) -> None:
    at = open_at(lang="en", view=view, predict="1")
    assert not proofs(at)
    assert not [alt for alt in alts(at) if "hold" in alt or "2-D" in alt]
    at.number_input(key="checkerboard.guess").set_value(answer)
    at.button[[button.label for button in at.button].index("Check")].click().run()
    assert f"Right: **{answer}**" in at.success[0].value
    assert proofs(at)
    at.button(key="checkerboard.another").click().run()
    assert not at.exception
    assert not proofs(at)


def test_predict_the_worst() -> None:
    at = open_at(lang="ko", view="cures", predict="1")
    assert not proofs(at)
    found = cures(shrink(cat(2), 2), 3, 2)
    worst = max(found, key=lambda each: each.peak_ratio)
    at.radio(key="checkerboard.guess").set_value(worst.id)
    at.button[[button.label for button in at.button].index("확인")].click().run()
    assert f"{100 * worst.peak_ratio:.2g}" in at.success[0].value


def test_the_notebook_runs(tmp_path: Path) -> None:
    own = np.random.default_rng(0).integers(0, 256, (60, 48, 3)).astype(np.uint8)
    at = open_at(own, lang="en", view="photo", kind="trained", steps="1")
    assert "share of the grid's frequencies: 0." in notebook_text(source(at), tmp_path, encode_png(own))
