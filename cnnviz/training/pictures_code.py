"""The small pictures of :mod:`cnnviz.training.pictures`, as the first lines of a script."""

_DIGITS = """from sklearn.datasets import load_digits

digits = load_digits()
images, labels = torch.tensor((digits.images / 16).astype("float32")[:, None]), torch.tensor(digits.target)
order = np.random.default_rng(0).permutation(len(images))
test, train = images[order[:360]], images[order[360:]]
test_labels, train_labels = labels[order[:360]], labels[order[360:]]
"""
_SHAPES = """random, side, count = np.random.default_rng(0), 16, 2400
labels = random.integers(4, size=count)  # circle, square, triangle, star
radius = side * random.uniform(0.2, 0.38, count)
x, y = (radius + (side - 2 * radius) * random.random(count) for _ in range(2))
turn = random.uniform(0, 2 * np.pi, count)
down, across = np.mgrid[:side, :side] + 0.5
dx, dy = across - x[:, None, None], down - y[:, None, None]
angle = np.arctan2(dy, dx) - turn[:, None, None]
square, triangle = (np.cos(np.pi / n) / np.cos(angle % (2 * np.pi / n) - np.pi / n) for n in (4, 3))
edge = np.choose(labels[:, None, None], [np.ones_like(angle), square, triangle, 0.68 + 0.32 * np.cos(5 * angle)])
images = np.clip(edge * radius[:, None, None] - np.hypot(dx, dy) + 0.5, 0, 1)
images, labels = torch.tensor(images.astype("float32")[:, None]), torch.tensor(labels)
test, train = images[:400], images[400:]
test_labels, train_labels = labels[:400], labels[400:]
"""


def pictures_code(name: str) -> str:
    """Python that makes `train` and `test`, (N, 1, S, S) from 0 to 1, with `train_labels` and `test_labels`.

    It uses `np` and `torch`.

    Args:
        name: a set of :data:`cnnviz.training.pictures.PICTURES`.
    """
    return _DIGITS if name == "digits" else _SHAPES
