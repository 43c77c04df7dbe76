"""The lines that stand for a photo in exported code give exactly the photo on screen."""

from pathlib import Path

import numpy as np
import pytest

from cnnviz import samples
from cnnviz.images import fit
from cnnviz.notebook import PHOTO_FILE
from cnnviz.ui.photo import MAX_SIDE, OWN, Photo


@pytest.mark.parametrize("sample", samples.SAMPLES)
def test_code_gives_the_sample(sample: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    photo = Photo(sample, fit(samples.load(sample), MAX_SIDE), "", "")
    if photo.png:
        Path(PHOTO_FILE).write_bytes(photo.png)
    namespace: dict[str, np.ndarray] = {}
    exec(photo.code, namespace)
    np.testing.assert_array_equal(namespace["photo"], photo.rgb)


def test_code_reads_the_own_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rgb = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    photo = Photo(OWN, rgb, "", "")
    assert photo.png is not None
    Path(PHOTO_FILE).write_bytes(photo.png)
    namespace: dict[str, np.ndarray] = {}
    exec(photo.code, namespace)
    np.testing.assert_array_equal(namespace["photo"], rgb)
