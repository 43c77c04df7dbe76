"""The app, but SSDlite's weights come from `CNNVIZ_WEIGHTS`, and segmentation waits while the file `CNNVIZ_SLOW` is there."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st
import torchvision
from torch import Tensor

from cnnviz.engine.runner import Prepared
from cnnviz.engine.segmenters import OwnRunner, OwnSegmenter
from cnnviz.ui import frame, warmup

ID = "ssdlite320_mobilenet_v3_large"


def slow(self: OwnSegmenter, x: Tensor, prepared: Sequence[Prepared]) -> Any:
    while Path(os.environ["CNNVIZ_SLOW"]).exists():
        time.sleep(0.05)
    return OwnRunner.network(self, x, prepared)


torchvision.models.get_model_weights(ID).DEFAULT.value.url = os.environ["CNNVIZ_WEIGHTS"]
OwnSegmenter.network = slow  # type: ignore[method-assign]

app = st.App(__file__, lifespan=warmup.lifespan)

if __name__ == "__main__":
    frame.draw()
