"""The pictures of the decoders lesson say what their results say."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from cnnviz.figures import decoders
from cnnviz.figures.decoders import LossLabels, PlaneLabels, SizeLabels, SkipLabels, Strip
from cnnviz.metrics.scenes import SceneSettings, draw
from cnnviz.upsampling import shape_fcn
from cnnviz.upsampling.decoder import KINDS
from cnnviz.upsampling.odd_sizes import ladder, unet

SIZES = SizeLabels("down", "up", "copy", "stuck", "told <here>")


def pictures(html: str) -> list[np.ndarray]:
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
        for data in re.findall(r"data:image/png;base64,([^\"]+)", html)
    ]


def words(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_strips() -> None:
    row = np.zeros((3, 8, 8), np.float32)
    row[1] = 2.0
    html = decoders.strips(
        [Strip("A & B", row, ("0.1", "2")), Strip("C", row, ("", ""), True)], ["n", "p"], "alt"
    )
    shown = pictures(html)
    assert [each.shape for each in shown] == [(10, 30, 3)] * 2
    assert (shown[0][1:9, 11:19] == 255).all()
    assert (shown[0][1:9, 1:9] == 0).all()
    assert 'alt="alt A &amp; B"' in html
    assert re.findall(r"<td>([^<]*)</td>", html) == ["0.1", "2", "", ""]
    assert html.count('class="marked"') == 1
    assert 'role="region" tabindex="0"' in html


def test_loss_figure() -> None:
    history = {"dense": ((0, 3.0), (30, 0.1)), "nearest": ((30, 0.02),), "bilinear": ()}
    names = {"dense": "D", "nearest": "N", "bilinear": "B"}
    figure = decoders.loss_figure(history, LossLabels("s", "e", names))
    assert [(trace.name, list(trace.x), list(trace.y)) for trace in figure.data] == [
        ("D", [0, 30], [3.0, 0.1]),
        ("N", [30], [0.02]),
    ]
    low, high = figure.layout.yaxis.range
    assert 10**low < 0.02
    assert 10**high == pytest.approx(0.25)
    assert set(KINDS) | {"dense"} == set(decoders.LOOKS)
    assert len(set(decoders.LOOKS.values())) == len(decoders.LOOKS), "each line looks different"
    assert decoders.loss_figure({}, LossLabels("s", "e", {})).data == ()


def test_plane_figure() -> None:
    places = np.array([[0.1, 0.2], [0.3, -0.4], [1, 1]], np.float32)
    labels = PlaneLabels("r", "u", ["zero", "one"], "here")
    figure = decoders.plane_figure(places, np.array([1, 0, 1]), (0.5, -0.5), 1.2, labels)
    zero, one, here = figure.data
    assert (zero.name, list(zero.x), list(zero.y)) == ("zero", [0.3], [-0.4])
    assert list(one.x) == [0.1, 1]
    assert (here.name, list(here.x), list(here.y)) == ("here", [0.5], [-0.5])
    assert zero.marker.symbol != one.marker.symbol
    assert len(decoders.SYMBOLS) == len(set(decoders.SYMBOLS)) == 10


def test_skip_figure() -> None:
    scene = draw(SceneSettings(seed=3), 0)
    way = shape_fcn.follow(shape_fcn.load(), scene.image, 0.5, 1)
    results = {32: "x32", 16: "x16", 8: "x8"}
    labels = SkipLabels("m", "s", "d", "t", "o", "stride {stride}", results, "all <told>")
    svg = decoders.skip_figure(way, 1, {16: 0.5, 8: 1.0}, labels)
    told = words(svg)
    for text in ("64 × 4 × 4", "48 × 8 × 8", "32 × 16 × 16", "stride 8", "FCN-16s: 5 × 128 × 128", "x32"):
        assert text in told, text
    assert told.count("5 × 16 × 16") == 3
    assert [text for text in told if text.startswith("× ")] == ["× 32", "× 2", "× 0.5", "× 16", "× 2", "× 8"]
    shown = pictures(svg)
    assert [each.shape[0] for each in shown] == [4, 4, 512, 8, 8, 8, 512, 16, 16, 16, 512]
    # Red where the sum speaks for the class, blue where against it.
    total, scores = shown[5].astype(int), way.fused[16][1]
    clear = np.abs(scores) > 0.2 * np.abs(scores).max()
    assert ((total[..., 0] > total[..., 2]) == (scores > 0))[clear].all()
    assert 'aria-label="all &lt;told&gt;"' in svg


def test_ladder_figure() -> None:
    fits = words(decoders.ladder_figure(ladder((8, 12), 2), SIZES))
    assert [text for text in fits if re.match(r"\d", text)] == ["8 × 12", "8 × 12", "4 × 6", "4 × 6", "2 × 3"]
    assert "up 4 × 6" in fits
    failed = decoders.ladder_figure(ladder((100, 90), 3), SIZES)
    assert "25 × 22 ≠ 24 × 22" in words(failed)
    assert words(failed).count("✕") == 1
    assert words(failed).count("copy") == 0
    cropped = words(decoders.ladder_figure(ladder((100, 90), 3, "crop"), SIZES))
    assert cropped.count("copy") == 3
    assert "96 × 88" in cropped


def test_unet_figure() -> None:
    told = words(decoders.unet_figure(unet(572), SIZES))
    for text in ("568²", "392² → 388²", "64²", "56² → 52²", "28²", "up 392²"):
        assert text in told, text


def test_stage_rows_and_sheet() -> None:
    maps = np.zeros((12, 2, 2), np.float32)
    maps[0, 0, 0], maps[1, 1, 1] = 1, -1
    (row,) = decoders.stage_rows([maps], 8, 64)
    assert row.shape == (66, 8 * 66, 3)
    assert row[2, 2, 0] > row[2, 2, 2], "red above zero"
    assert row[60, 66 + 60, 2] > row[60, 66 + 60, 0], "blue below"
    assert decoders.sheet(np.zeros((6, 8, 8), np.float32), 3, 16).shape == (36, 54, 3)
