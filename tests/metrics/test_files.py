"""Reading and writing of every format: what is right, what is wrong, and what is hostile."""

import json
import struct
import time
import tracemalloc
import zipfile
from dataclasses import fields, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cnnviz.errors import AnnotationError
from cnnviz.metrics import masks
from cnnviz.metrics.data import Category, Detections, DetectionSet, ImageInfo, Truths
from cnnviz.metrics.example import example
from cnnviz.metrics.files import coco, collecting, opening
from cnnviz.metrics.files.coco import write_coco_json
from cnnviz.metrics.files.reader import Reading, read
from cnnviz.metrics.files.table import write_csv
from tests.metrics.sets import from_coco


def zipped(pieces: dict[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in pieces.items():
            archive.writestr(name, data)
    return out.getvalue()


def picture(width: int, height: int, kind: str = "PNG") -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height)).save(out, kind)
    return out.getvalue()


def same(one: Any, other: Any) -> None:
    """Equal in every field, types of arrays included."""
    assert type(one) is type(other)
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "masks":
            assert (a is None) == (b is None)
            for x, y in zip(a or (), b or (), strict=True):
                assert (x.size, x.counts.tolist()) == (y.size, y.counts.tolist())
        else:
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            assert a.tolist() == b.tolist(), field.name


def same_set(one: DetectionSet, other: DetectionSet) -> None:
    assert one.images == other.images
    assert one.categories == other.categories
    same(one.truths, other.truths)
    same(one.detections, other.detections)


def told(reading: Reading) -> list[tuple[str, int | str, str]]:
    return [(problem.file, problem.record, str(problem)) for problem in reading.problems]


COCO: dict[str, Any] = {
    "images": [{"id": 7, "file_name": "a.jpg", "width": 100, "height": 80}, {"id": 9, "file_name": "b.jpg"}],
    "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 40], "area": 900, "iscrowd": 0},
        {"id": 2, "image_id": 9, "category_id": 5, "bbox": [0, 0, 5.5, 4], "iscrowd": 1},
    ],
}
RESULTS: list[dict[str, Any]] = [
    {"image_id": 9, "category_id": 5, "bbox": [1, 1, 5, 4], "score": 0.25},
    {"image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 40], "score": 0.75},
]


def dumped(document: object) -> bytes:
    return json.dumps(document).encode()


VOC = """<annotation><folder>x</folder><filename>a.jpg</filename>
<size><width>100</width><height>80</height><depth>3</depth></size>
<object><name>cat</name><difficult>1</difficult>
<bndbox><xmin>10</xmin><ymin>20</ymin><xmax>40</xmax><ymax>60</ymax></bndbox></object>
<object><name>dog</name><bndbox><xmin>1.5</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>
</annotation>"""
CSV = """image,category,x1,y1,x2,y2,score,crowd,difficult
a.jpg,cat,10,20,40,60,,0,1
b.jpg,,,,,,,,
a.jpg,"dog, small",1.5,2,3,4,,1,
"""


# What is right.


def test_coco_ground_truths_and_results() -> None:
    reading = read(("gt.json", dumped(COCO)), ("results.json", dumped(RESULTS)))
    data = reading.data
    assert reading.problems == ()
    assert reading.formats == ("COCO JSON", "COCO JSON")
    assert data.images == (ImageInfo(7, "a.jpg", 100, 80), ImageInfo(9, "b.jpg"))
    assert data.categories == (Category(3, "cat"), Category(5, "dog"))
    assert data.truths.boxes.tolist() == [[10, 20, 40, 60], [0, 0, 5.5, 4]]
    assert data.truths.area.tolist() == [900, 22], "the file's, or else the box's"
    assert data.truths.crowd.tolist() == [False, True]
    assert data.truths.ids.tolist() == [1, 2]
    assert data.truths.masks is None
    assert data.detections.image.tolist() == [1, 0]
    assert data.detections.score.tolist() == [0.25, 0.75]
    assert data.detections.area.tolist() == [20, 1200]
    assert data.extra["unread"] == 0


def test_coco_in_one_document() -> None:
    both = read(("page.json", dumped(COCO | {"detections": RESULTS}))).data
    apart = read(("gt.json", dumped(COCO)), ("results.json", dumped(RESULTS))).data
    same_set(both, apart)
    ignored = read(("page.json", dumped(COCO | {"detections": RESULTS})), ("none.json", b"[]")).data
    assert len(ignored.detections) == 0, "a second file takes their place"


def test_coco_masks() -> None:
    square = [[10, 20, 40, 20, 40, 60, 10, 60]]
    mask = np.zeros((80, 100), bool)
    mask[20:60, 10:40] = True
    runs = masks.encode(mask)
    notes = [
        {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 40], "segmentation": square},
        {
            "id": 2,
            "image_id": 7,
            "category_id": 3,
            "bbox": [10, 20, 30, 40],
            "segmentation": {"size": [80, 100], "counts": runs.counts.tolist()},
        },
    ]
    found = {"image_id": 7, "category_id": 3, "score": 0.5}
    found |= {"segmentation": {"size": [80, 100], "counts": masks.to_string(runs)}}
    data = read(("gt.json", dumped(COCO | {"annotations": notes})), ("r.json", dumped([found]))).data
    assert data.truths.masks is not None
    assert data.detections.masks is not None
    for rle in data.truths.masks + data.detections.masks:
        assert (masks.decode(rle) == mask).all()
    assert data.truths.area.tolist() == [1200, 1200]
    assert data.detections.boxes.tolist() == [[10, 20, 40, 60]], "from the mask"


