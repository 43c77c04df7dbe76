"""Boxes and masks drawn into photos: results to pixels."""

import numpy as np

from cnnviz.figures.detection import annotate, colour, css_colour, mask_over

GREY = np.full((200, 300, 3), 128, np.uint8)


def test_boxes_are_outlined_in_the_class_s_colour() -> None:
    boxes = np.array([[100.0, 80.0, 200.0, 160.0]])
    picture = annotate(GREY, boxes, [7], ["cat 90 %"])
    line = colour(7)
    for row, column in ((80, 199), (160 - 1, 150), (120, 100), (120, 199)):
        assert tuple(picture[row, column].tolist()) == line
    assert (picture[100:140, 120:180] == 128).all(), "nothing inside"
    assert (picture[:, 240:] == 128).all()
    chip = picture[60:80, 100:150]
    assert (chip == 20).all(2).sum() > 200, "dark ground"
    assert (chip > 200).all(2).sum() > 20, "light letters"


def test_the_best_box_lies_uppermost() -> None:
    boxes = np.array([[50.0, 80.0, 150.0, 160.0], [50.0, 80.0, 150.0, 160.0]])
    assert tuple(annotate(GREY, boxes, [3, 7], ["", ""])[120, 50].tolist()) == colour(3)


def test_boxes_at_the_edge_and_without_size_are_drawn() -> None:
    boxes = np.array([[0.0, 0.0, 300.0, 200.0], [10.0, 10.0, 10.0, 10.0], [290.0, 0.0, 300.0, 5.0]])
    picture = annotate(GREY, boxes, [1, 2, 3], ["person 100 %"] * 3)
    assert picture.shape == GREY.shape
    assert tuple(picture[199, 150].tolist()) == colour(1)
    chip = (picture[:, 200:] == 20).all(2)
    assert chip.any(), "a chip at the right side is moved inside"


def test_no_text_no_chip() -> None:
    picture = annotate(GREY, np.array([[100.0, 80.0, 200.0, 160.0]]), [7], [""])
    assert not (picture == 20).all(2).any()
    assert (annotate(GREY, np.zeros((0, 4)), [], []) == GREY).all()


def test_masks_are_mixed_in_and_the_first_lies_uppermost() -> None:
    masks = np.zeros((2, 200, 300), np.float32)
    masks[0, 50:100, 50:100] = 0.9
    masks[1, 50:150, 50:150] = 0.6
    masks[1, 150:, 150:] = 0.4
    picture = mask_over(GREY, masks, [2, 5])
    np.testing.assert_array_equal(picture[60, 60], np.rint(0.5 * np.array(colour(2)) + 64))
    np.testing.assert_array_equal(picture[120, 120], np.rint(0.5 * np.array(colour(5)) + 64))
    assert (picture[150:, 150:] == 128).all()
    assert (GREY == 128).all(), "the photo itself is left alone"


def test_neighbouring_classes_differ() -> None:
    assert len({css_colour(label) for label in range(20)}) == 20
    assert colour(1) == colour(21)
