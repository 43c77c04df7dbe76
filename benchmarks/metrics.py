"""COCO's twelve figures on 5,000 images with 36,000 ground truths and 270,000 detections of 80 classes.

The set is drawn from a seed: classes as unequal as COCO's, a few to an image, most detections near a ground
truth of their class, scores with ties. Ours, faster-coco-eval (C++) and pycocotools evaluate it, each in a
process of its own. Only the evaluation is timed (processor time, the best of three; once for pycocotools):
each is given the set as it holds it in memory. Memory is what the process grows by beyond that.
"""

import contextlib
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cnnviz.metrics.coco import evaluate
from cnnviz.metrics.data import Category, Detections, DetectionSet, ImageInfo, Truths

IMAGES, TRUTHS, DETECTIONS, CLASSES = 5_000, 36_000, 270_000, 80
WIDTH, HEIGHT = 640, 480


def generated(seed: int = 0) -> DetectionSet:
    rng = np.random.default_rng(seed)
    images = tuple(ImageInfo(index, f"{index}.jpg", WIDTH, HEIGHT) for index in range(1, IMAGES + 1))
    categories = tuple(Category(index, f"class {index}") for index in range(1, CLASSES + 1))
    share = 1 / np.arange(2, CLASSES + 2)
    # Three classes live in an image; a ground truth is of one of them.
    local = rng.choice(CLASSES, (IMAGES, 3), p=share / share.sum())
    image = rng.integers(0, IMAGES, TRUTHS)
    category = local[image, rng.integers(0, 3, TRUTHS)]
    size = np.exp(rng.uniform(np.log(8), np.log(400), (TRUTHS, 2))).clip(max=(WIDTH, HEIGHT)).round(2)
    corner = (rng.uniform(0, 1, (TRUTHS, 2)) * ((WIDTH, HEIGHT) - size)).round(2)
    boxes = np.concatenate((corner, corner + size), axis=1)
    truths = Truths(
        image,
        category,
        boxes,
        size.prod(axis=1) * rng.uniform(0.5, 1, TRUTHS),
        rng.random(TRUTHS) < 0.01,
        np.zeros(TRUTHS, bool),
        np.arange(1, TRUTHS + 1),
    )
    source = rng.integers(0, TRUTHS, DETECTIONS)
    sides = size[source]
    near = boxes[source] + rng.normal(0, 1, (DETECTIONS, 4)) * rng.choice(
        (0.04, 0.15, 0.6), (DETECTIONS, 1)
    ) * (np.tile(sides, 2))
    low, high = np.minimum(near[:, :2], near[:, 2:]), np.maximum(near[:, :2], near[:, 2:])
    found = np.concatenate((low, high), axis=1).round(2)
    other = rng.random(DETECTIONS) < 0.2
    detections = Detections(
        image[source],
        np.where(other, rng.integers(0, CLASSES, DETECTIONS), category[source]),
        found,
        rng.beta(1, 3, DETECTIONS).round(3),
        (found[:, 2:] - found[:, :2]).prod(axis=1),
    )
    return DetectionSet("generated", images, categories, truths, detections)


def dictionaries(data: DetectionSet) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The set as COCO's files have it."""

    def xywh(boxes: np.ndarray) -> list[list[float]]:
        return np.concatenate((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]), axis=1).tolist()

    truths, found = data.truths, data.detections
    notes = [
        {
            "id": number,
            "image_id": image,
            "category_id": category,
            "bbox": box,
            "area": area,
            "iscrowd": crowd,
        }
        for number, image, category, box, area, crowd in zip(
            truths.ids.tolist(),
            (truths.image + 1).tolist(),
            (truths.category + 1).tolist(),
            xywh(truths.boxes),
            truths.area.tolist(),
            truths.crowd.astype(int).tolist(),
            strict=True,
        )
    ]
    results = [
        {"image_id": image, "category_id": category, "bbox": box, "score": score}
        for image, category, box, score in zip(
            (found.image + 1).tolist(),
            (found.category + 1).tolist(),
            xywh(found.boxes),
            found.score.tolist(),
            strict=True,
        )
    ]
    images = [{"id": image.id, "width": WIDTH, "height": HEIGHT} for image in data.images]
    categories = [{"id": category.id, "name": category.name} for category in data.categories]
    return {"images": images, "annotations": notes, "categories": categories}, results


def prepared(who: str) -> Callable[[], list[float | None]]:
    """What `who` does to a set that it has loaded."""
    data = generated()
    if who == "ours":
        return lambda: list(evaluate(data).figures.values())
    truths, results = dictionaries(data)
    if who == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        dataset = COCO()
        dataset.dataset = truths
        dataset.createIndex()
    else:
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as COCOeval

        dataset = COCO(truths)
    detections = dataset.loadRes(results)

    def run() -> list[float | None]:
        evaluation = COCOeval(dataset, detections, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        return [float(value) for value in evaluation.stats[:12]]

    return run


def memory(key: str) -> float:
    """Megabytes of this process, as Linux counts them: VmRSS now, VmHWM at the most."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) / 1024


def measure(who: str) -> None:
    """Print seconds, megabytes and figures as JSON; in a process of its own."""
    with contextlib.redirect_stdout(io.StringIO()):
        run = prepared(who)
        before = memory("VmRSS")
        # Forget the peak that preparing has left.
        Path("/proc/self/clear_refs").write_text("5")
        seconds, walls = [], []
        for _ in range(1 if who == "pycocotools" else 3):
            wall, start = time.perf_counter(), time.process_time()
            figures = run()
            seconds.append(time.process_time() - start)
            walls.append(time.perf_counter() - wall)
        grown = memory("VmHWM") - before
    print(json.dumps({"seconds": min(seconds), "wall": min(walls), "grown": grown, "figures": figures}))


def main() -> None:
    results = {}
    for who in ("ours", "faster-coco-eval", "pycocotools"):
        command = [sys.executable, "-m", "benchmarks.metrics", who]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        results[who] = json.loads(done.stdout.splitlines()[-1])
        found = results[who]
        print(
            f"  {who}: {found['seconds']:.2f} s of the processor, {found['wall']:.2f} s by the clock,"
            f" {found['grown']:.0f} MB; AP {found['figures'][0]:.6f}",
            flush=True,
        )
    for peer in ("faster-coco-eval", "pycocotools"):
        ratio = results[peer]["seconds"] / results["ours"]["seconds"]
        pairs = zip(results["ours"]["figures"], results[peer]["figures"], strict=True)
        furthest = max(abs(mine - theirs) for mine, theirs in pairs)
        print(f"  {peer} / ours: {ratio:.1f} times the time (aim: at least 1), figures {furthest:.1e} apart")


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
