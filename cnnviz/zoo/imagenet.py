"""The 1,000 classes of ImageNet (ILSVRC 2012)."""

from functools import cache


@cache
def class_names() -> tuple[str, ...]:
    """Their English names, in the order of a classifier's logits, as torchvision lists them.

    >>> names = class_names()
    >>> len(names), names[281], names[967]
    (1000, 'tabby', 'espresso')
    """
    # torchvision takes a second or more to import: not before a name is needed.
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.DEFAULT.meta["categories"])
