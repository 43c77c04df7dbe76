"""What vouches for a count: PyTorch's own counters, and what is published."""

from collections.abc import Sequence

from cnnviz.proof import Proof
from cnnviz.ui.counting.choose import Chosen, measured_named
from cnnviz.ui.language import _
from cnnviz.zoo.counting import Measured, NetworkCount, Published, published
from cnnviz.zoo.counting.shares import KINDS, Measure, by_kind

DIGITS = 501_000
"""torchvision documents thousandths of GMACs, rounded; so may we differ by half of one."""


def network_proofs(chosen: Chosen, counted: NetworkCount) -> list[Proof]:
    """Parameters, MACs and buffers of a network of the catalogue."""
    said = published(chosen.name, chosen.v1)
    known = (
        chosen.size == said.size[0]
        and chosen.batch == 1
        and (
            said.proposals is None
            or (counted.proposals, counted.detections or 0) == (said.proposals, said.detections)
        )
    )
    macs = said.macs if known else None
    return _proofs(
        counted,
        measured_named(**chosen.arguments()),
        Published(said.parameters, macs, said.source, said.size, traps=said.traps),
    )


def stack_proofs(counted: NetworkCount, measured: Measured, network: str | None) -> list[Proof]:
    """The same of a stack, with the published figures of `network` where it is the same."""
    return _proofs(counted, measured, published(network) if network else None)


def _proofs(counted: NetworkCount, measured: Measured, said: Published | None) -> list[Proof]:
    proofs = [
        Proof(
            _("Parameters"),
            _formula(counted, "parameters"),
            counted.parameters,
            measured=measured.parameters,
            published=said.parameters if said else None,
            source=said.source if said else "",
            why=_reason(said) if said and said.parameters != counted.parameters else "",
        )
    ]
    tolerance = 0.0
    if said and said.macs:
        # torchvision's figure has all its digits; a paper's two or three have been rounded, or cut.
        tolerance = DIGITS / said.macs if said.source.startswith("torchvision") else 0.02
    far = said and said.macs and abs(said.macs - counted.macs) > tolerance * said.macs
    proofs.append(
        Proof(
            _("Multiply–accumulates"),
            _formula(counted, "macs"),
            counted.macs,
            measured=measured.macs,
            published=said.macs if said else None,
            source=said.source if said else "",
            why=_reason(said) if said and far else "",
            tolerance=tolerance,
        )
    )
    if counted.buffers:
        formula = " + ".join(_term(name, value) for name, value in _buffers(counted).items())
        proofs.append(Proof(_("Buffers"), formula, counted.buffers, measured=measured.buffers))
    return proofs


def _reason(said: Published) -> str:
    """The trap that makes our figure another than the published."""
    traps = [trap for trap in said.traps if "GFLOPS" not in trap]
    return _(traps[0]) if traps else _("The published weights come with the switches the other way.")


def _formula(counted: NetworkCount, measure: Measure) -> str:
    sums = by_kind(counted, measure)
    return " + ".join(_term(_(KINDS[kind]), value) for kind, value in sums.items() if value) or "0"


def _buffers(counted: NetworkCount) -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in counted.rows:
        if row.buffers:
            sums[row.kind] = sums.get(row.kind, 0) + row.buffers
    return sums


def _term(name: str, value: int) -> str:
    number = f"{value:,}".replace(",", "{,}")
    return rf"\underset{{\text{{{name.replace('_', ' ')}}}}}{{{number}}}"


def traps_text(traps: Sequence[str]) -> str:
    """The traps as a list in Markdown."""
    return "\n".join(f"- {_(trap)}" for trap in traps)
