"""Small pictures, kernel banks, overlays, and patches of photos."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnviz.errors import SettingError
from cnnviz.layers.convolution import PADDING_MODES, ConvolutionSettings, run
from cnnviz.layers.grids import PICTURES, RANDOM, bank, bank_ids, biases, overlay, patch, picture
from cnnviz.layers.kernels import PRESETS, preset


@pytest.mark.parametrize("id", PICTURES)
@pytest.mark.parametrize("size", [(3, 3), (3, 12), (12, 3), (6, 6), (12, 12)])
def test_pictures_fit_every_size(id: str, size: tuple[int, int]) -> None:
    channels = picture(id, 4, *size, seed=3)
    assert channels.shape == (4, *size)
    assert np.isfinite(channels).all()
    assert np.ptp(channels[0]) > 0, "a flat picture shows nothing"
    if id != RANDOM:
        assert channels[1].tolist() == channels[0][:, ::-1].tolist()
        assert channels[3].tolist() == channels[0][::-1, ::-1].tolist()


@pytest.mark.parametrize("size", [4, 5, 6, 9, 12])
def test_the_letter_changes_when_it_is_turned_or_mirrored(size: int) -> None:
    letter = picture("letter", 1, size, size)[0]
    views = {np.rot90(side, turns).tobytes() for side in (letter, letter.T) for turns in range(4)}
    assert len(views) == 8


def test_random_ones_follow_their_seed() -> None:
    settings = ConvolutionSettings(out_channels=2)
    assert picture(RANDOM, 1, 5, 5, seed=1).tolist() == picture(RANDOM, 1, 5, 5, seed=1).tolist()
    assert picture(RANDOM, 1, 5, 5, seed=1).tolist() != picture(RANDOM, 1, 5, 5, seed=2).tolist()
    assert bank(RANDOM, settings, seed=1).tolist() != bank(RANDOM, settings, seed=2).tolist()
    assert set(bank(RANDOM, ConvolutionSettings((7, 7)), seed=0).ravel()) == {-2, -1, 0, 1, 2}


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SettingError, match="there is no picture 'mona-lisa'"):
        picture("mona-lisa", 1, 3, 3)
    with pytest.raises(SettingError, match="there is no kernel 'sobel'"):
        bank("sobel", ConvolutionSettings())
    with pytest.raises(SettingError, match="odd sides"):
        bank("sobel-x", ConvolutionSettings((4, 3)))


def test_bank_follows_the_teaching_order() -> None:
    settings = ConvolutionSettings((3, 3), in_channels=4, out_channels=4, groups=2)
    weight = bank("sharpen", settings)
    assert weight.shape == (4, 2, 3, 3)
    assert bank_ids("sharpen", 4, 3, 3) == ("sharpen", "emboss", "identity", "box")
    for output, id in enumerate(bank_ids("sharpen", 4, 3, 3)):
        for inputs in range(2):
            assert weight[output, inputs].tolist() == preset(id, 3, 3).tolist()
    # Even sizes have only the kernels that need no middle.
    assert bank_ids("gaussian", 4, 2, 2) == ("gaussian", "identity", "box", "gaussian")
    assert all(PRESETS[id].fits(2, 2) for id in bank_ids("gaussian", 4, 2, 2))


def test_overlay_keeps_what_both_reach() -> None:
    base = np.full((2, 2, 3), 7.0)
    assert overlay(base, [[[1, 2]]]).tolist() == [[[1, 2, 7], [7, 7, 7]], [[7, 7, 7], [7, 7, 7]]]
    assert overlay(base, np.zeros((5, 5, 5))).tolist() == np.zeros((2, 2, 3)).tolist()
    assert base.min() == 7, "the base stays as it is"


def test_biases() -> None:
    assert biases(4).tolist() == [1, -1, 2, -2]


@given(
    kernel=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
    padding=st.integers(0, 6),
    mode=st.sampled_from([*PADDING_MODES]),
    position=st.tuples(st.integers(0, 29), st.integers(0, 23)),
)
def test_a_patch_gives_the_photos_own_output(
    kernel: tuple[int, int],
    stride: int,
    dilation: int,
    padding: int,
    mode: str,
    position: tuple[int, int],
) -> None:
    """A layer without padding on the patch computes what the whole layer computes there."""
    rng = np.random.default_rng(0)
    photo, weight = rng.normal(size=(2, 30, 24)), rng.normal(size=(1, 2, *kernel))
    settings = ConvolutionSettings(kernel, stride, padding, mode, dilation, in_channels=2)  # type: ignore[arg-type]
    whole = run(photo, weight, settings).output
    cut = patch(photo, settings, position)
    alone = ConvolutionSettings(kernel, stride, 0, "zeros", dilation, in_channels=2)
    part = run(cut.values, weight, alone).output
    (row, column), (rows, columns) = cut.first, cut.cells
    np.testing.assert_allclose(part[0], whole[0, row : row + rows, column : column + columns], atol=1e-9)
    top, left, bottom, right = cut.box
    assert (bottom - top, right - left) == cut.values.shape[1:]
    # The pixel asked for lies in the patch, unless the border or a wide stride keeps the windows away.
    if 8 <= position[0] < 20 and 8 <= position[1] < 16 and stride == dilation == 1:
        assert top <= position[0] < bottom
        assert left <= position[1] < right


def test_a_patch_of_a_photo_too_small() -> None:
    with pytest.raises(SettingError, match="the kernel spans 5 pixels"):
        patch(np.zeros((1, 4, 9)), ConvolutionSettings((5, 5)), (0, 0))
