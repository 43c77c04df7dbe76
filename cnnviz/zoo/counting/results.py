"""What a count of a network says: numbers only."""

from collections.abc import Iterator
from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True)
class LayerRow:
    """One module with operations or numbers of its own; all figures are for the whole batch.

    Attributes:
        name: its path in the network, as in ``named_modules``; empty for the network itself.
        kind: its class.
        output_shape: of its first output at its first call, batch included; None if it did not run.
        calls: how often it ran; a head that several maps share runs for each.
        weights, biases: parameters of its own, not of modules within.
        buffers: numbers kept but not learned.
        macs: multiply–accumulates.
        inference_bytes: activations alive at once, all over the network, at its fullest moment here.
        training_bytes: activations that it adds to what training keeps.
    """

    name: str
    kind: str
    output_shape: Shape | None
    calls: int
    weights: int
    biases: int
    buffers: int
    macs: int
    inference_bytes: int
    training_bytes: int

    @property
    def parameters(self) -> int:
        return self.weights + self.biases


@dataclass(frozen=True)
class ModuleNode:
    """A module and those within it, with sums over both.

    Attributes:
        name, kind, output_shape: as in :class:`LayerRow`.
        row: what is its own; None where it only holds others.
        children: in the order of the network's definition.
    """

    name: str
    kind: str
    output_shape: Shape | None
    row: LayerRow | None
    children: tuple["ModuleNode", ...]
    parameters: int
    buffers: int
    macs: int
    training_bytes: int

    def walk(self) -> Iterator["ModuleNode"]:
        """This module and all within it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class NetworkCount:
    """A network counted.

    Attributes:
        name: the network's.
        input_shape: (N, C, H, W), or whatever went in.
        output_shapes: of all tensors that came out.
        rows: modules with anything of their own, in the order in which they ran; those that didn't, last.
        tree: the same, module by module.
        weights, biases, buffers: numbers.
        macs: multiply–accumulates for the whole batch.
        inference_bytes: activations alive at once at the fullest moment, the input included.
        training_bytes: activations that training keeps, the input included.
        proposals, detections: boxes an image, for detectors whose heads run once for each; else None.
    """

    name: str
    input_shape: Shape
    output_shapes: tuple[Shape, ...]
    rows: tuple[LayerRow, ...]
    tree: ModuleNode
    weights: int
    biases: int
    buffers: int
    macs: int
    inference_bytes: int
    training_bytes: int
    proposals: int | None = None
    detections: int | None = None

    @property
    def parameters(self) -> int:
        return self.weights + self.biases

    @property
    def flops(self) -> int:
        """Floating-point operations: a product and a sum for every MAC."""
        return 2 * self.macs

    @property
    def parameter_bytes(self) -> int:
        """Of the parameters as 32-bit floats."""
        return 4 * self.parameters
