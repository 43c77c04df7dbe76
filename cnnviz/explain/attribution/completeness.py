"""Do the attributions of integrated gradients add up to what they explain?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from torch import nn

from cnnviz.explain.attribution.gradients import IntegratedGradients
from cnnviz.explain.attribution.methods import explain
from cnnviz.explain.attribution.picture import Picture
from cnnviz.explain.attribution.results import Attribution

COUNTS = (8, 16, 32, 64, 128)


@dataclass(frozen=True)
class Row:
    """One number of steps.

    Attributes:
        steps: on the way from the baseline.
        sum: of the attributions.
        difference: logit of the photo less logit of the baseline.
    """

    steps: int
    sum: float
    difference: float

    @property
    def delta(self) -> float:
        """What is missing, or too much."""
        return self.sum - self.difference


@dataclass(frozen=True, eq=False)
class Completeness:
    """The rows that are there.

    Attributes:
        rows: in the order asked for.
        done, total: steps of the work.
        last: the attribution of the last row; None before the first.
    """

    rows: tuple[Row, ...]
    done: int
    total: int
    last: Attribution | None = None


def completeness(
    network: nn.Module,
    picture: Picture,
    target: int,
    settings: IntegratedGradients,
    counts: Sequence[int] = COUNTS,
) -> Iterator[Completeness]:
    r"""Integrate with ever more steps; a yield for each batch.

    Sundararajan, Taly & Yan 2017 (arXiv 1703.01365), proposition 1: :math:`\sum_i a_i = S(x) - S(x')`, for the
    integral; the sum over steps comes near it.

    Args:
        settings: gives the baseline.
        counts: of steps.

    Raises:
        ModelError, SettingError: as :func:`cnnviz.explain.attribution.methods.explain`.
    """
    rows: list[Row] = []
    last, before = None, 0
    for steps in counts:
        for found in explain(network, picture, target, replace(settings, steps=steps)):
            if found.finished:
                assert found.score is not None
                assert found.baseline_score is not None
                rows.append(Row(steps, found.sum, found.score - found.baseline_score))
                last = found
            yield Completeness(tuple(rows), before + found.done, sum(counts), last)
        before += steps
