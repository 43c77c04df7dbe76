"""The report and its tables: every number is the evaluation's own, and what is undefined says so."""

import csv
import io
import json

import pytest

from cnnviz.metrics import coco
from cnnviz.metrics.average_precision import confusion_matrix
from cnnviz.metrics.example import example
from cnnviz.metrics.matching import COCO
from cnnviz.metrics.report import classes_csv, confusion_csv, figures_csv, report

DATA = example()
RESULTS = {"bbox": coco.evaluate(DATA)}
MATRIX = confusion_matrix(DATA, COCO, 0.5)


def rows(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf"), "spreadsheets take it for UTF-8"
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def test_the_report_holds_every_number() -> None:
    content = json.loads(report(DATA, RESULTS, MATRIX, COCO, 0.5))
    assert content["figures"]["bbox"] == RESULTS["bbox"].figures
    assert content["figures"]["bbox"]["APl"] is None
    assert content["set"] == {"name": "example", "images": 7, "ground_truths": 15, "detections": 24}
    assert [entry["ground_truths"] for entry in content["classes"]] == [11, 4]
    mean = sum(entry["bbox"]["AP"] for entry in content["classes"]) / 2
    assert mean == pytest.approx(content["figures"]["bbox"]["AP"], abs=1e-12)
    assert content["confusion"]["matrix"] == MATRIX.tolist()
    assert content["confusion"]["labels"] == ["cup", "bottle", "background"]
    assert content["confusion"]["convention"]["max_detections"] == 100


def test_tables() -> None:
    figures = dict(rows(figures_csv(RESULTS))[1:])
    assert figures.pop("APl") == figures.pop("ARl") == "undefined"
    assert {name: float(value) for name, value in figures.items()} == {
        name: value for name, value in RESULTS["bbox"].figures.items() if value is not None
    }
    head, cup, bottle = rows(classes_csv(DATA, RESULTS))
    assert head == [
        "category",
        "ground truths",
        "detections",
        "bbox AP",
        "bbox AP50",
        "bbox AP75",
        "bbox AR100",
    ]
    assert cup[:3] == ["cup", "11", "18"]
    assert float(bottle[4]) == pytest.approx(RESULTS["bbox"].ap(iou=0.5, category=1))
    table = rows(confusion_csv(DATA, MATRIX))
    assert [[int(cell) for cell in row[1:]] for row in table[1:]] == MATRIX.tolist()
    assert table[0][1:] == ["cup", "bottle", "background"]
