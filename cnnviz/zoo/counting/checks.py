"""What can't be counted is refused in a sentence."""

from typing import Any

from cnnviz.errors import CnnvizError, ModelError, SettingError
from cnnviz.messages import N_
from cnnviz.zoo.counting.results import Shape

MAX_SIZE = 16384


def check_sizes(*sizes: int) -> None:
    """Raise SettingError unless every size is from 1 to MAX_SIZE."""
    for size in sizes:
        if not 1 <= size <= MAX_SIZE:
            raise SettingError(
                N_("a size or batch of {size} was asked for; it must be from 1 to {most}"),
                size=size,
                most=MAX_SIZE,
            )


class refusing:
    """Turns what PyTorch and torchvision raise on an impossible input into a ModelError."""

    def __init__(self, name: str, shape: Shape) -> None:
        self.name, self.shape = name, shape

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, CnnvizError) or not isinstance(
            error, RuntimeError | ValueError | AssertionError | IndexError | TypeError
        ):
            return
        if "Output size is too small" in str(error):
            raise ModelError(
                N_(
                    "an input of shape {shape} is too small for {network}: a pooling finds fewer cells than its window has"
                ),
                network=self.name,
                shape=self.shape,
            ) from error
        raise ModelError(
            N_("{network} can't run on an input of shape {shape}: {reason}"),
            network=self.name,
            shape=self.shape,
            reason=error,
        ) from error
