"""The classes of PASCAL VOC, in the order of every VOC model's logits.

Everingham et al., 'The PASCAL Visual Object Classes (VOC) Challenge', IJCV 2010. Torchvision's
segmentation weights have the same 21 in the same order.
"""

from cnnviz.messages import N_

BACKGROUND = N_("background")
OBJECTS = (
    N_("aeroplane"), N_("bicycle"), N_("bird"), N_("boat"), N_("bottle"), N_("bus"), N_("car"), N_("cat"),
    N_("chair"), N_("cow"), N_("dining table"), N_("dog"), N_("horse"), N_("motorbike"), N_("person"),
    N_("potted plant"), N_("sheep"), N_("sofa"), N_("train"), N_("TV monitor"),
)  # fmt: skip
"""The 20 classes of objects: a detector's class 0 is the aeroplane."""

CLASSES = (BACKGROUND, *OBJECTS)
"""The 21 classes of pixels: a segmenter's class 0 is the background."""

VOID = 255
"""The label of pixels that don't count: outlines in VOC's masks, doubtful regions in ours."""


def _colour(label: int) -> tuple[int, int, int]:
    channels = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            channels[channel] |= (label >> (3 * bit + channel) & 1) << (7 - bit)
    return channels[0], channels[1], channels[2]


COLOURS = tuple(_colour(label) for label in range(len(CLASSES)))
"""VOC's colour of each class, (R, G, B): the bits of the label, dealt to the three channels in turn.

>>> COLOURS[0], COLOURS[1], COLOURS[15]
((0, 0, 0), (128, 0, 0), (192, 128, 128))
"""
