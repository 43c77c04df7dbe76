"""Every method against the bare captum call that gives the same map, on EfficientNet-Lite0 and one photo.

Occlusion and SmoothGrad yield their progress here and not there; integrated gradients also give the delta, on
both sides. Guided Grad-CAM needs the wrapper for ReLU6 on both sides. captum gets the batch size that ours comes to, and the layer's name is given to both. Processor time of
one thread, in turn.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from captum import attr
from torch import nn

from cnnviz import samples
from cnnviz.engine.local import DEFAULT, shared_engine
from cnnviz.explain.attribution.grad_cam import GradCam, GuidedGradCam, Rectified
from cnnviz.explain.attribution.gradients import (
    InputXGradient,
    IntegratedGradients,
    Saliency,
    SmoothGrad,
    own,
)
from cnnviz.explain.attribution.methods import explain
from cnnviz.explain.attribution.occlusion import Occlusion
from cnnviz.explain.attribution.picture import picture
from cnnviz.explain.attribution.results import Settings
from cnnviz.explain.attribution.sharing import batch_size
from cnnviz.zoo.card import network as card

TARGET, LAYER, AIM = 281, "stages.head", 1.1


def seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    torch.set_num_threads(1)
    network = shared_engine().module()
    assert isinstance(network, nn.Module)
    photo = picture(card(DEFAULT).preprocess, samples.load("cat"))
    size = batch_size(network, photo.x)
    head = network.get_submodule(LAYER)
    integrated, smooth, occlusion = IntegratedGradients(), SmoothGrad(), Occlusion()
    baseline, cover = photo.filled(integrated.baseline), photo.filled(occlusion.fill)
    sigma = smooth.noise * float(photo.x.max() - photo.x.min())
    shapes = {
        "sliding_window_shapes": (3, occlusion.window, occlusion.window),
        "strides": (3, occlusion.stride, occlusion.stride),
    }
    pairs: dict[str, tuple[Settings, Callable[[], Any], int]] = {
        "saliency": (
            Saliency(),
            lambda: attr.Saliency(network).attribute(own(photo.x), TARGET, abs=False),
            21,
        ),
        "gradient × input": (
            InputXGradient(),
            lambda: attr.InputXGradient(network).attribute(own(photo.x), TARGET),
            21,
        ),
        "SmoothGrad": (
            smooth,
            lambda: attr.NoiseTunnel(attr.Saliency(network)).attribute(
                own(photo.x),
                nt_samples=smooth.samples,
                nt_samples_batch_size=size,
                stdevs=sigma,
                target=TARGET,
                abs=False,
            ),
            3,
        ),
        "integrated gradients": (
            integrated,
            lambda: attr.IntegratedGradients(network).attribute(
                own(photo.x),
                baseline,
                TARGET,
                n_steps=integrated.steps,
                method="riemann_middle",
                internal_batch_size=size,
                return_convergence_delta=True,
            ),
            3,
        ),
        "Grad-CAM": (
            GradCam(LAYER),
            lambda: attr.LayerGradCam(network, head).attribute(own(photo.x), TARGET, relu_attributions=True),
            21,
        ),
        "guided Grad-CAM": (
            GuidedGradCam(LAYER),
            lambda: attr.GuidedGradCam(Rectified(network), head).attribute(
                own(photo.x), TARGET, interpolate_mode="bilinear"
            ),
            11,
        ),
        "occlusion": (
            occlusion,
            lambda: attr.Occlusion(network).attribute(
                photo.x, baselines=cover, target=TARGET, perturbations_per_eval=size, **shapes
            ),
            3,
        ),
    }
    for name, (settings, bare, rounds) in pairs.items():

        def ours(settings: Settings = settings) -> None:
            for _ in explain(network, photo, TARGET, settings):
                pass

        ours()
        bare()
        times = [(seconds(ours), seconds(bare)) for _ in range(rounds)]
        mine, theirs = (statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(our / their for our, their in times)
        print(
            f"  {name}: ours {mine * 1e3:.0f} ms, captum {theirs * 1e3:.0f} ms, ratio {ratio:.2f} (aim: ≤ {AIM})",
            flush=True,
        )


if __name__ == "__main__":
    main()
