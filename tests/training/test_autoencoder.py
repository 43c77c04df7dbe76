"""The autoencoders: repeatable training, the shipped runs, and what is read out of their codes."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.decomposition import PCA

from cnnviz.errors import SettingError, WeightsError
from cnnviz.training import autoencoder as training
from cnnviz.training.autoencoder import DENSE, LATENTS, Setup, linear_code, load, plane, train
from cnnviz.training.pictures import PICTURES, pictures
from cnnviz.upsampling.decoder import KINDS

CARD = (training.FOLDER / "autoencoder.md").read_text(encoding="utf-8")


def weights(run: training.Trained) -> dict[str, torch.Tensor]:
    parts = {"encoder": run.encoder, DENSE: run.dense, **run.decoders}
    return {f"{part}.{name}": x for part, module in parts.items() for name, x in module.state_dict().items()}


def test_training_is_repeatable_and_touches_nothing_shared() -> None:
    shipped = load("digits", 2)
    before = {name: x.clone() for name, x in weights(shipped).items()}
    setup = Setup("digits", 2, seed=3, steps=7)
    one, two = (list(train(setup, report=3)) for _run in range(2))
    assert [snapshot.done for snapshot in one] == [0, 3, 5, 6, 7, 10, 12, 13, 14]
    assert {snapshot.total for snapshot in one} == {14}
    last, same = one[-1].trained, two[-1].trained
    assert all(torch.equal(x, weights(same)[name]) for name, x in weights(last).items())
    (*_, other) = train(Setup("digits", 2, seed=4, steps=7))
    assert not torch.equal(last.encoder.code.weight, other.trained.encoder.code.weight)
    # The encoder is fixed while the decoders learn, and a snapshot is a copy.
    assert one[3].trained.decoders == {}
    assert torch.equal(one[4].trained.encoder.code.weight, last.encoder.code.weight)
    assert not torch.equal(
        one[5].trained.decoders["nearest"].small.weight, last.decoders["nearest"].small.weight
    )
    assert [step for step, _error in last.history[DENSE]] == [0, 3, 6, 7]
    assert [step for step, _error in last.history["nearest"]] == [3, 6, 7]
    errors = last.errors(pictures("digits").test)
    assert last.history["transposed"][-1][1] == pytest.approx(errors["transposed"])
    assert not any(parameter.requires_grad for parameter in last.decoders["transposed"].parameters())
    assert all(torch.equal(x, before[name]) for name, x in weights(shipped).items())


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [({"latent": 0}, "latent is 0"), ({"seed": -1}, "seed is -1"), ({"steps": 0}, "steps is 0")],
)
def test_settings_without_meaning(setting: dict[str, int], sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        Setup(**{"pictures": "digits", "latent": 2, **setting})  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="no pictures called faces"):
        next(train(Setup("faces", 2)))


@pytest.mark.parametrize("name", PICTURES)
def test_every_shipped_run_is_whole(name: str) -> None:
    tests = pictures(name).test
    for latent in LATENTS:
        run = load(name, latent)
        assert set(run.decoders) == set(KINDS)
        errors = run.errors(tests)
        for kind in (DENSE, *KINDS):
            step, error = run.history[kind][-1]
            assert step == training.STEPS
            # Stored as float16, the weights give nearly the error that the training ended with.
            assert errors[kind] == pytest.approx(error, rel=0.02)
        learned = max(errors[kind] for kind in ("transposed", "pixel_shuffle", "resize_convolve"))
        assert learned < errors["nearest"] < tests.var()
        assert errors["unpool_convolve"] < min(
            error for kind, error in errors.items() if kind != "unpool_convolve"
        )
    with pytest.raises(SettingError, match="no run with 3 numbers"):
        load(name, 3)


@pytest.mark.parametrize("name", PICTURES)
def test_card(name: str) -> None:
    rows = re.findall(rf"^\| {name} .*$", CARD, re.M)
    assert len(rows) == len(training.MEASURED)
    for row, latent in zip(rows, training.MEASURED, strict=True):
        written = [float(x) for x in row.split("|")[3:-1]]
        measured = [float(x) for x in training.row(name, latent).split("|")[3:-1]]
        # Another processor adds in another order.
        assert measured == pytest.approx(written, abs=2e-4)
    assert str(training.STEPS) in CARD
    assert training.path(name).stat().st_size < 1_200_000
    assert {x.dtype for key, x in load_file(training.path(name)).items() if "history" not in key} == {
        torch.float16
    }


@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_damaged_weights_are_named(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "autoencoder_digits.safetensors"
    if damage == "cut":
        file.write_bytes(training.path("digits").read_bytes()[:1000])
    elif damage == "other":
        training.save([], file)
    monkeypatch.setattr(training, "FOLDER", tmp_path)
    with pytest.raises(WeightsError, match=r"autoencoder_digits\.safetensors"):
        load.__wrapped__("digits", 2)


def test_saved_and_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (*_, last) = train(Setup("shapes", 2, steps=1))
    monkeypatch.setattr(training, "FOLDER", tmp_path)
    training.save([last.trained], training.path("shapes"))
    again = load.__wrapped__("shapes", 2)
    for name, x in weights(last.trained).items():
        assert torch.allclose(x, weights(again)[name], atol=2e-3), name
    for kind, points in last.trained.history.items():
        assert np.array(again.history[kind]) == pytest.approx(np.array(points)), kind


@pytest.mark.parametrize("latent", [2, 8])
def test_linear_code_against_scikit_learn(latent: int) -> None:
    data = pictures("digits")
    flat, tests = (each.reshape(len(each), -1).astype(np.float64) for each in (data.train, data.test))
    oracle = PCA(latent, svd_solver="full").fit(flat)
    linear = linear_code(data, latent)
    rebuilt = oracle.inverse_transform(oracle.transform(flat))
    assert linear.left_out == pytest.approx(((rebuilt - flat) ** 2).mean())
    assert linear.measured == pytest.approx(linear.left_out, rel=1e-5)
    rebuilt = oracle.inverse_transform(oracle.transform(tests))
    assert linear.error == pytest.approx(((rebuilt - tests) ** 2).mean(), rel=1e-5)
    assert linear.rebuild(data.test[:2]).reshape(2, -1) == pytest.approx(rebuilt[:2], abs=1e-5)


def test_plane_against_scikit_learn() -> None:
    codes, _indices = load("digits", 8).encode(pictures("digits").test)
    flat, oracle = plane(codes), PCA(2, svd_solver="full").fit(codes.numpy())
    assert flat.share == pytest.approx(oracle.explained_variance_ratio_.sum(), rel=1e-4)
    directions = flat.axes / flat.axes.norm(dim=1, keepdim=True)
    assert np.abs((directions.numpy() * oracle.components_).sum(1)) == pytest.approx(1, abs=1e-4)
    assert flat.places.std(0) == pytest.approx(0.5, rel=0.01)
    assert torch.allclose(flat.code(0, 0), codes.mean(0), atol=1e-5)
    two, _indices = load("digits", 2).encode(pictures("digits").test)
    whole = plane(two)
    assert whole.share == pytest.approx(1)
    assert (whole.axes[0, 1], whole.axes[1, 0]) == (0, 0)
    right, up = whole.places[5].tolist()
    assert torch.allclose(whole.code(right, up), two[5], atol=1e-4)
