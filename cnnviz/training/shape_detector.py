"""Train the shape detector: ``python -m cnnviz.training.shape_detector``.

Every scene is seen once, with difficulty up to 1, but noise and occlusion up to 0.5 only, so that the
noisiest and most crowded scenes are new to the detector. Equal runs on one machine and one number of
threads give equal weights. A run that is stopped goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.metrics.coco import evaluate
from cnnviz.metrics.scenes import SHAPES, SIDE, TRAINING_SEED, Scene, SceneSettings, draw_from
from cnnviz.metrics.shape_detector import (
    STRIDE,
    WEIGHTS,
    ShapeDetector,
    boxes_of,
    cell_centres,
    evaluate_scenes,
)

STEPS = 800
BATCH = 32
RATE = 4e-3

MEASURED = tuple(
    SceneSettings(500, difficulty, noise, occlusion, seed=1)
    for difficulty, noise, occlusion in (
        (0.0, 0.0, 0.0),
        (0.3, 0.2, 0.2),
        (0.6, 0.2, 0.2),
        (1.0, 0.0, 0.0),
        (0.3, 0.6, 0.2),
        (0.3, 1.0, 0.2),
        (0.3, 0.2, 0.8),
        (1.0, 0.6, 0.8),
    )
)
"""The scenes of the model card."""


def training_scene(seed: int, index: int) -> Scene:
    """Scene `index` of the training set `seed`, with settings of its own."""
    difficulty, noise, occlusion = np.random.default_rng((seed, index, 2)).random(3) * (1, 0.5, 0.5)
    return draw_from(TRAINING_SEED + seed, index, difficulty, noise, occlusion)


def targets(scenes: Sequence[Scene]) -> tuple[Tensor, Tensor, Tensor]:
    """What the network should answer.

    Returns:
        heat: (N, classes, h, w), 1 at the cell of each box's centre and a Gaussian around it that is as
            wide as the box (arXiv 1904.07850, section 3, with σ a ninth of each side).
        boxes: (N, 4, h, w), the box of the nearest centre, where `near` is set.
        near: (N, h, w) float, 1 within a cell of a centre: where the box is learned.
    """
    side = SIDE // STRIDE
    centres = cell_centres(side, side)
    heat = torch.zeros(len(scenes), len(SHAPES), side, side)
    boxes = torch.zeros(len(scenes), 4, side, side)
    near = torch.zeros(len(scenes), side, side)
    for number, scene in enumerate(scenes):
        for kind, box in zip(scene.category, torch.from_numpy(scene.boxes).float(), strict=True):
            column, row = ((box[:2] + box[2:]) / 2 / STRIDE).long().clamp(max=side - 1).tolist()
            peak = torch.tensor([column + 0.5, row + 0.5]) * STRIDE
            sigma = ((box[2:] - box[:2]) / 9).clamp(min=1)
            away = (centres - peak[:, None, None]) / sigma[:, None, None]
            bump = torch.exp(-(away**2).sum(0) / 2)
            heat[number, kind] = torch.maximum(heat[number, kind], bump)
            rows, columns = slice(max(row - 1, 0), row + 2), slice(max(column - 1, 0), column + 2)
            boxes[number, :, rows, columns] = box[:, None, None]
            near[number, rows, columns] = 1
    return heat, boxes, near


def loss(logits: Tensor, distances: Tensor, heat: Tensor, boxes: Tensor, near: Tensor) -> Tensor:
    """Focal loss of the heat (arXiv 1904.07850, equation 1) plus 1 − GIoU of the boxes (1902.09630)."""
    at_centre = (heat == 1).float()
    p = logits.sigmoid()
    hits = at_centre * (1 - p) ** 2 * F.logsigmoid(logits)
    misses = (1 - at_centre) * (1 - heat) ** 4 * p**2 * F.logsigmoid(-logits)
    focal = -(hits + misses).sum() / at_centre.sum().clamp(min=1)

    found = boxes_of(distances).movedim(1, -1)[near > 0]
    wanted = boxes.movedim(1, -1)[near > 0]
    area = (found[:, 2:] - found[:, :2]).prod(1) + (wanted[:, 2:] - wanted[:, :2]).prod(1)
    both = torch.minimum(found[:, 2:], wanted[:, 2:]) - torch.maximum(found[:, :2], wanted[:, :2])
    intersection = both.clamp(min=0).prod(1)
    union = area - intersection
    hull = torch.maximum(found[:, 2:], wanted[:, 2:]) - torch.minimum(found[:, :2], wanted[:, :2])
    giou = intersection / union - 1 + union / hull.prod(1)
    return focal + (1 - giou).mean()


def initialised(seed: int) -> ShapeDetector:
    """A network with weights drawn from `seed`; the heat starts at a score of 0.01."""
    generator = torch.Generator().manual_seed(seed)
    network = ShapeDetector()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for head, bias in ((network.heat, -math.log(99)), (network.box, 1.0)):
        last = head[-1]
        assert isinstance(last, nn.Conv2d)
        with torch.no_grad():
            last.weight.mul_(0.1)
            assert last.bias is not None
            last.bias.fill_(bias)
    return network


def train(seed: int, steps: int, checkpoint: Path | None, report: int = 50) -> ShapeDetector:
    """Train from the start, or from `checkpoint` if that file is there."""
    network = initialised(seed).train()
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps)
    first = 0
    if checkpoint and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        first = state["step"]
    mean, since = 0.0, time.perf_counter()
    for step in range(first, steps):
        scenes = [training_scene(seed, BATCH * step + number) for number in range(BATCH)]
        images = torch.from_numpy(np.stack([scene.image for scene in scenes]))
        logits, distances = network(images.permute(0, 3, 1, 2).float() / 255)
        value = loss(logits, distances, *targets(scenes))
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5)
        optimiser.step()
        schedule.step()
        mean += value.item() / report
        if (step + 1) % report == 0:
            print(
                f"step {step + 1} of {steps}: loss {mean:.3f}, {time.perf_counter() - since:.0f} s",
                flush=True,
            )
            mean = 0.0
            if checkpoint:
                state = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
                state |= {"schedule": schedule.state_dict(), "step": step + 1}
                torch.save(state, checkpoint)
    return network.eval()


def measure(settings: SceneSettings) -> dict[str, float | None]:
    """COCO's figures of the shipped detector on scenes that it has not seen, difficult truths ignored."""
    (*_, last) = evaluate_scenes(settings)
    assert last.data is not None
    return evaluate(last.data).figures


def save(network: ShapeDetector, path: Path) -> None:
    """The weights as float16, without the batch counters that inference has no use for."""
    state = network.state_dict()
    weights = {
        name: values.half() for name, values in state.items() if not name.endswith("num_batches_tracked")
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=1, help="other numbers give slightly other weights")
    parser.add_argument("--checkpoint", type=Path, help="where to save every 50 steps, and to go on from")
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    parser.add_argument("--measure", action="store_true", help="only print the model card's figures")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.measure:
        for settings in MEASURED:
            figures = measure(settings)
            shown = [f"{figures[name] or 0:.3f}" for name in ("AP", "AP50", "AP75", "AR100")]
            sliders = [str(settings.difficulty), str(settings.noise), str(settings.occlusion)]
            print(f"| {' | '.join(sliders + shown)} |", flush=True)
        return
    save(train(arguments.seed, arguments.steps, arguments.checkpoint), arguments.output)
    print(f"saved {arguments.output}")


if __name__ == "__main__":
    main()
