"""Average precision as a script to keep, in plain numpy."""

from collections.abc import Mapping, Sequence

from cnnviz.metrics.matching import AreaRange, Convention
from cnnviz.metrics.matching_code import matching_code

_AREA = '''
# %% The curve, and the area under it
def average_precision(steps, counting, how="{how}"):
    """None where no ground truth counts."""
    if not counting:
        return None
    sums = [(tp, fp) for score, overlap, outcome, tp, fp, fn in steps if outcome != "ignored"]
    tp, fp = np.array(sums, float).reshape(-1, 2).T
    recall, precision = tp / counting, tp / (tp + fp)
    # Interpolated: the greatest precision at this recall or beyond.
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    if how == "all":
        return float((np.diff(recall, prepend=0) * envelope).sum())
    recalls = np.linspace(0, 1, int(how))
    return float(np.append(envelope, 0)[np.searchsorted(recall, recalls)].mean())

def said(value):
    return "undefined" if value is None else f"{{value:.4f}}"
'''


def area_code(data: str, convention: Convention, category: int, area_range: AreaRange | None) -> str:
    """Script that prints the AP of a class, taken in all three ways."""
    return (
        matching_code(data, convention, area_range)
        + _AREA.format(how=convention.interpolation)
        + f"""
# %%
for how in ("all", "11", "101"):
    print(f"AP, {{how}} points: {{said(average_precision(*match(categories[{category}]), how))}}")
"""
    )


def classes_code(data: str, convention: Convention, area_range: AreaRange | None) -> str:
    """Script that prints the AP of every class, and their mean."""
    return (
        matching_code(data, convention, area_range)
        + _AREA.format(how=convention.interpolation)
        + """
# %% Every class, and the mean over those that have a ground truth
values = [average_precision(*match(category)) for category in categories]
for category, value in zip(categories, values):
    print(f"{category}: {said(value)}")
defined = [value for value in values if value is not None]
print(f"mean: {said(np.mean(defined) if defined else None)}")
"""
    )


def ranges_code(
    data: str,
    convention: Convention,
    category: int,
    ranges: Mapping[str, AreaRange | None],
    limits: Sequence[int | None],
) -> str:
    """Script that prints the AP of a class by size range, and by limit of detections an image."""
    bounds = "".join(
        f'    "{name}": ({span[0]!r}, {span[1]!r}),\n' if span else f'    "{name}": (-inf, inf),\n'
        for name, span in ranges.items()
    )
    return (
        matching_code(data, convention)
        + _AREA.format(how=convention.interpolation)
        + f"""
# %% By size, in square pixels
category = categories[{category}]
for name, (smallest, largest) in {{
{bounds}}}.items():
    steps, counting = match(category)
    print(f"{{name}}: {{counting}} ground truths, AP {{said(average_precision(steps, counting))}}")

# %% By the limit of detections an image
smallest, largest = -inf, inf
for max_detections in {list(limits)!r}:
    steps, counting = match(category)
    print(f"{{max_detections}}: {{len(steps)}} detections, AP {{said(average_precision(steps, counting))}}")
"""
    )


def thresholds_code(data: str, convention: Convention, category: int) -> str:
    """Script that prints the AP of a class at ten IoU thresholds, and the mean."""
    return (
        matching_code(data, convention)
        + _AREA.format(how=convention.interpolation)
        + f"""
# %% Ten thresholds
values = []
for threshold in np.linspace(0.5, 0.95, 10):
    values.append(average_precision(*match(categories[{category}], threshold)))
    print(f"AP{{100 * threshold:.0f}}: {{said(values[-1])}}")
print(f"AP: {{said(None if None in values else np.mean(values))}}")
"""
    )
