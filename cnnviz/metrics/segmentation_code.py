"""The mIoU lesson's scores as scripts to keep, without cnnviz."""

from collections.abc import Sequence

from cnnviz.metrics.label_maps import VOID, Labels, unpacking


def scores_code(truth: Labels, prediction: Labels, classes: Sequence[str], width: int) -> str:
    """Script that prints the confusion matrix, each class's scores and the means.

    Args:
        truth: labels, 255 where pixels don't count.
        classes: names, by label.
        width: of the boundary, in pixels.
    """
    return f"""import base64
import zlib

import cv2
import numpy as np

classes = {list(classes)!r}
{unpacking("truth", truth)}
{unpacking("prediction", prediction)}

# %% Count pixels: rows the truth, columns the prediction
counted = truth != {VOID}
pairs = truth[counted].astype(int) * len(classes) + prediction[counted]
confusion = np.bincount(pairs, minlength=len(classes) ** 2).reshape(len(classes), -1)
print(confusion)

# %% Scores of each class
def share(part, whole):
    return part / whole if whole else None


def boundary(mask):
    # What {width} erosions take away; the frame counts as outline.
    framed = np.pad(mask.astype(np.uint8), 1)
    inside = cv2.erode(framed, np.ones((3, 3), np.uint8), iterations={width})
    return mask & (inside[1:-1, 1:-1] == 0)


both, true, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
scores = {{"IoU": [], "Dice": [], "accuracy": [], "boundary IoU": []}}
for label in range(len(classes)):
    b, t, p = both[label], true[label], predicted[label]
    scores["IoU"].append(share(b, t + p - b))
    scores["Dice"].append(share(2 * b, t + p))
    scores["accuracy"].append(share(b, t))
    edge = boundary(counted & (truth == label))
    other = boundary(counted & (prediction == label))
    scores["boundary IoU"].append(share((edge & other).sum(), (edge | other).sum()))


def written(value):
    return "undefined" if value is None else f"{{value:.4f}}"


for label, name in enumerate(classes):
    print(name, *(written(column[label]) for column in scores.values()))

# %% Means, of the classes that have a value
for name, column in scores.items():
    there = [value for value in column if value is not None]
    print("mean", name, written(share(sum(there), len(there))))
print("pixel accuracy", written(share(both.sum(), true.sum())))
weighted = sum(t * value for t, value in zip(true, scores["IoU"]) if value is not None)
print("frequency-weighted IoU", written(share(weighted, true.sum())))

# %% As a picture: truth, prediction, and where they differ
from PIL import Image

row = np.hstack([truth * 60, prediction * 60, (counted & (truth != prediction)) * 255])
Image.fromarray(row.astype(np.uint8).repeat(4, axis=0).repeat(4, axis=1))
"""
