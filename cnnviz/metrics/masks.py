"""Masks as run lengths: what COCO's files hold, and how masks overlap without being unpacked.

A mask is read down its columns, from the left; the run lengths count zeros and ones in turn, zeros first.
Its foreground is then a list of stretches [start, stop) on a line, and overlap is overlap of stretches.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.metrics import boxes
from cnnviz.metrics.data import Flags, Floats, Indices, Rle

UPSAMPLED = 5
"""COCO draws the outline of a polygon on a grid this many times as fine as the pixels."""

FARTHEST = 100_000
"""Pixels; an outline is walked in fifths of a pixel, so that a corner farther out is refused."""

AT_ONCE = 500_000
"""So many stretches are compared at once: a bound on memory."""


def from_counts(counts: ArrayLike, size: tuple[int, int]) -> Rle:
    """The mask of `size` (height, width) with these run lengths, checked.

    Raises:
        SettingError: a run is negative, or they don't add up to the mask's pixels.
    """
    runs = np.asarray(counts, np.int64)
    if (runs < 0).any():
        raise SettingError(
            N_("the runs of a mask cannot be negative; run {index} is {run}"),
            index=int(np.argmax(runs < 0)),
            run=int(runs[runs < 0][0]),
        )
    height, width = size
    if runs.sum() != height * width:
        raise SettingError(
            N_(
                "the runs of a mask of {height}×{width} must add up to {pixels} pixels; they add up to {total}"
            ),
            height=height,
            width=width,
            pixels=height * width,
            total=int(runs.sum()),
        )
    return Rle((height, width), runs.astype(np.uint32))


def _from_changes(changes: Indices, size: tuple[int, int]) -> Rle:
    """The mask whose value changes at each of these positions; equal ones cancel in pairs."""
    positions, times = np.unique(changes, return_counts=True)
    end = size[0] * size[1]
    positions = positions[(times % 2 == 1) & (positions < end)]
    return Rle(size, np.diff(positions, prepend=0, append=end).astype(np.uint32))


def encode(mask: NDArray[np.bool_]) -> Rle:
    """(H, W) mask to run lengths.

    >>> encode(np.array([[0, 1, 1], [0, 0, 1]], bool)).counts.tolist()
    [2, 1, 1, 2]
    """
    height, width = mask.shape
    line = np.asarray(mask, bool).ravel(order="F")
    return _from_changes(np.flatnonzero(np.diff(line, prepend=False)), (height, width))


def decode(rle: Rle) -> NDArray[np.bool_]:
    """Run lengths to the mask, (H, W)."""
    values = np.arange(len(rle.counts)) % 2 == 1
    return np.repeat(values, rle.counts).reshape(rle.size, order="F")


def from_string(text: str | bytes, size: tuple[int, int]) -> Rle:
    """Read COCO's compressed run lengths of a mask of `size` (height, width).

    A number is written in digits of 5 bits, the lowest first, each as the character 48 + digit, and 32 more
    where another digit follows; the highest bit of the last one is the sign. From the fourth number on,
    what is written is the difference to the run two before.

    Raises:
        SettingError: a character that cannot be there, an unfinished number, or as :func:`from_counts`.

    >>> from_string("2111", (2, 3)).counts.tolist()
    [2, 1, 1, 2]
    """
    raw = text if isinstance(text, bytes) else text.encode("utf-8")
    codes = np.frombuffer(raw, np.uint8).astype(np.int64) - 48
    if ((codes < 0) | (codes > 63)).any():
        wrong = int(np.argmax((codes < 0) | (codes > 63)))
        raise SettingError(
            N_("a compressed mask is written in the characters from '0' to 'o'; byte {index} is {byte}"),
            index=wrong,
            byte=raw[wrong],
        )
    if not len(codes):
        return from_counts([], size)
    last = np.flatnonzero(codes < 32)
    first = np.concatenate(([0], last[:-1] + 1)) if len(last) else np.zeros(1, np.int64)
    if not len(last) or last[-1] != len(codes) - 1 or (last - first).max() > 11:
        raise SettingError(N_("a compressed mask ends within a number, or holds one too long to be a run"))
    digits = last - first + 1
    place = 5 * (np.arange(len(codes)) - np.repeat(first, digits))
    numbers = np.add.reduceat((codes & 31) << place, first)
    numbers -= np.where(codes[last] & 16, 1 << (5 * digits), 0)
    numbers[1::2] = numbers[1::2].cumsum()
    numbers[2::2] = numbers[2::2].cumsum()
    return from_counts(numbers, size)


def to_string(rle: Rle) -> str:
    """Write COCO's compressed run lengths; the other way round: :func:`from_string`."""
    runs = [int(count) for count in rle.counts]
    characters = []
    for index, run in enumerate(runs):
        rest = run - runs[index - 2] if index > 2 else run
        more = True
        while more:
            digit, rest = rest & 31, rest >> 5
            more = rest != (-1 if digit & 16 else 0)
            characters.append(chr(48 + digit + 32 * more))
    return "".join(characters)