def test_voc_with_each_kind_of_detections() -> None:
    truths = "voc.zip", zipped({"VOC/Annotations/a.xml": VOC, "VOC/ImageSets/Main/train.txt": "a\n"})
    expected = [[10, 20, 40, 60], [1.5, 2, 3, 4]]
    alone = read(truths)
    assert alone.formats == ("VOC XML",)
    assert alone.problems == ()
    assert alone.data.images == (ImageInfo("a", "a.jpg", 100, 80),)
    assert [category.name for category in alone.data.categories] == ["cat", "dog"]
    assert alone.data.truths.boxes.tolist() == expected, "corners as they stand in the file"
    assert alone.data.truths.difficult.tolist() == [True, False]
    devkit = {"comp4_det_test_cat.txt": "a 0.5 10 20 40 60\n", "comp4_det_test_dog.txt": "a 0.25 1.5 2 3 4\n"}
    table = "image,category,x1,y1,x2,y2,score\na,cat,10,20,40,60,0.5\na.jpg,dog,1.5,2,3,4,0.25\n"
    plain = {"a.txt": "cat 0.5 10 20 30 40\ndog 0.25 1.5 2 1.5 2\n"}
    for format, data in (("VOC devkit", zipped(devkit)), ("CSV", table.encode()), ("text", zipped(plain))):
        reading = read(truths, ("detections", data))
        assert told(reading) == []
        assert reading.formats == ("VOC XML", format)
        assert reading.data.detections.boxes.tolist() == expected
        assert reading.data.detections.score.tolist() == [0.5, 0.25]
        assert reading.data.detections.category.tolist() == [0, 1]
    single = read(
        ("a.xml", VOC.encode()), ("comp4_det_test_cat.txt", devkit["comp4_det_test_cat.txt"].encode())
    )
    assert single.data.detections.boxes.tolist() == expected[:1]


@pytest.mark.parametrize(
    "names",
    [
        {"classes.txt": "cat\ndog\n"},
        {"data/obj.names": "cat\r\ndog\r\n"},
        {"data.yaml": "nc: 2\nnames: ['cat', \"dog\"]\n"},
        {"data.yaml": "names:\n  0: cat  # purrs\n  1: dog\nnc: 2\n"},
        {"data.yaml": "path: x\nnames:\n- cat\n# and\n- 'dog'\nval: y\n"},
        {"data.yml": "names: {0: cat, 1: dog}\n"},
    ],
)
def test_yolo(names: dict[str, str]) -> None:
    pieces: dict[str, str | bytes] = {
        "labels/a.txt": "1 0.5 0.5 0.2 0.5\n",
        "labels/b.txt": "",
        "images/a.png": picture(100, 80),
        "images/b.jpg": picture(30, 40, "JPEG"),
        "images/c.bmp": picture(50, 60, "BMP"),
        "README.txt": "read me",
    }
    found = {"a.txt": "1 0.5 0.5 0.2 0.5 0.75\n0 0.1 0.1 0.2 0.2 0.5\n"}
    reading = read(("truths.zip", zipped(pieces | names)), ("found.zip", zipped(found)))
    assert told(reading) == []
    assert reading.formats == ("YOLO", "YOLO")
    data = reading.data
    assert [(i.name, i.width, i.height) for i in data.images] == [
        ("a", 100, 80),
        ("b", 30, 40),
        ("c", 50, 60),
    ]
    assert data.categories == (Category(0, "cat"), Category(1, "dog"))
    assert data.truths.boxes == pytest.approx(np.array([[40, 20, 60, 60]]))
    assert data.truths.category.tolist() == [1]
    assert data.detections.boxes == pytest.approx(np.array([[40, 20, 60, 60], [0, 0, 20, 16]]))
    assert data.extra["assumed_sizes"] == 0


def test_yolo_without_pictures_and_names() -> None:
    data = read(("truths.zip", zipped({"a.txt": "4 0.5 0.5 1 1\n", "b.txt": ""})), size=(200, 100)).data
    assert data.truths.boxes.tolist() == [[0, 0, 200, 100]]
    assert data.categories == (Category(4, "4"),)
    assert data.extra["assumed_sizes"] == 1, "b has no boxes that would need one"


