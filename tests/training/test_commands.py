"""``python -m cnnviz.training``: from a data folder to weights that can be loaded."""

from pathlib import Path

import pytest

from cnnviz import weights
from cnnviz.detection import pyramid
from cnnviz.segmentation.heads import HEADS
from cnnviz.training.__main__ import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr("sys.argv", ["training", "--threads", "1", *map(str, arguments)])
    main()


def test_from_data_to_weights(
    data: Path,
    work: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kinds = ("--kinds", "whole")
    run(monkeypatch, "cache", data, work, *kinds)  # there is nothing left to do
    run(monkeypatch, "segmentation", data, work, *kinds, "--heads", "fcn32s", "--steps", 2, "--seed", 5)
    run(monkeypatch, "detection", data, work, *kinds, "--steps", 2, "--seed", 5)
    capsys.readouterr()
    run(monkeypatch, "choose", data, work, "--sides", 96, "--seed", 5)
    shown = capsys.readouterr().out
    assert "fcn32s, 96 px, background bias 0.5, certainty 0.6: mIoU" in shown
    assert "96 px, NMS 0.5: AP " in shown
    assert "unet" not in shown, "it has no checkpoint"
    run(monkeypatch, "ship", work, "--heads", "fcn32s", "pyramid", "--seed", 5, "--output", tmp_path)
    weights.load_into(HEADS["fcn32s"].build(), "fcn32s", tmp_path)
    weights.load_into(pyramid.Pyramid(), pyramid.ID, tmp_path)