def from_polygon(polygon: ArrayLike, size: tuple[int, int]) -> Rle:
    """The mask of `size` (height, width) within a polygon x0, y0, x1, y1, …, in pixels, as COCO draws it.

    The outline is drawn between corners rounded to a fifth of a pixel. Where it steps sideways across
    the middle of a pixel column, the column changes between outside and inside: that is all a mask
    read down its columns needs.

    Raises:
        SettingError: fewer than three corners, an odd number of values, or one that isn't finite or too far.

    >>> decode(from_polygon([1, 0, 3, 0, 3, 2, 1, 2], (3, 4))).astype(int)
    array([[0, 1, 1, 0],
           [0, 1, 1, 0],
           [0, 0, 0, 0]])
    """
    values = np.asarray(polygon, np.float64)
    if values.ndim != 1 or values.size < 6 or values.size % 2 or not np.isfinite(values).all():
        raise SettingError(
            N_(
                "a polygon is a list of at least three corners, x and y in turn, all finite; this has {values} values"
            ),
            values=values.size,
        )
    if np.abs(values).max() > FARTHEST:
        raise SettingError(
            N_("a polygon may reach {farthest} pixels from the corner; this has a coordinate of {value}"),
            farthest=FARTHEST,
            value=float(values[np.abs(values).argmax()]),
        )
    height, width = size
    # Conversion to an integer cuts the fraction off, towards 0 for negative values too, as in C.
    corners = (UPSAMPLED * values.reshape(-1, 2) + 0.5).astype(np.int64)
    sides = np.roll(corners, -1, axis=0) - corners
    length = np.abs(sides).max(axis=1)
    flat = np.abs(sides[:, 0]) >= np.abs(sides[:, 1])
    along = np.where(flat, sides[:, 0], sides[:, 1])
    # Each side is walked in the direction of its own, but rounded as seen from its lower end.
    origin = np.where((along < 0)[:, None], corners + sides, corners)
    across = np.where(flat, sides[:, 1], sides[:, 0]) * np.sign(along)
    slope = across / np.maximum(length, 1)

    side = np.repeat(np.arange(len(sides)), length + 1)
    step = np.arange(len(side)) - np.repeat(np.cumsum(length + 1) - length - 1, length + 1)
    step = np.where(along[side] < 0, length[side] - step, step)
    origin, flat, slope = origin[side], flat[side], slope[side]
    x = np.where(flat, origin[:, 0] + step, (origin[:, 0] + slope * step + 0.5).astype(np.int64))
    y = np.where(flat, (origin[:, 1] + slope * step + 0.5).astype(np.int64), origin[:, 1] + step)

    moved = np.flatnonzero(np.diff(x))
    left = np.minimum(x[moved], x[moved + 1])
    low = np.minimum(y[moved], y[moved + 1])
    column = (left + 0.5) / UPSAMPLED - 0.5
    row = np.ceil(np.clip((low + 0.5) / UPSAMPLED - 0.5, 0, height))
    kept = (column == np.floor(column)) & (column >= 0) & (column <= width - 1)
    return _from_changes((column[kept] * height + row[kept]).astype(np.int64), (height, width))


def union(masks: Sequence[Rle]) -> Rle:
    """The mask that covers what any of them covers; one at least, all of one size."""
    stretches = _stretches(masks)
    changes = np.concatenate((stretches.start, stretches.stop))
    step = np.repeat((1, -1), len(stretches.start))
    order = np.argsort(changes, kind="stable")
    changes, depth = changes[order], step[order].cumsum()
    # Several changes in one place: the last tells how many masks cover what follows.
    last = np.append(changes[1:] != changes[:-1], True)[: len(changes)]
    covered = depth[last] > 0
    return _from_changes(changes[last][np.diff(covered, prepend=False)], masks[0].size)


def from_polygons(polygons: Sequence[ArrayLike], size: tuple[int, int]) -> Rle:
    """The union of polygons, as COCO stores one object in several parts; see :func:`from_polygon`."""
    parts = [from_polygon(polygon, size) for polygon in polygons]
    return union(parts) if parts else from_counts([size[0] * size[1]], size)


