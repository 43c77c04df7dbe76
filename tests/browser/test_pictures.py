"""The cards on the home page still look like the lessons that drew them."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser

from cnnviz.lessons import ASSETS, LESSONS

from .pictures import CARD, card

pytestmark = pytest.mark.browser
STALE = 5.0
"""Mean difference of grey levels, of 255. A card drawn again differs by less than 0.5, two lessons' cards by more than 7."""


def coarse(picture: Image.Image) -> NDArray[np.float64]:
    return np.asarray(picture.convert("L").resize((32, 18), Image.Resampling.BOX), dtype=float)


@pytest.mark.parametrize("lesson", [lesson.id for lesson in LESSONS])
def test_card_is_what_the_lesson_draws(server: str, browser: Browser, lesson: str) -> None:
    shipped = Image.open(ASSETS / "cards" / f"{lesson}-light.png")
    drawn = card(browser, server, lesson, dark=False)
    assert shipped.size == CARD
    assert np.abs(coarse(shipped) - coarse(drawn)).mean() < STALE


def test_cards_differ_from_each_other() -> None:
    """The comparison above can tell one lesson's card from another's."""
    cards = [coarse(Image.open(ASSETS / "cards" / f"{lesson.id}-light.png")) for lesson in LESSONS]
    apart = [np.abs(a - b).mean() for i, a in enumerate(cards) for b in cards[i + 1 :]]
    assert min(apart) > STALE