def test_text_in_absolute_pixels() -> None:
    """Two images of the worked example of github.com/rafaelpadilla/Object-Detection-Metrics (MIT)."""
    truths = {
        "gt/00001.txt": "person 25 16 38 56\nperson 129 123 41 62\n",
        "gt/00002.txt": "person 123 11 43 55\nperson 38 132 59 45\n",
    }
    found = {
        "det/00001.txt": "person .88 5 67 31 48\nperson .70 119 111 40 67\nperson .80 124 9 49 67\n",
        "det/00002.txt": "person .71 64 111 64 58\nperson .54 26 140 60 47\nperson .74 19 18 43 35\n",
    }
    reading = read(("gt.zip", zipped(truths)), ("det.zip", zipped(found)))
    assert told(reading) == []
    assert reading.formats == ("text", "text")
    assert reading.data.truths.boxes[0].tolist() == [25, 16, 63, 72]
    assert reading.data.detections.boxes[0].tolist() == [5, 67, 36, 115]
    assert reading.data.detections.score.tolist() == [0.88, 0.70, 0.80, 0.71, 0.54, 0.74]
    assert reading.data.detections.image.tolist() == [0, 0, 0, 1, 1, 1]


def test_csv_with_images_alone_and_quotation_marks() -> None:
    data = read(("t.csv", CSV.encode())).data
    assert [image.name for image in data.images] == ["a.jpg", "b.jpg"]
    assert [category.name for category in data.categories] == ["cat", "dog, small"]
    assert data.truths.crowd.tolist() == [False, True]
    assert data.truths.difficult.tolist() == [True, False]
    semicolons = "Image;Y2;Category;X1;Y1;X2\n\nc;60;cat;10;20;40\n"
    assert read(("t.txt", semicolons.encode())).data.truths.boxes.tolist() == [[10, 20, 40, 60]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_encodings(encoding: str) -> None:
    text = CSV.replace("cat,", "고양이,")
    data = read(("t.csv", text.encode(encoding))).data
    assert data.categories[0].name == "고양이"
    if encoding != "cp949":
        document = json.dumps(COCO, ensure_ascii=False).replace('"cat"', '"고양이"')
        assert read(("t.json", document.encode(encoding))).data.categories[0].name == "고양이"
    if encoding != "utf-16":
        labels = zipped({"가.txt": "고양이 1 2 3 4\n".encode(encoding)})
        assert read(("t.zip", labels)).data.categories[0].name == "고양이"
    xml = VOC.replace("cat<", "고양이<")
    if encoding != "cp949":  # expat knows the others
        assert read(("t.xml", xml.encode(encoding))).data.categories[0].name == "고양이"


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("COCO JSON", dumped(COCO)),
        ("COCO JSON", zipped({"deep/down/x.json": dumped(COCO)})),
        ("VOC XML", zipped({"x.xml": VOC})),
        ("VOC XML", VOC.encode()),
        ("YOLO", zipped({"x.txt": "0 0.5 0.5 0.1 0.1"})),
        ("YOLO", b"0 0.5 0.5 0.1 0.1"),
        ("text", zipped({"x.txt": "0 50 50 10 10"})),
        ("CSV", CSV.encode()),
        ("CSV", zipped({"x.csv": CSV})),
    ],
)
@pytest.mark.parametrize("name", ["x.json", "x.zip", "x.txt", "x", "C:\\x\\y.csv", ""])
def test_content_tells_the_format(format: str, data: bytes, name: str) -> None:
    reading = read((name, data))
    assert reading.formats == (format,)
    assert reading.unread == 0


# Round trips.

names = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
eighths = st.integers(-(2**16), 2**16).map(lambda n: n / 8)
flags = st.booleans()


@st.composite
def sets(draw: st.DrawFn, *, coco: bool) -> DetectionSet:
    """Any set; for CSV without what it has no columns for."""
    image_names = draw(st.lists(names, max_size=4, unique=True))
    shown = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    number = draw(st.permutations(range(100)))
    images = tuple(
        ImageInfo(number[i], name, *draw(st.sampled_from([(0, 0), (8, 6)])))
        if coco
        else ImageInfo(name, name)
        for i, name in enumerate(image_names)
    )
    coordinates = eighths if coco else st.floats(-1e6, 1e6)

    def some(count: int) -> tuple[Any, ...]:
        image = np.array([draw(st.integers(0, len(images) - 1)) for _ in range(count)], np.int64)
        category = np.array([draw(st.integers(0, len(shown) - 1)) for _ in range(count)], np.int64)
        corners = [sorted((draw(coordinates), draw(coordinates))) for _ in range(2 * count)]
        boxes = np.array(corners, np.float64).reshape(count, 2, 2).transpose(0, 2, 1).reshape(count, 4)
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        rles = None
        if coco and count and draw(flags):
            rles = tuple(
                masks.encode(np.array(draw(st.lists(flags, min_size=48, max_size=48))).reshape(6, 8))
                for _ in range(count)
            )
            area = np.array([masks.area(rle) for rle in rles], np.float64)
        return image, category, boxes, area, rles

    most = 4 if images else 0
    image, category, boxes, area, rles = some(draw(st.integers(0, most)))
    count = len(image)
    crowd, difficult = (np.array([draw(flags) for _ in range(count)], bool) for _ in range(2))
    ids = np.array(number[10 : 10 + count] if coco else range(1, count + 1), np.int64)
    truths = Truths(image, category, boxes, area, crowd, difficult, ids, rles)
    image, category, boxes, area, rles = some(draw(st.integers(0, most)))
    score = np.array([draw(st.floats(-1e6, 1e6)) for _ in image], np.float64)
    found = Detections(image, category, boxes, score, area, rles)
    if not coco:  # in the order of their first row
        order = list(dict.fromkeys([*truths.category.tolist(), *found.category.tolist()]))
        shown = [shown[i] for i in order]
        place = {old: new for new, old in enumerate(order)}
        truths, found = (
            replace(part, category=np.array([place[c] for c in part.category.tolist()], np.int64))
            for part in (truths, found)
        )
        return DetectionSet(
            "any", images, tuple(Category(i + 1, n) for i, n in enumerate(shown)), truths, found
        )
    return DetectionSet(
        "any", images, tuple(Category(number[50 + i], n) for i, n in enumerate(shown)), truths, found
    )


