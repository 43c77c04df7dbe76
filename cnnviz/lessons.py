"""The catalogue of lessons: one line a lesson, in teaching order.

The router, the home page, the links and the tests all read it. To add a lesson, add its line here,
its page, and its prose in ``assets/lessons/<language>/<id>.md``.
"""

from dataclasses import dataclass
from pathlib import Path

from cnnviz.messages import N_

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "assets"


@dataclass(frozen=True)
class Lesson:
    """One lesson of the catalogue.

    Attributes:
        id: name in URLs, asset files and session keys.
        section: English title of its section in the navigation.
        page: its page file, relative to the project's root.
        title: English title.
        question: the question that the lesson answers, in English.
        icon: Material Symbols name for the navigation.
    """

    id: str
    section: str
    page: str
    title: str
    question: str
    icon: str


FOUNDATIONS = N_("Foundations")
ARCHITECTURES = N_("Architectures")
DENSE = N_("Dense prediction")
DETECTION = N_("Detection")
EVALUATION = N_("Evaluation")
EXPLAIN = N_("Explain")
LIVE = N_("Your photo")

LESSONS = (
    Lesson("images", FOUNDATIONS, "pages/foundations/images.py", N_("Images as tensors"),
           N_("What does a network get when you give it a photo?"), "grid_on"),
    Lesson("convolution", FOUNDATIONS, "pages/foundations/convolution.py", N_("Convolution"),
           N_("How does one small window turn a picture into a feature map?"), "filter_center_focus"),
    Lesson("pooling", FOUNDATIONS, "pages/foundations/pooling.py", N_("Pooling"),
           N_("What is kept, and what is lost, when a map shrinks?"), "compress"),
    Lesson("receptive-field", FOUNDATIONS, "pages/foundations/receptive_field.py", N_("Receptive field"),
           N_("How much of the photo can one unit see?"), "center_focus_strong"),
    Lesson("small-kernels", ARCHITECTURES, "pages/architectures/small_kernels.py", N_("Why small kernels win"),
           N_("How can a network see as much and pay less?"), "layers"),
    Lesson("counting", ARCHITECTURES, "pages/architectures/counting.py", N_("Count any network"),
           N_("What does a network store, what does it compute, and where?"), "calculate"),
    Lesson("residual", ARCHITECTURES, "pages/architectures/residual.py", N_("Residual blocks"),
           N_("Why does adding the input back make a hundred layers trainable?"), "alt_route"),
    Lesson("bottleneck", ARCHITECTURES, "pages/architectures/bottleneck.py", N_("The bottleneck"),
           N_("What do two 1×1 convolutions buy, and where should the stride sit?"), "filter_alt"),
    Lesson("squeeze-excitation", ARCHITECTURES, "pages/architectures/squeeze_excitation.py",
           N_("Squeeze and excitation"),
           N_("Can a network turn its own channels up and down, photo by photo?"), "equalizer"),
    Lesson("inception", ARCHITECTURES, "pages/architectures/inception.py", N_("Inception"),
           N_("Why choose one kernel size when four branches fit into the same budget?"), "call_split"),
    Lesson("dense-block", ARCHITECTURES, "pages/architectures/dense_block.py", N_("Dense blocks"),
           N_("What changes when features are kept side by side instead of added?"), "stacked_bar_chart"),
    Lesson("deformable", ARCHITECTURES, "pages/architectures/deformable.py", N_("Deformable convolution"),
           N_("What if every window could choose where it looks?"), "scatter_plot"),
    Lesson("zoo", ARCHITECTURES, "pages/architectures/zoo.py", N_("The zoo"),
           N_("Which networks made history, what did they cost, and what was new in them?"), "account_tree"),
    Lesson("upsampling", DENSE, "pages/dense/upsampling.py", N_("The upsampling bench"),
           N_("What does a network put in between when it makes a map larger?"), "open_in_full"),
    Lesson("transposed", DENSE, "pages/dense/transposed.py", N_("Transposed convolution"),
           N_("How can a convolution make a map larger, and does it undo one?"), "zoom_out_map"),
    Lesson("checkerboard", DENSE, "pages/dense/checkerboard.py", N_("The checkerboard"),
           N_("Why do decoders paint grids, and what stops them?"), "grid_4x4"),
    Lesson("decoders", DENSE, "pages/dense/decoders.py", N_("Decoders"),
           N_("What does a decoder need to know to draw the picture again?"), "unfold_more"),
    Lesson("segmentation", DENSE, "pages/dense/segmentation.py", N_("Segmentation"),
           N_("What is every pixel of your photo, and how sure is the network?"), "format_shapes"),
    Lesson("detection", DETECTION, "pages/detection/detection.py", N_("Detection on your photo"),
           N_("Which objects are in your photo, and where does each box come from?"), "select_all"),
    Lesson("iou", EVALUATION, "pages/evaluation/iou.py", N_("IoU"),
           N_("How well do two boxes, or two masks, agree?"), "join_inner"),
    Lesson("matching", EVALUATION, "pages/evaluation/matching.py", N_("Matching, step by step"),
           N_("Which detections are right, and who decides?"), "rule"),
    Lesson("average-precision", EVALUATION, "pages/evaluation/average_precision.py", N_("PR curve and AP"),
           N_("How does a whole curve become one number?"), "area_chart"),
    Lesson("conventions", EVALUATION, "pages/evaluation/conventions.py", N_("The convention switchboard"),
           N_("Why do two programs give two numbers for the same detections?"), "toggle_on"),
    Lesson("miou", EVALUATION, "pages/evaluation/miou.py", N_("mIoU"),
           N_("How good is a segmentation, in one number?"), "format_paint"),
    Lesson("evaluate", EVALUATION, "pages/evaluation/evaluate.py", N_("Evaluate your own detections"),
           N_("How good is your detector, and where does it go wrong?"), "fact_check"),
    Lesson("attribution", EXPLAIN, "pages/explain/attribution.py", N_("Why did it say that?"),
           N_("Which pixels made the network say so?"), "highlight"),
    Lesson("trust", EXPLAIN, "pages/explain/trust.py", N_("Should you believe the map?"),
           N_("Does the map show what the network uses, or only what the photo looks like?"), "troubleshoot"),
    Lesson("features", EXPLAIN, "pages/explain/features.py", N_("What does a channel look for?"),
           N_("Which patches of a photo excite a channel most?"), "search"),
    Lesson("network", LIVE, "pages/live/network.py", N_("Your photo through a network"),
           N_("What does a trained network see in your photo?"), "neurology"),
)  # fmt: skip

BY_ID = {lesson.id: lesson for lesson in LESSONS}
