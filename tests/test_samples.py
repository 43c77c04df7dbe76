"""Every sample loads without a network, and its credit is what its package says."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnviz import samples
from cnnviz.errors import SettingError
from cnnviz.samples import SAMPLES


@pytest.mark.parametrize("sample_id", SAMPLES)
def test_loads_as_rgb(sample_id):
    rgb = samples.load(sample_id)
    assert rgb.dtype == np.uint8
    assert rgb.shape[2] == 3
    assert 300 <= min(rgb.shape[:2]) <= max(rgb.shape[:2]) <= 640
    assert rgb.std() > 10
    rgb[:] = 0  # every caller gets its own array
    assert samples.load(sample_id).any()


@pytest.mark.parametrize("sample_id", [i for i, sample in SAMPLES.items() if sample.package == "skimage"])
def test_same_pixels_as_the_package_gives(sample_id):
    from skimage import data

    name = Path(SAMPLES[sample_id].file).stem
    theirs = getattr(data, name)()
    assert (samples.load(sample_id) == (theirs if theirs.ndim == 3 else theirs[..., None])).all()


def test_unknown_sample():
    with pytest.raises(
        SettingError, match=r"no sample photo dog; expected one of cat, coffee, .*together\.$"
    ):
        samples.load("dog")


def test_catalogue():
    assert all(key == sample.id for key, sample in SAMPLES.items())
    assert len({sample.title for sample in SAMPLES.values()}) == len(SAMPLES)
    assert all(sample.alt.endswith(".") and sample.credit for sample in SAMPLES.values())


def folded(text):
    return " ".join(text.replace("é", "e").split())


# What each package says of the picture, in the words that the credit rests on.
@pytest.mark.parametrize(
    ("sample_id", "said", "credited"),
    [
        ("cat", "CC0 by the photographer (Stefan van der Walt)", "Stefan van der Walt, CC0"),
        ("coffee", "courtesy of Pikolo Espresso Bar", "courtesy of Pikolo Espresso Bar"),
        ("coffee", "CC0 by the photographer (Rachel Michetti)", "Rachel Michetti"),
        ("astronaut", "released into the public domain", "public domain"),
        ("astronaut", "NASA Great Images", "NASA"),
        ("rocket", "captured by SpaceX and `released in the public domain", "SpaceX, public domain"),
        ("bricks", "licensed under the Creative Commons CC0 License", "Bricks25, CC0"),
        ("bricks", "tex=Bricks25", "CC0Textures, Bricks25"),
    ],
)
def test_credits_of_scikit_image(sample_id, said, credited):
    from skimage import data

    assert said in folded(getattr(data, Path(SAMPLES[sample_id].file).stem).__doc__)
    assert credited in folded(SAMPLES[sample_id].credit)


@pytest.mark.parametrize("sample_id", ["temple", "flower"])
def test_credits_of_scikit_learn(sample_id):
    package = Path(importlib.util.find_spec("sklearn").submodule_search_locations[0])
    file = package / SAMPLES[sample_id].file
    notes = (file.parent / "README.txt").read_text()
    note = notes[notes.index(file.name) :].split("Image: ")[0]
    assert "creativecommons.org/licenses/by/2.0" in note
    author, photo = re.search(r"flickr\.com/photos/(\w+)/(\d+)/", note).groups()
    assert SAMPLES[sample_id].credit.startswith(f"{author} on Flickr, photo {photo}, CC BY 2.0")


def test_credit_of_matplotlib():
    package = Path(importlib.util.find_spec("matplotlib").submodule_search_locations[0])
    with Image.open(package / SAMPLES["hopper"].file) as im:
        source = im.info["comment"].decode()
    assert source.removeprefix("File source: http://") in SAMPLES["hopper"].credit


def test_neither_network_nor_heavy_imports():
    """Loading every sample opens no socket and imports none of the packages that carry them."""
    program = """if True:
        import socket, sys
        def refuse(*a, **k):
            raise AssertionError("network")
        socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
        from cnnviz import samples
        assert "cv2" not in sys.modules
        for sample_id in samples.SAMPLES:
            samples.load(sample_id)
        print([name for name in ("skimage", "sklearn", "matplotlib", "torch", "pooch") if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_scene_has_its_shapes_on_its_ground():
    scene = samples.scene()
    assert (scene == samples.scene()).all()
    assert scene.shape == (480, 640, 3)
    at = {
        "disc": (134, 115),
        "square": (134, 320),
        "ring": (134, 473),
        "triangle": (380, 320),
        "cross": (355, 525),
    }
    colours = {name: scene[where].tolist() for name, where in at.items()}
    assert colours == {
        "disc": [214, 40, 40],
        "square": [35, 70, 190],
        "ring": [40, 150, 70],
        "triangle": [245, 200, 40],
        "cross": [120, 50, 150],
    }
    bars = scene[300, 48:182, 0]
    assert set(bars.tolist()) == {20, 245}
    assert 14 <= np.count_nonzero(np.diff(bars.astype(int))) <= 18
    grey = scene.mean(axis=2)
    assert grey[-20:, -20:].mean() > grey[:20, :20].mean() + 80  # dark to light
    assert grey[220:260, 220:260].std() > 2  # with a texture


def test_together_holds_its_three_samples():
    picture = samples.together()
    assert (picture == samples.together()).all()
    assert picture.shape == (400, 640, 3)
    # Well inside each piece, the sample itself.
    boxes = {
        "astronaut": ((50, 0, 390, 512), (0, 24, 250, 400), np.s_[60:200, 10:190]),
        "hopper": ((60, 0, 512, 580), (346, 24, 640, 400), np.s_[60:190, 380:630]),
        "cat": ((0, 0, 420, 300), (200, 210, 440, 400), np.s_[240:395, 230:410]),
    }
    for sample_id, ((left, top, right, bottom), (x, y, to_x, to_y), inside) in boxes.items():
        alone = np.zeros_like(picture)
        part = Image.fromarray(samples.load(sample_id)[top:bottom, left:right])
        alone[y:to_y, x:to_x] = part.resize((to_x - x, to_y - y), Image.Resampling.BOX)
        assert np.abs(alone[inside].astype(int) - picture[inside]).mean() < 4, sample_id
    assert picture[5, 300].tolist() > picture[150, 300].tolist(), "between them the ground grows darker"
