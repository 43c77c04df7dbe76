import numpy as np

from cnnviz.figures.bottleneck import UNREAD, board, read_picture


def test_what_is_read_most_is_brightest_and_the_rest_is_dark():
    photo = np.full((2, 3, 3), 240, np.uint8)
    picture = read_picture(photo, np.array([[4, 2, 0], [1, 0, 4]]), zoom=3)
    assert picture.shape == (6, 9, 3)
    cells = picture[::3, ::3]
    assert (cells[0, 0] == 240).all()
    assert (cells[1, 2] == 240).all()
    assert 0 < cells[1, 0, 0] < cells[0, 1, 0] < 240
    assert (cells[0, 2] == UNREAD).all()
    assert (picture[:3, :3] == 240).all(), "a cell is one square"


def test_a_board_shows_the_first_maps_to_one_scale():
    maps = np.stack([np.full((4, 4), value) for value in (0.5, 1.0, -1.0)])
    whole = board(maps, most=2, columns=2, side=8)
    assert whole.shape == (12, 24, 3)
    assert (whole[6, 6] != whole[6, 18]).any()
    assert board(maps, most=3, columns=2, side=8).shape == (24, 24, 3)
    # Zero is white where there are both signs.
    assert (board(np.stack([maps[2], 0 * maps[0]]), 2, 2, 8)[6, 18] > 240).all()