@settings(max_examples=60, deadline=None)
@given(sets(coco=True))
def test_coco_round_trip(data: DetectionSet) -> None:
    reading = read(("x.json", write_coco_json(data)))
    assert told(reading) == []
    same_set(reading.data, data)


@settings(max_examples=60, deadline=None)
@given(sets(coco=False))
def test_csv_round_trip(data: DetectionSet) -> None:
    reading = read(("x.csv", write_csv(data)))
    assert told(reading) == []
    same_set(reading.data, data)


@pytest.mark.parametrize("write", [write_coco_json, write_csv])
def test_example_round_trip(write: Any) -> None:
    data, again = example(), read(("x", write(example()))).data
    same(again.truths, data.truths)
    same(again.detections, data.detections)
    assert [i.name for i in again.images] == [i.name for i in data.images]


def test_csv_of_images_with_one_name_tells_them_apart() -> None:
    data = replace(example(), images=tuple(replace(image, name="x") for image in example().images))
    assert read(("x.csv", write_csv(data))).data.truths.image.tolist() == data.truths.image.tolist()


@pytest.mark.facts
@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_fake_coco(facts: Path, kind: str) -> None:
    truths = (facts / "coco_fake100/instances_val2014_100.json").read_bytes()
    results = (facts / f"coco_fake100/instances_val2014_fake{kind}100_results.json").read_bytes()
    reading = read(("t", truths), ("r", results))
    assert reading.problems == ()
    expected = from_coco(json.loads(truths), json.loads(results), kind)
    same(reading.data.detections, expected.detections)
    same(reading.data.truths if kind == "segm" else replace(reading.data.truths, masks=None), expected.truths)


@pytest.mark.facts
def test_worked_example(facts: Path) -> None:
    uploads = [
        zipped({f.name: f.read_bytes() for f in (facts / "worked_example" / folder).iterdir()})
        for folder in ("groundtruths", "detections")
    ]
    reading = read(("t.zip", uploads[0]), ("d.zip", uploads[1]))
    assert reading.problems == ()
    assert (len(reading.data.images), len(reading.data.truths), len(reading.data.detections)) == (7, 15, 24)


# What is wrong: file, record and reason, and the rest is kept.


