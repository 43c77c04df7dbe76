"""The scripts that the lesson hands out say the same as the core."""

import contextlib
import io
import os
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from cnnviz.metrics.scenes import SceneSettings, draw
from cnnviz.training.autoencoder import BATCH, DENSE, RATE, Setup, load, train
from cnnviz.training.pictures import PICTURES, pictures
from cnnviz.upsampling import decoder_code, shape_fcn
from cnnviz.upsampling.decoder import KINDS, UNPOOLING
from cnnviz.upsampling.odd_sizes import CURES, ladder, unet
from cnnviz.upsampling.symmetric import Handed, there_and_back


def printed(source: str, folder: Path | None = None) -> str:
    out, before = io.StringIO(), Path.cwd()
    with contextlib.redirect_stdout(out):
        os.chdir(folder or before)
        try:
            exec(source, {"__name__": "notebook"})
        finally:
            os.chdir(before)
    return out.getvalue()


@pytest.mark.parametrize("name", PICTURES)
def test_training(name: str) -> None:
    setup = Setup(name, 8, seed=1, steps=3)
    (*_, last) = train(setup)
    kinds = KINDS if name == "digits" else ("pixel_shuffle", "unpool_convolve")
    for kind in kinds:
        source = decoder_code.training_code(name, 8, 1, kind, steps=3, batch=BATCH, rate=RATE)
        found = dict(re.findall(r"^(\w+) ([\d.]+)$", printed(source), re.M))
        for part in (DENSE, kind):
            assert float(found[part]) == pytest.approx(last.trained.history[part][-1][1], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_decoding(kind: str, tmp_path: Path) -> None:
    run, data = load("digits", 2), pictures("digits")
    codes, indices = run.encode(data.test[:1])
    given = {"first": indices[0].numpy(), "second": indices[1].numpy()} if kind in UNPOOLING else {}
    packed = decoder_code.archive(run.decoders[kind], code=codes[0].numpy(), **given)
    (tmp_path / decoder_code.WEIGHTS_FILE).write_bytes(packed)
    said = printed(decoder_code.decoding_code(kind, 2, 8), tmp_path)
    shown = np.array([[int(x) for x in re.findall(r"\d", row)] for row in said.splitlines()[1:]])
    decoded = run.decode(kind, codes, indices)[0]
    assert (shown == np.rint(torch.tensor(decoded).clamp(0, 1).numpy() * 9)).all()


@pytest.mark.parametrize("shares", [(1.0, 1.0), (0.35, 0.0)])
def test_skips(shares: tuple[float, float], tmp_path: Path) -> None:
    scene = draw(SceneSettings(seed=3), 6)
    labels = shape_fcn.truth(scene)
    way = shape_fcn.follow(shape_fcn.load(), scene.image, *shares)
    packed = decoder_code.archive(shape_fcn.load(), image=scene.image, truth=labels)
    (tmp_path / decoder_code.WEIGHTS_FILE).write_bytes(packed)
    said = dict(re.findall(r"FCN-(\w+) ([\d.]+)%", printed(decoder_code.skips_code(*shares), tmp_path)))
    for head, found in way.labels.items():
        assert float(said[head]) == pytest.approx(100 * float((found == labels).mean()), abs=0.02)


@pytest.mark.parametrize("cure", CURES)
@pytest.mark.parametrize("size", [(7, 7), (100, 90), (64, 64)])
def test_ladder(cure: str, size: tuple[int, int]) -> None:
    sizes = ladder(size, 2, cure)  # type: ignore[arg-type]
    said = printed(decoder_code.ladder_code(size, 2, cure))  # type: ignore[arg-type]
    found = re.findall(r"(down|up) \((\d+), (\d+)\)", said)
    assert [(int(a), int(b)) for way, a, b in found if way == "down"] == list(sizes.down[1:])
    joined = [level.joined for level in sizes.levels if level.joined]
    assert [(int(a), int(b)) for way, a, b in found if way == "up"] == joined
    assert ("must match" in said) == (sizes.stuck is not None)


@pytest.mark.parametrize("side", [572, 188, 252])
def test_unet(side: int) -> None:
    said = re.findall(r"(down|up) (\d+)", printed(decoder_code.unet_code(side)))
    sizes = unet(side)
    assert [int(x) for way, x in said if way == "down"] == list(sizes.down[1:])
    assert int(said[-1][1]) == sizes.output


@pytest.mark.parametrize("handed", get_args(Handed))
def test_symmetric(handed: Handed) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (45, 70, 3), dtype=np.uint8)
    made = (
        "import numpy as np\nphoto = np.random.default_rng(0).integers(0, 256, (45, 70, 3), dtype=np.uint8)"
    )
    said = printed(decoder_code.symmetric_code(made, (45, 70), 3, handed))
    trip = there_and_back(photo.transpose(2, 0, 1), 3, handed)
    assert f"{trip.written.sum()} of {45 * 70} pixels" in said
    assert f"down {trip.sizes[-1]}" in said
