"""Our own networks' source, to be run without this project."""

from types import ModuleType

import pytest

from cnnviz.zoo import lenet, se_resnet
from cnnviz.zoo.se_resnet_code import ratio_code
from cnnviz.zoo.source import source


@pytest.mark.parametrize(
    ("module", "call", "parameters"),
    [(lenet, "lenet5_modern()", 61_706), (se_resnet, "SEResNet50()", 28_071_976)],
)
def test_source_stands_alone(module: ModuleType, call: str, parameters: int) -> None:
    text = source(module)
    assert "cnnviz" not in text
    names: dict[str, object] = {"__name__": "alone"}
    exec(f"{text}\nwith torch.device('meta'):\n    size = sum(p.numel() for p in {call}.parameters())", names)
    assert names["size"] == parameters


def test_ratio_code(capsys: pytest.CaptureFixture[str]) -> None:
    exec(ratio_code(16, 256, True), {"__name__": "alone"})
    out = capsys.readouterr().out
    assert "one block of 256 channels: 8,464" in out
    assert "all gates: 2,530,992, by the formula 2,514,944 without biases" in out
    assert "SE-ResNet-50: 28,088,024" in out