def note(**changes: object) -> dict[str, object]:
    return {"id": 5, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4]} | changes


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (note(bbox=[1, 2, -3, 4]), "bbox[2] is -3; expected a number from 0 to 1000000"),
        (note(bbox=[float("nan"), 2, 3, 4]), "bbox[0] is NaN; expected a finite number"),
        (note(bbox=[1, 2, float("inf"), 4]), "bbox[2] is Infinity; expected a finite number"),
        (note(bbox=[1, 2, 10**400, 4]), "bbox[2] is " + "1" + "0" * 38 + "…; expected a finite number"),
        (note(bbox=[1, 2, 3e7, 4]), "bbox[2] is 30000000.0; expected a number from 0 to 1000000"),
        (note(bbox=[1, 2, True, 4]), "bbox[2] is true; expected a finite number"),
        (note(bbox=[1, 2, 3]), "bbox is [1, 2, 3]; expected [left, top, width, height]"),
        (note(bbox={"x": 1}), 'bbox is {"x": 1}; expected [left, top, width, height]'),
        ({"id": 5, "image_id": 7, "category_id": 3}, "bbox is missing"),
        ({"id": 5, "bbox": [1, 2, 3, 4]}, "image_id is missing"),
        (note(image_id=8), "the image id 8 is not among the ground truths' images"),
        (note(image_id=None), "image_id is null; expected a finite number"),
        (note(image_id=[7]), "image_id is [7]; expected a finite number"),
        (note(category_id=4), "the category id 4 is not among the ground truths' categories"),
        (note(category_id=3.5), "category_id is 3.5; expected a whole number"),
        (note(iscrowd=2), "iscrowd is 2; expected a number from 0 to 1"),
        (note(area=-1), "area is -1; expected a number from 0 to 1000000000000"),
        (note(id=1), "the annotation id 1 is used a second time"),
        (17, "the record is 17; expected an object"),
        (note(segmentation=5), "segmentation is 5; expected polygons or run lengths"),
        (note(segmentation=[3]), "segmentation holds 3; expected a list of numbers"),
        (note(segmentation=[[1, 2, 3, 4, 5, 1e5]]), "segmentation is 100000.0; expected a number from -20000 to 40000"),
        (
            note(image_id=9, segmentation=[[1, 2, 3, 4, 5, 6]]),
            "a polygon needs the image's width and height, which are missing",
        ),
        (note(segmentation={"counts": [1]}), "segmentation.size is null; expected [height, width]"),
        (note(segmentation={"size": [2, 2], "counts": [4]}), "the mask is 2×2; the image is 100×80"),
        (
            note(image_id=9, segmentation={"size": [20000, 20000], "counts": [1]}),
            "an image of 20000×20000 is too large for masks",
        ),
        (
            note(segmentation={"size": [80, 100], "counts": 7}),
            "segmentation.counts is 7; expected a list or a string",
        ),
    ],
)  # fmt: skip
def test_coco_records(wrong: object, reason: str) -> None:
    notes = [COCO["annotations"][0], wrong, COCO["annotations"][1]]
    reading = read(("my.json", dumped(COCO | {"annotations": notes})))
    assert told(reading) == [("my.json", "annotations[1]", reason)]
    assert reading.unread == reading.data.extra["unread"] == 1
    assert reading.data.truths.ids.tolist() == [1, 2]


def test_coco_masks_that_do_not_fit_name_their_record() -> None:
    wrong = [{"size": [80, 100], "counts": counts} for counts in ([1, 2], "~", "00", "é", [-1, 8001])]
    notes = [note(id=i, segmentation=value) for i, value in enumerate([*wrong, [[1, 2]]])]
    reading = read(("my.json", dumped(COCO | {"annotations": notes})))
    assert [problem.record for problem in reading.problems] == [f"annotations[{i}]" for i in range(6)]
    assert len(reading.data.truths) == 0


