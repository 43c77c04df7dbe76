"""Numbers proved on the spot: the formula's value, what PyTorch measures, and what was published."""

import math
from dataclasses import dataclass

Value = int | float | str | tuple[int, ...]


def agree(first: Value, second: Value, tolerance: float = 0.0) -> bool:
    """Whether two values are the same: exactly, or numbers within a relative `tolerance`.

    >>> agree(5, 5), agree(2.582, 2.5820, 1e-3), agree((4, 4), (4, 5))
    (True, True, False)
    """
    if isinstance(first, (int, float)) and isinstance(second, (int, float)):
        return math.isclose(first, second, rel_tol=tolerance, abs_tol=0.0)
    return first == second


@dataclass(frozen=True)
class Proof:
    """One number of a lesson, with everything that vouches for it.

    Attributes:
        name: what the number is, in the reader's language.
        formula: LaTeX, with today's values substituted (without the result).
        computed: what the formula gives.
        measured: what PyTorch gives on the spot; None where nothing can be measured.
        published: the value in the literature for exactly this case, if there is one.
        source: where it is published.
        why: in the reader's language, why values differ, where they are known to.
        tolerance: relative difference that still counts as agreement.
    """

    name: str
    formula: str
    computed: Value
    measured: Value | None = None
    published: Value | None = None
    source: str = ""
    why: str = ""
    tolerance: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether every value that is there equals the computed one."""
        others = [value for value in (self.measured, self.published) if value is not None]
        return bool(others) and all(agree(self.computed, value, self.tolerance) for value in others)
