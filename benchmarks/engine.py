"""The engine against the bare torchvision call, from photo to answer, with random weights.

Both get the same photo and use the weights' own preprocessing; the engine also queues, times, and hands back
scores before they are enlarged or boxes before they are suppressed, which it then is asked for as well. The
networks are copies of one another. On the CPU: processor time of all threads, in turn, with one of torch's.
On a GPU, where there is one: time by the clock.

Then what the CPU's time owes to channels last, and what half precision would save and change.
"""

import copy
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torchvision

from cnnviz import samples
from cnnviz.detection.postprocess import select
from cnnviz.engine.catalogue import ModelCard, model
from cnnviz.engine.device import available
from cnnviz.engine.loading import load, runner_of
from cnnviz.engine.local import LocalEngine
from cnnviz.engine.runner import Prepared, Runner
from cnnviz.images import fit
from cnnviz.segmentation.postprocess import scores_at_photo

ROUNDS, AIM = 9, 1.05
NAMES = (
    "resnet50",
    "lraspp_mobilenet_v3_large",
    "deeplabv3_mobilenet_v3_large",
    "ssdlite320_mobilenet_v3_large",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
)


def random_network(card: ModelCard) -> Any:
    """As its published weights come, with an auxiliary head or without."""
    options: dict[str, Any] = {} if card.task == "classification" else {"weights_backbone": None}
    if card.id.startswith("deeplab"):
        options["aux_loss"] = True
    torch.manual_seed(0)
    return torchvision.models.get_model(card.id, weights=None, **options).eval().requires_grad_(False)


def seconds(call: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    call()
    return clock() - start


def main() -> None:
    torch.set_num_threads(1)
    rgb = fit(samples.load("astronaut"), 480)
    for device in available():
        clock = time.process_time if device == "cpu" else time.perf_counter
        for name in NAMES:
            card = model(name)
            bare = random_network(card).to(device)
            transforms = torchvision.models.get_model_weights(name).DEFAULT.transforms()

            def randomly(card: ModelCard) -> Runner[Any]:
                return runner_of(card)(card, random_network(card))

            engine = LocalEngine(load=randomly)

            def ours(
                name: str = name, engine: LocalEngine = engine, device: str = device, task: str = card.task
            ) -> None:
                result = engine.run(name, rgb, device)
                if task == "segmentation":
                    scores_at_photo(result, result.input_size)
                elif task == "detection":
                    select(result)

            def theirs(
                bare: Any = bare, transforms: Any = transforms, device: str = device, task: str = card.task
            ) -> None:
                with torch.inference_mode():
                    x = transforms(torch.tensor(rgb).permute(2, 0, 1)).to(device)
                    if task == "detection":
                        bare([x])[0]["scores"].cpu()
                    elif task == "segmentation":
                        bare(x[None])["out"].cpu()
                    else:
                        bare(x[None]).softmax(1).topk(5).values.cpu()

            ours()
            theirs()
            times = [(seconds(ours, clock), seconds(theirs, clock)) for _ in range(ROUNDS)]
            mine, other = (statistics.median(column) for column in zip(*times, strict=True))
            ratio = statistics.median(one / another for one, another in times)
            print(
                f"  {device}, {card.title}: engine {mine * 1e3:.0f} ms, bare {other * 1e3:.0f} ms, "
                f"ratio {ratio:.2f} (aim: ≤ {AIM})",
                flush=True,
            )
    precision()


@torch.inference_mode()
def precision() -> None:
    """Our heads and one of torchvision's, in other layouts and precisions, against float32 in the usual layout."""
    rgb = fit(samples.load("astronaut"), 480)
    for name in ("lite0_deeplab", "lite0_pyramid", "deeplabv3_mobilenet_v3_large"):
        card = model(name)
        runner = load(card) if card.own else runner_of(card)(card, random_network(card))
        prepared = runner.prepare(rgb)
        usual, last = runner, copy.copy(runner)
        last.module = copy.deepcopy(runner.module).to(memory_format=torch.channels_last)
        x = prepared.x.contiguous(memory_format=torch.channels_last)

        def run(
            dtype: torch.dtype | None,
            last: Runner[Any] = last,
            x: torch.Tensor = x,
            prepared: Prepared = prepared,
        ) -> Any:
            with torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None):
                return last.network(x, [prepared])

        arms: dict[str, Callable[[], Any]] = {
            "channels last": lambda run=run: run(None),  # type: ignore[misc]
            "and bfloat16": lambda run=run: run(torch.bfloat16),  # type: ignore[misc]
            "and float16": lambda run=run: run(torch.float16),  # type: ignore[misc]
        }

        def plain(usual: Runner[Any] = usual, prepared: Prepared = prepared) -> Any:
            return usual.network(prepared.x, [prepared])

        expected = plain()
        for arm, call in arms.items():
            found = call()
            rounds = [(seconds(call, time.process_time), seconds(plain, time.process_time)) for _ in range(5)]
            ratio = statistics.median(one / another for one, another in rounds)
            said = ""
            if card.own and card.task == "segmentation":
                one, other = (scores.float().softmax(1) for scores in (found, expected))
                moved, relabelled = (
                    (one - other).abs().max(),
                    (one.argmax(1) != other.argmax(1)).float().mean(),
                )
                said = (
                    f", probabilities moved by {moved:.3f} at most, {relabelled:.2%} of the cells relabelled"
                )
            print(f"  cpu, {card.title}, {arm}: ratio {ratio:.2f}{said}", flush=True)


if __name__ == "__main__":
    main()
