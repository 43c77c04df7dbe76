"""Settings that have a smallest and a largest value."""

from collections.abc import Mapping

from cnnviz.errors import SettingError
from cnnviz.messages import N_


def check_ranges(settings: object, ranges: Mapping[str, tuple[float, float]]) -> None:
    """See that each attribute named in `ranges` lies between its two values, both allowed.

    Raises:
        SettingError: naming the first that doesn't.
    """
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            raise SettingError(
                N_("{setting} is {value}; expected a value from {low} to {high}."),
                setting=name,
                value=value,
                low=low,
                high=high,
            )