def test_coco_images_categories_and_results() -> None:
    document = COCO | {
        "images": [
            *COCO["images"],
            {"id": 7},
            {"file_name": "c"},
            {"id": 8, "width": -1},
            {"id": 10, "file_name": ""},
        ],
        "categories": [*COCO["categories"], {"id": 3, "name": "cow"}, {"id": 6}, {"id": 6, "name": "cat"}],
    }
    results = [
        RESULTS[0] | {"score": "high"},
        {"image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4]},
        RESULTS[1],
    ]
    reading = read(("t.json", dumped(document)), ("r.json", dumped(results)))
    assert told(reading) == [
        ("t.json", "categories[2]", "the category cow with id 3 is described a second time"),
        ("t.json", "categories[3]", "name is missing"),
        ("t.json", "categories[4]", "the category cat with id 6 is described a second time"),
        ("t.json", "images[2]", "the image 7 is described a second time"),
        ("t.json", "images[3]", "id is missing"),
        ("t.json", "images[4]", "width is -1; expected a number from 0 to 100000"),
        ("t.json", "images[5]", "file_name is ; expected a name"),
        ("r.json", "[0]", "score is high; expected a finite number"),
        ("r.json", "[1]", "score is missing"),
    ]
    assert len(reading.data.detections) == 1


def test_voc_records() -> None:
    pieces = {
        "a.xml": VOC.replace("<xmin>10", "<xmin>50").replace("<name>dog</name>", ""),
        "b/a.xml": VOC,
        "c.xml": "<annotation><object>",
        "d.xml": "<html></html>",
        "e.xml": VOC.replace("<width>100</width>", "<width>wide</width>"),
        "f.xml": "<annotation><object><name>cat</name></object><object/></annotation>",
    }
    reading = read(("v.zip", zipped(pieces)))
    assert told(reading) == [
        ("v.zip/a.xml", "object[0]", "the box runs from (50, 20) to (40, 60); expected left ≤ right and top ≤ bottom"),
        ("v.zip/a.xml", "object[1]", "name is missing"),
        ("v.zip/b/a.xml", "", "the image a is described a second time"),
        ("v.zip/c.xml", "", "the XML is not well-formed at line 1, column 21"),
        ("v.zip/d.xml", "", "the XML's root is html; expected annotation"),
        ("v.zip/e.xml", "", "width is wide; expected a finite number"),
        ("v.zip/f.xml", "object[0]", "bndbox is missing"),
        ("v.zip/f.xml", "object[1]", "bndbox is missing"),
    ]  # fmt: skip
    found = {
        "comp_cat.txt": "a 0.5 1 2 3\n",
        "comp_cow.txt": "a 0.5 1 2 3 4",
        "x_dog.txt": "z 0.5 1 2 3 4\na 0.5 1 2 3 4",
    }
    reading = read(("v.zip", zipped({"a.xml": VOC})), ("d.zip", zipped(found)))
    assert told(reading) == [
        ("d.zip/comp_cat.txt", 1, "the line has 5 values; expected image, score, xmin, ymin, xmax, ymax"),
        ("d.zip/comp_cow.txt", "", "the file's name ends in none of the ground truths' categories"),
        ("d.zip/x_dog.txt", 1, "the image z is not among the ground truths' images"),
    ]
    assert len(reading.data.detections) == 1


def test_yolo_records() -> None:
    pieces = {
        "classes.txt": "cat\ndog\n",
        "a.txt": "0 0.5 0.5 0.1 0.1\n2 0.5 0.5 0.1 0.1\n0 0.5 0.5 -0.1 0.1\n0 0.5 0.5 0.1\n\n1 nan 0.5 0.1 0.1\n",
        "sub/a.txt": "0 0.5 0.5 0.1 0.1\n",
        "b.jpg": b"not a picture",
    }
    reading = read(("y.zip", zipped(pieces)), ("d.zip", zipped({"q.txt": "0 0.5 0.5 0.1 0.1 0.9"})))
    assert told(reading) == [
        ("y.zip/b.jpg", "", "the image's size cannot be read"),
        ("y.zip/a.txt", 2, "the category id 2 is not among the ground truths' categories"),
        ("y.zip/a.txt", 3, "w is -0.1; expected a number from 0 to 100"),
        ("y.zip/a.txt", 4, "the line has 4 values; expected class cx cy w h"),
        ("y.zip/a.txt", 6, "cx is nan; expected a finite number"),
        ("y.zip/sub/a.txt", "", "the image a is described a second time"),
        ("d.zip/q.txt", 1, "the image q is not among the ground truths' images"),
    ]
    assert len(reading.data.truths) == 1


def test_csv_and_text_records() -> None:
    rows = "a,cat,1,2,3\na,,1,2,3,4\n,cat,1,2,3,4\na,cat,3,2,1,4\na,cat,1,2,3,x\na,cat,1,2,3,1e999\na,cat,1,2,3,4\n"
    reading = read(("t.csv", ("image,category,x1,y1,x2,y2\n" + rows).encode()))
    assert told(reading) == [
        ("t.csv", 2, "the row has 5 values; the header has 6"),
        ("t.csv", 3, "category is ; expected a name"),
        ("t.csv", 4, "image is ; expected a name"),
        ("t.csv", 5, "the box runs from (3, 2) to (1, 4); expected left ≤ right and top ≤ bottom"),
        ("t.csv", 6, "y2 is x; expected a finite number"),
        ("t.csv", 7, "y2 is 1e999; expected a finite number"),
    ]
    assert len(reading.data.images) == len(reading.data.truths) == 1
    found = "image,category,x1,y1,x2,y2,score\nb,cat,1,2,3,4,1\na,cow,1,2,3,4,1\na,cat,1,2,3,4,\na,cat,1,2,3,4,.5\n"
    reading = read(("t.csv", CSV.replace("b.jpg", "a").encode()), ("d.csv", found.encode()))
    assert told(reading) == [
        ("d.csv", 4, "score is missing"),
        ("d.csv", 2, "the image b is not among the ground truths' images"),
        ("d.csv", 3, "the category cow is not among the ground truths' categories"),
    ]
    reading = read(("t.zip", zipped({"a.txt": "cat 10 2 3 4\ncat 10 2 3 4 5\ncat 1 2 -3 4\n"})))
    assert told(reading) == [
        ("t.zip/a.txt", 2, "the line has 6 values; expected class left top width height"),
        ("t.zip/a.txt", 3, "width is -3; expected a number from 0 to 1000000"),
    ]


def test_many_problems_are_counted_but_not_all_kept() -> None:
    rows = "a,cat,1,2,3\n" * 2000
    reading = read(("t.csv", f"image,category,x1,y1,x2,y2\n{rows}".encode()))
    assert reading.unread == 2000
    assert len(reading.problems) == collecting.MAX_PROBLEMS


def test_names_can_be_shown_and_written_again() -> None:
    odd = COCO | {"categories": [{"id": 3, "name": "a\ud800b\x00\n" + "x" * 500}], "annotations": []}
    (category,) = read(("t.json", dumped(odd))).data.categories
    assert len(category.name) == collecting.NAME
    assert category.name.startswith("a b")
    category.name.encode()


# What cannot be read at all.


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "x.bin is empty."),
        (b" \n\t", "x.bin is empty."),
        (b"hello", "x.bin is in none of the formats"),
        (bytes(range(128, 256)) * 9, "x.bin is in none of the formats"),
        (picture(3, 3), "x.bin is in none of the formats"),
        (b"PK\x03\x04 and nothing else", "x.bin is a damaged zip archive."),
        (zipped({}), "x.bin is in none of the formats"),
        (zipped({"x.zip": zipped({"a.txt": "0 0.5 0.5 1 1"})}), "x.bin is in none of the formats"),
        (b"{", "x.bin is not valid JSON: line 1, column 2."),
        (b'{"images": ' + b"9" * 5000 + b"}", "x.bin is not valid JSON."),
        (b"[" * 100_000, "x.bin nests its lists too deeply."),
        (b"{}", "x.bin has no list of images; expected images, annotations and categories."),
        (b"[]", "x.bin holds a list, as results do"),
        (dumped(COCO | {"categories": 3}), "x.bin has no list of categories"),
        (b"image,category,x1\na,b,1", "x.bin has no column y1, x2, y2"),
        (b"image,category,x1,y1,x2,y2,x1\n", "x.bin has two columns of one name"),
        (b"image,category,x1,y1,x2,y2\n\xff\xff\xff", "x.bin is in none of the encodings"),
    ],
)
def test_unreadable_truths(data: bytes, reason: str) -> None:
    with pytest.raises(AnnotationError, match="^" + reason.replace(".", r"\.")):
        read(("folder/x.bin", data))


