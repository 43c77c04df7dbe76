"""The weights that this repository ships: mostly half precision, in ``assets/weights``, beside their model cards."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from cnnviz.errors import WeightsError
from cnnviz.messages import N_

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "weights"


def load_into(module: nn.Module, name: str, folder: Path = FOLDER) -> None:
    """Fill `module` from ``<name>.safetensors``, as float32.

    Raises:
        WeightsError: the file is missing, damaged, or another network's.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / f"{name}.safetensors"
    try:
        weights = {key: values.float() for key, values in load_file(path).items()}
        module.load_state_dict(weights, strict=False)
        expected = {key for key in module.state_dict() if not key.endswith("num_batches_tracked")}
        if expected != set(weights):
            raise RuntimeError(", ".join(sorted(expected ^ set(weights))))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(
            N_("The weights in {file} cannot be loaded ({reason}); expected those of {name}."),
            file=path.name,
            reason=str(error),
            name=name,
        ) from error


def save(module: nn.Module, name: str, folder: Path = FOLDER, dtype: torch.dtype = torch.float16) -> Path:
    """The weights as `dtype`, without the batch counters that inference has no use for."""
    from safetensors.torch import save_file

    weights = {
        key: values.to(dtype).contiguous()
        for key, values in module.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file(weights, path)
    return path
