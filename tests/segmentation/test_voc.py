"""The classes' names and colours, against torchvision's and the development kit's."""

import torchvision.models.segmentation as segmentation

from cnnviz.segmentation.voc import CLASSES, COLOURS, OBJECTS


def test_classes_are_torchvision_s() -> None:
    theirs = segmentation.FCN_ResNet50_Weights.DEFAULT.meta["categories"]
    spelled = {"dining table": "diningtable", "potted plant": "pottedplant", "TV monitor": "tvmonitor"}
    ours = [spelled.get(name, name) for name in CLASSES]
    assert (
        ours == ["__background__" if name == "background" else name for name in theirs]
        or ours[1:] == theirs[1:]
    )
    assert CLASSES[1:] == OBJECTS


def test_colours() -> None:
    """The first, a middle and the last of VOClabelcolormap in the VOC2012 development kit."""
    assert COLOURS[:4] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
    assert COLOURS[8] == (64, 0, 0)
    assert COLOURS[15] == (192, 128, 128)
    assert COLOURS[20] == (0, 64, 128)
    assert len(set(COLOURS)) == 21