@dataclass(frozen=True)
class _Stretches:
    """The foreground of N masks: stretches [start, stop), those of mask i from first[i] to first[i + 1]."""

    start: Indices
    stop: Indices
    first: Indices
    sizes: Indices

    @property
    def areas(self) -> Floats:
        before = np.concatenate(([0], (self.stop - self.start).cumsum()))
        return np.diff(before[self.first]).astype(np.float64)

    @property
    def boxes(self) -> Floats:
        """(N, 4) xyxy; an empty mask has a box of zeros."""
        result = np.zeros((len(self.sizes), 4))
        some = np.diff(self.first) > 0
        if not some.any():
            return result
        first, final = self.first[:-1][some], self.first[1:][some] - 1
        height = np.repeat(self.sizes[:, 0], np.diff(self.first))
        column, end = self.start // height, (self.stop - 1) // height
        # A stretch that goes on in the next column touches the bottom of one and the top of the other.
        top = np.where(column == end, self.start % height, 0)
        bottom = np.where(column == end, (self.stop - 1) % height + 1, height)
        result[some] = np.stack(
            (
                column[first],
                np.minimum.reduceat(top, first),
                end[final] + 1,
                np.maximum.reduceat(bottom, first),
            ),
            axis=1,
        )
        return result


def _stretches(masks: Sequence[Rle]) -> _Stretches:
    # All runs of all masks at once; the uneven ones of each mask are its foreground.
    many = np.array([len(mask.counts) for mask in masks], np.int64)
    runs = np.concatenate([np.empty(0, np.int64), *(mask.counts for mask in masks)])
    begin = many.cumsum() - many
    stop = runs.cumsum()
    before = np.concatenate(([0], stop))
    there = ((np.arange(len(runs)) - np.repeat(begin, many)) % 2 == 1) & (runs > 0)
    stop -= np.repeat(before[begin], many)
    first = np.concatenate(([0], there.cumsum()))[np.append(begin, len(runs))]
    sizes = np.array([mask.size for mask in masks], np.int64).reshape(-1, 2)
    return _Stretches((stop - runs)[there], stop[there], first, sizes)


def area(rle: Rle) -> int:
    """The foreground's pixels."""
    return int(rle.counts[1::2].sum(dtype=np.int64))


def bounding_box(rle: Rle) -> Floats:
    """The smallest box around the foreground, (4,) xyxy in pixels; zeros where there is none."""
    return _stretches([rle]).boxes[0]


def pair_iou(
    masks: Sequence[Rle], others: Sequence[Rle], one: Indices, other: Indices, *, crowd: Flags | None = None
) -> Floats:
    """IoU of the P pairs masks[one[p]] and others[other[p]]: (P,), 0 … 1.

    Args:
        crowd: which of the others mark a crowd; there the union is the first mask alone.

    Raises:
        SettingError: the masks of a pair are of different sizes.
    """
    mine, theirs = _stretches(masks), _stretches(others)
    differs = (mine.sizes[one] != theirs.sizes[other]).any(axis=1)
    if differs.any():
        pair = int(np.argmax(differs))
        raise SettingError(
            N_("masks can be compared where they are of one size; these are {size} and {other}"),
            size="×".join(map(str, mine.sizes[one[pair]])),
            other="×".join(map(str, theirs.sizes[other[pair]])),
        )
    common = np.zeros(len(one))
    near = np.flatnonzero(boxes.intersection(mine.boxes[one], theirs.boxes[other]) > 0)
    # The other masks lie one behind the other on one long line. `covered` counts the foreground before
    # each place where it begins or ends; between those it grows by 1 a pixel, or not at all.
    room = int(max(theirs.sizes.prod(axis=1), default=0)) + 1
    shift = np.repeat(np.arange(len(theirs.sizes)) * room, np.diff(theirs.first))
    places = np.stack((theirs.start + shift, theirs.stop + shift), axis=1).ravel()
    lengths = (theirs.stop - theirs.start).cumsum()
    covered = np.stack((lengths - (theirs.stop - theirs.start), lengths), axis=1).ravel()

    many = np.diff(mine.first)[one[near]]
    batches = np.searchsorted(many.cumsum(), np.arange(AT_ONCE, many.sum(), AT_ONCE))
    for pairs, counts in zip(np.split(near, batches), np.split(many, batches), strict=True):
        if not len(pairs):
            continue
        begins = counts.cumsum() - counts
        which = np.repeat(mine.first[one[pairs]] - begins, counts) + np.arange(counts.sum())
        offset = np.repeat(other[pairs] * room, counts)
        # All whole numbers below 2⁵³ on slopes of 0 and 1: the interpolation is exact.
        inside = np.interp(mine.stop[which] + offset, places, covered)
        inside -= np.interp(mine.start[which] + offset, places, covered)
        common[pairs] = np.add.reduceat(inside, begins)

    of_others = None if crowd is None else crowd[other]
    return boxes.ratio(common, mine.areas[one], theirs.areas[other], of_others)


def iou_matrix(masks: Sequence[Rle], others: Sequence[Rle], *, crowd: Flags | None = None) -> Floats:
    """IoU of each of N masks with each of M others: (N, M); as :func:`pair_iou`."""
    one, other = np.indices((len(masks), len(others))).reshape(2, -1)
    return pair_iou(masks, others, one, other, crowd=crowd).reshape(len(masks), len(others))
