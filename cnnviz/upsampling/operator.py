"""What an upsampling operator is, what its settings may be, and the register of all of them."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.errors import SettingError
from cnnviz.messages import N_
from cnnviz.upsampling import operators as package

Maps = NDArray[np.floating[Any]]
"""Feature maps or a picture: (channels, height, width), float32 or float64."""

Kernel = tuple[tuple[float, ...], ...]
"""Weights, row by row."""


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int

    def check(self, name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise SettingError(
                N_("{name} is {value}; it must be a whole number from {low} to {high}"),
                name=name,
                value=value,
                low=self.low,
                high=self.high,
            )


@dataclass(frozen=True)
class Choice:
    """One of several values, in the order in which to offer them."""

    options: tuple[Any, ...]

    def check(self, name: str, value: Any) -> None:
        if value not in self.options:
            raise SettingError(
                N_("{name} is {value}; it must be one of {options}"),
                name=name,
                value=value,
                options=", ".join(map(str, self.options)),
            )


@dataclass(frozen=True)
class Size:
    """(height, width), each from 1 to `high`; or None: the scale factor decides."""

    high: int

    def check(self, name: str, value: Any) -> None:
        if value is not None:
            for side in value:
                Whole(1, self.high).check(name, side)


@dataclass(frozen=True)
class Weights:
    """A kernel of finite numbers, `low` to `high` rows and columns."""

    low: int
    high: int

    def check(self, name: str, value: Any) -> None:
        widths = {len(row) for row in value}
        if len(widths) != 1 or not all(self.low <= side <= self.high for side in (len(value), *widths)):
            raise SettingError(
                N_("{name} must have {low} to {high} rows, all of the same {low} to {high} columns"),
                name=name,
                low=self.low,
                high=self.high,
            )
        if not np.isfinite(np.array(value, float)).all():
            raise SettingError(N_("{name} holds a value that is not a finite number"), name=name)


Range = Whole | Choice | Size | Weights


def setting(default: Any, allowed: Range) -> Any:
    """A field of a :class:`Settings` that may be whatever `allowed` says."""
    return field(default=default, metadata={"range": allowed})


@dataclass(frozen=True)
class Settings:
    """Base of all operators' settings: frozen, hashable, and never out of range.

    Raises:
        SettingError: when made with a value out of its range.
    """

    def __post_init__(self) -> None:
        for name, allowed in self.ranges().items():
            allowed.check(name, getattr(self, name))

    @classmethod
    def ranges(cls) -> dict[str, Range]:
        """What each field may be, in order; a page draws its controls from this."""
        return {each.name: each.metadata["range"] for each in fields(cls)}


S = TypeVar("S", bound=Settings)

Start = Literal["small", "full"]


@dataclass(frozen=True)
class Operator(Generic[S]):
    """One way to make maps larger.

    Attributes:
        id: for links and as a key.
        title: English, marked for translation.
        formula: LaTeX of one channel's output y from its input x; indices from 0.
        call: the name in PyTorch.
        source: where it was published, or documented.
        settings: the class of its settings; without arguments, the defaults.
        apply: our own implementation: (C, H, W) array to (C', H', W') array of the same dtype.
        reference: PyTorch's: (N, C, H, W) tensor to (N, C', H', W') tensor, differentiable.
        code: settings -> lines of PyTorch that make ``y`` of ``x``, (N, C, H, W); they need `torch` and `F`.
        start: what it is given: the small map, or the picture at full size, because it pools by itself
            (max-unpooling needs the indices) or never gets small (dilated convolution).
        helpers: functions of ours that `apply` calls, to be read before it.
    """

    id: str
    title: str
    formula: str
    call: str
    source: str
    settings: type[S]
    apply: Callable[[Maps, S], Maps]
    reference: Callable[[Tensor, S], Tensor]
    code: Callable[[S], str]
    start: Start = "small"
    helpers: tuple[Callable[..., Any], ...] = ()

    @property
    def implementation(self) -> str:
        """Source of :attr:`helpers` and :attr:`apply`, to be read."""
        return "\n\n".join(inspect.getsource(function) for function in (*self.helpers, self.apply))


_REGISTER: dict[str, Operator[Any]] = {}

ORDER = (
    "nearest",
    "bilinear",
    "bicubic",
    "area",
    "bed_of_nails",
    "nearest_unpooling",
    "max_unpooling",
    "transposed",
    "resize_convolve",
    "pixel_shuffle",
    "subpixel",
    "dilated",
)
"""The order of teaching; an operator that isn't named here comes after these."""


def register(operator: Operator[Any]) -> None:
    """Make `operator` known under its id."""
    _REGISTER[operator.id] = operator


def operators() -> dict[str, Operator[Any]]:
    """Every operator by id, in the order of teaching."""
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    rank = {id: place for place, id in enumerate(ORDER)}
    return dict(sorted(_REGISTER.items(), key=lambda item: (rank.get(item[0], len(rank)), item[0])))


def operator(id: str) -> Operator[Any]:
    """The operator called `id`.

    Raises:
        SettingError: there is none.
    """
    known = operators()
    if id not in known:
        raise SettingError(
            N_("there is no upsampling operator called {id}; there are {known}"),
            id=id,
            known=", ".join(known),
        )
    return known[id]
