"""Run every benchmark, or those named: ``python -m benchmarks tweaks startup``."""

import sys
from collections.abc import Callable

from benchmarks import (
    attribution,
    counting,
    engine,
    metrics,
    receptive_field,
    residual,
    startup,
    tweaks,
    upsampling,
)

BENCHMARKS: dict[str, Callable[[], None]] = {
    "startup": startup.main,
    "tweaks": tweaks.main,
    "receptive_field": receptive_field.main,
    "counting": counting.main,
    "metrics": metrics.main,
    "attribution": attribution.main,
    "upsampling": upsampling.main,
    "residual": residual.main,
    "engine": engine.main,
}

for name in sys.argv[1:] or BENCHMARKS:
    print(f"\n{name}", flush=True)
    BENCHMARKS[name]()