@pytest.mark.parametrize(
    ("truths", "found", "reason"),
    [
        (
            CSV.encode(),
            dumped(RESULTS),
            "d gives categories by number, but the ground truths give them by name",
        ),
        (CSV.encode(), zipped({"a.txt": "0 .5 .5 .1 .1 .9"}), "d gives categories by number"),
        (CSV.encode(), zipped({"a.xml": VOC}), "d holds VOC XML, which has no scores"),
        (dumped(COCO), dumped(COCO), "d has no detections"),
        (dumped(COCO), b"?", "d is in none of the formats"),
    ],
)
def test_unreadable_detections(truths: bytes, found: bytes, reason: str) -> None:
    with pytest.raises(AnnotationError, match=f"^{reason}"):
        read(("t", truths), ("d", found))


# What is hostile.


def test_xml_that_declares_entities_is_refused() -> None:
    laughs = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]><annotation>&a11;</annotation>'
    file = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + VOC.replace("cat", "&e;")
    for text in (bomb, file):
        for data in (text.encode(), text.encode("utf-16")):
            (problem,) = read(("v.zip", zipped({"a.xml": data}))).problems
            assert str(problem) == "the XML declares a DOCTYPE or an entity, which annotations don't need"
    deep = "<annotation>" + "<a>" * 100_000
    (problem,) = read(("v.xml", deep.encode())).problems
    assert str(problem) == "the XML nests deeper than 12 elements"


def test_archives_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped({"a.txt": b"0 .5 .5 1 1\n" * 2**20})
    assert len(bomb) < 200_000
    with pytest.raises(AnnotationError, match=r"^a\.txt in z\.zip is compressed more than 200 times"):
        read(("z.zip", bomb))
    with pytest.raises(AnnotationError, match=r"^z\.zip has more than 50000 entries"):
        read(("z.zip", b"PK\x03\x04" + b"PK\x01\x02" * 50_001))
    monkeypatch.setattr(opening, "MAX_TOTAL", 2**20)
    with pytest.raises(AnnotationError, match=r"^z\.zip unpacks to 2 MB; at most 1 MB are read"):
        read(("z.zip", zipped({f"{i}.txt": bytes(2**18) for i in range(5)})))
    monkeypatch.setattr(opening, "MAX_BYTES", 2**20)
    with pytest.raises(AnnotationError, match=r"^z has 2 MB; at most 1 MB are read"):
        read(("z", b"x" * (2**20 + 1)))
    with pytest.raises(AnnotationError, match=r"^t\.csv has more than 100000 records that cannot be read"):
        read(("t.csv", b"image,category,x1,y1,x2,y2\n" + b"a\n" * 100_001))
    monkeypatch.setattr(collecting, "MAX_RECORDS", 2)
    with pytest.raises(AnnotationError, match="more than 2 records"):
        read(("t.csv", CSV.encode() + b"c,cat,1,2,3,4,,,\n"))


