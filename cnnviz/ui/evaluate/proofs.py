"""Proofs of the evaluation: COCO's figures by arrays, against matching one detection at a time."""

from collections.abc import Mapping

from cnnviz.metrics.coco import CocoResult
from cnnviz.proof import Proof
from cnnviz.ui.detections import Picked
from cnnviz.ui.evaluate import data
from cnnviz.ui.evaluate.tables import kind_names
from cnnviz.ui.language import _


def proofs(picked: Picked, results: Mapping[str, CocoResult]) -> list[Proof]:
    """AP and AP50 of each kind; none for a large set, or where they are undefined."""
    shown = []
    for kind, result in results.items():
        second = [value for value in data.measured(picked, kind) if value is not None]
        figures = result.figures
        if not second or figures["AP"] is None or figures["AP50"] is None:
            continue
        by = f" ({kind_names()[kind]})" if len(results) > 1 else ""
        terms = [result.ap(iou=iou) for iou in (0.5, 0.55, 0.95)]
        first, after, last = (f"{term:.4f}" for term in terms)
        shown.append(
            Proof(
                "AP" + by,
                rf"\frac{{1}}{{10}}\,({first} + {after} + \dots + {last})",
                figures["AP"],
                measured=sum(second) / len(second),
                tolerance=1e-9,
                why=_(
                    "Measured: matched one detection at a time, and each area taken from the outcomes alone."
                ),
            )
        )
        defined = [
            value
            for value in (result.ap(iou=0.5, category=k) for k in range(len(picked.data.categories)))
            if value is not None
        ]
        terms_50 = " + ".join(f"{value:.4f}" for value in defined[:4]) + (
            r" + \dots" if len(defined) > 4 else ""
        )
        shown.append(
            Proof(
                "AP50" + by,
                rf"\frac{{1}}{{{len(defined)}}}\,({terms_50})",
                figures["AP50"],
                measured=second[0],
                tolerance=1e-9,
            )
        )
    return shown
