"""A small data folder of drawn pictures, and the backbone's maps of them."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnnviz.training import features
from cnnviz.training.voc_data import Photo, read

COUNT = 12
KINDS = ("whole", "mosaic")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads add in another order, and on busy cores mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures: a red bus, a green sheep or nothing on noise; four of them labelled by people."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "photos").mkdir()
    (folder / "masks").mkdir()
    generator = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(COUNT):
        height, width = (200, 320) if number % 2 else (320, 240)
        rgb = generator.integers(90, 160, (height, width, 3), dtype=np.uint8)
        mask = np.zeros((height, width), np.uint8)
        label = (6, 17, 0)[number % 3]
        if label:
            left, top = generator.integers(10, 60, 2).tolist()
            rows, columns = slice(top, top + 110), slice(left, left + 130)
            rgb[rows, columns] = (220, 20, 20) if label == 6 else (20, 200, 30)
            mask[rows, columns] = label
            box = {"bbox": [left, top, 130, 110], "area": 130 * 110, "category_id": label, "iscrowd": 0}
            annotations.append(box | {"id": number + 1, "image_id": number + 1})
            # A doubtful one beside it.
            annotations.append(
                box | {"id": number + 101, "image_id": number + 1, "bbox": [0, 0, 30, 40], "ignore": 1}
            )
        mask[:4] = 255
        Image.fromarray(rgb).save(folder / "photos" / f"{number:04}.jpg", quality=95)
        Image.fromarray(mask).save(folder / "masks" / f"{number:04}.png")
        entry = {"id": number + 1, "file_name": f"{number:04}.jpg", "width": width, "height": height}
        images.append(entry | {"mask": "human" if number < 4 else "teacher"})
    content = {"images": images, "annotations": annotations}
    (folder / "instances.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def photos(data: Path) -> list[Photo]:
    return read(data)


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory, photos: list[Photo]) -> Path:
    """A work folder with two kinds of views cached."""
    folder = tmp_path_factory.mktemp("work")
    features.cache(photos, folder / "cache", KINDS)
    return folder