def test_a_size_that_lies_unpacks_no_more_than_it_says() -> None:
    data = bytearray(zipped({"a.txt": b"0 .5 .5 1 1\n" * 400_000}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(signature) + offset, 1000)
    tracemalloc.start()
    reading_or_error: object
    try:
        reading_or_error = read(("z.zip", bytes(data)))
    except AnnotationError as error:
        reading_or_error = error
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(reading_or_error, Reading | AnnotationError)
    assert peak < 3e6


def test_locked_and_odd_entries() -> None:
    locked = bytearray(zipped({"a.txt": "0 .5 .5 1 1"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(signature) + offset] |= 1
    with pytest.raises(AnnotationError, match=r"^z\.zip is protected by a password"):
        read(("z.zip", bytes(locked)))
    good = "0 .5 .5 1 1"
    pieces: dict[str, str | bytes] = {
        "ok.txt": good,
        "../up.txt": good,
        "/root.txt": good,
        "a/" * 9 + "deep.txt": good,
        "inner.zip": zipped({"a.txt": good}),
        "__MACOSX/._ok.txt": b"\0\1",
        ".hidden.txt": good,
        "notes.pdf": b"%PDF",
    }
    reading = read(("z.zip", zipped(pieces)))
    assert [image.name for image in reading.data.images] == ["ok"]
    refused = ["../up.txt", "/root.txt", "a/" * 9 + "deep.txt", "inner.zip"]
    assert [problem.file for problem in reading.problems] == [f"z.zip/{name}" for name in refused]
    reading = read(("z.zip", bz2(good)))
    assert [str(problem) for problem in reading.problems] == [
        "the entry is compressed in another way than deflate"
    ]


def bz2(text: str) -> bytes:
    """One entry as it should be, and one that bzip2 has compressed."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("ok.txt", text)
        archive.writestr("other.txt", text, zipfile.ZIP_BZIP2)
    return out.getvalue()


def test_a_polygon_cannot_keep_the_server_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    image = {"id": 7, "width": 7000, "height": 7000}

    def problems(zigzags: int) -> list[str]:
        polygon = [0.0, 0.0, 30_000.0, 30_000.0] * zigzags
        notes = [note(id=i, segmentation=[polygon]) for i in range(5)]
        started = time.thread_time()
        reading = read(("t.json", dumped(COCO | {"images": [image], "annotations": notes})))
        assert time.thread_time() - started < 5
        return [str(problem) for problem in reading.problems]

    assert problems(2000)[0] == "a polygon's outline is 120004000 pixels long; at most 200000 are drawn"
    monkeypatch.setattr(coco, "_OUTLINES", 300_000)
    assert problems(2) == ["the file's polygons are longer than 300000 pixels together"] * 3


SEEDS = [
    dumped(COCO | {"detections": RESULTS}),
    zipped({"a.xml": VOC, "b.xml": VOC}),
    zipped({"a.txt": "0 .5 .5 .1 .1", "a.png": picture(9, 9), "data.yaml": "names:\n- cat\n"}),
    zipped({"a.txt": "cat 5 5 10 10"}),
    CSV.encode(),
    VOC.encode(),
    dumped(RESULTS),
    b"a .5 1 2 3 4",
]
KEYS = [
    "images",
    "annotations",
    "categories",
    "detections",
    "id",
    "image_id",
    "category_id",
    "bbox",
    "score",
    "name",
    "segmentation",
    "size",
    "counts",
    "file_name",
    "width",
    "height",
    "area",
    "iscrowd",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=30,
)


def survives(truths: bytes, found: bytes | None) -> None:
    """A reading of sound arrays, or one clear error."""
    try:
        reading = read(("t", truths), None if found is None else ("d", found))
    except AnnotationError as error:
        error.message.format(**error.values)
        return
    assert all(str(problem) for problem in reading.problems)
    assert reading.unread >= len(reading.problems)
    for part in (reading.data.truths, reading.data.detections):
        assert np.isfinite(part.boxes).all()
        assert np.isfinite(part.area).all()
        assert (part.boxes[:, 2:] >= part.boxes[:, :2]).all()
        assert (part.image < len(reading.data.images)).all()
        assert (part.category < len(reading.data.categories)).all()
    write_coco_json(reading.data)
    write_csv(reading.data)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.none() | st.binary(max_size=100))
def test_any_bytes(truths: bytes, found: bytes | None) -> None:
    survives(truths, found)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files(data: st.DataObject) -> None:
    parts = []
    for _ in range(2):
        part = bytearray(data.draw(st.sampled_from(SEEDS)))
        for _ in range(data.draw(st.integers(0, 4))):
            at = data.draw(st.integers(0, len(part)))
            end = min(len(part), at + data.draw(st.integers(0, 6)))
            part[at:end] = data.draw(st.binary(max_size=6))
        parts.append(bytes(part))
    survives(parts[0], data.draw(st.sampled_from([None, parts[1]])))


@settings(max_examples=150, deadline=None)
@given(json_values, st.none() | json_values, st.booleans())
def test_any_json(document: Any, found: Any, shaped: bool) -> None:
    if shaped:
        document = COCO | {
            "annotations": [document],
            "detections": [document],
            "images": [*COCO["images"], document],
        }
    survives(dumped(document), None if found is None else dumped([found]))


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.text(max_size=8).map(lambda name: f"{name}.txt"), st.text(max_size=60), max_size=4),
    st.sampled_from(["cat %s", "0 %s", "%s 1 2 3 4", "%s"]),
)
def test_any_lines(pieces: dict[str, str], line: str) -> None:
    pieces = {name.replace("\ud800", ""): line % text for name, text in pieces.items()}
    data = zipped({name: text.encode("utf-8", "ignore") for name, text in pieces.items() if "\0" not in name})
    survives(data, data)
