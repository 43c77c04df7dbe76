"""The window explorer in a real browser: what pointing marks, what is written, what reaches Python."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from cnnviz.ui import window
from cnnviz.ui.window import WindowLabels, WindowView, payload

from .conftest import PHONE, WIDE, serve, settled

pytestmark = pytest.mark.browser

Show = Callable[..., Page]
WORDS = {name: name for name in WindowLabels.__dataclass_fields__}
LABELS = WindowLabels(**{**WORDS, "inputs": ("Input",), "outputs": ("Output",)})  # type: ignore[arg-type]
# Every cell of one kind with its place and marks, in one call.
CELLS = """(root, kind) => [...root.querySelectorAll("." + kind + " .grid")].flatMap((grid, channel) =>
    [...grid.querySelectorAll('[role="row"]')].flatMap((row, r) =>
        [...row.children].map((cell, c) => ({place: [channel, r, c], marks: [...cell.classList],
            badge: cell.dataset.badge ?? null, text: cell.textContent}))))"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    script = Path(__file__).with_name("window_demo.py")
    with serve(script, tmp_path_factory.mktemp("window") / "log") as address:
        yield address


@pytest.fixture
def show(demo: str, browser: Browser) -> Iterator[Show]:
    """Open one case of the demo; any error in the browser's console fails the test."""
    contexts, errors = [], []

    def go(case: str, *, viewport: dict[str, int] = WIDE, script: str = "", **options: object) -> Page:
        context = browser.new_context(viewport=viewport, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        if script:
            page.add_init_script(script)
        page.goto(f"{demo}/?case={case}")
        settled(page)
        page.locator(".explorer .cell").first.wait_for()
        return page

    yield go
    for context in contexts:
        context.close()
    assert not errors


def cell(page: Page, kind: str, channel: int, row: int, column: int) -> Locator:
    grid = page.locator(f".{kind} .grid").nth(channel)
    return grid.get_by_role("row").nth(row).get_by_role("gridcell").nth(column)


def marked(page: Page, kind: str, mark: str) -> dict[tuple[int, ...], str | None]:
    """Places (channel, row, column) that carry `mark`, with what their badge says."""
    cells = page.locator(".explorer").evaluate(CELLS, kind)
    return {tuple(found["place"]): found["badge"] for found in cells if mark in found["marks"]}


def written(page: Page) -> str:
    """The sum as one line of text."""
    return re.sub(r"\s+", " ", page.locator(".sum").inner_text()).strip()


def frame(page: Page, kind: str, channel: int = 0) -> list[int]:
    """Top, left, height and width of a grid's frame, in cells."""
    style = page.locator(f".{kind} .frame").nth(channel).get_attribute("style") or ""
    found = dict(re.findall(r"--(\w+): (\d+)", style))
    return [int(found[name]) for name in ("top", "left", "height", "width")]


def says(page: Page, text: str) -> Locator:
    return page.get_by_text(re.compile(rf"^{re.escape(text)}$"))


# Pointing


def test_an_output_cell_marks_its_patch_its_weights_and_its_sum(show: Show) -> None:
    page = show("conv")
    cell(page, "output", 0, 1, 2).hover()
    # Sobel's kernel over rows 1-3, columns 2-4 of the padded input.
    assert marked(page, "input", "tap") == {
        (0, 1, 2): "×1",
        (0, 1, 3): "×0",
        (0, 1, 4): "×−1",
        (0, 2, 2): "×2",
        (0, 2, 3): "×0",
        (0, 2, 4): "×−2",
        (0, 3, 2): "×1",
        (0, 3, 3): "×0",
        (0, 3, 4): "×−1",
    }
    assert frame(page, "input") == [1, 2, 3, 3]
    assert frame(page, "output") == [1, 2, 1, 1]
    assert len(marked(page, "kernel", "tap")) == 9
    assert written(page) == (
        "Output 1, row 2, column 3 (2 × 1) + (0 × 0) + (1 × −1) + (−1 × 2) + (2 × 0) + (0 × −2)"
        " + (1 × 1) + (4 × 0) + (2 × −1) + 0.5 (bias) = −1.5"
    )
    assert cell(page, "output", 0, 1, 2).inner_text() == "−1.5"
    page.get_by_role("heading", name="The window explorer").hover()
    assert frame(page, "output") == [0, 0, 1, 1]


def test_dilation_marks_separate_taps_in_every_channel(show: Show) -> None:
    page = show("channels")  # padding 2, stride 2, dilation 2
    cell(page, "output", 1, 1, 2).hover()
    taps = {(channel, row, column) for channel in (0, 1) for row in (2, 4, 6) for column in (4, 6, 8)}
    assert set(marked(page, "input", "tap")) == taps
    assert frame(page, "input", 1) == [2, 4, 5, 5]
    expect(page.locator(".kernel figcaption").nth(1)).to_contain_text("Input 2 → Output 2")
    lines = page.locator(".sum dl > div").all_inner_texts()
    assert [line.split()[0] + line.split()[1] for line in lines] == ["Input1", "Input2", "Output2"]
    partial = [float(line.rsplit(" ", 1)[1].replace("−", "-")) for line in lines]
    assert partial[0] + partial[1] - 1.0 == partial[2]
    assert partial[2] == float(cell(page, "output", 1, 1, 2).inner_text().replace("−", "-"))


def test_an_input_cell_marks_the_output_cells_that_read_it(show: Show) -> None:
    page = show("conv")
    cell(page, "input", 0, 1, 1).hover()
    assert marked(page, "output", "reader") == {
        (0, 0, 0): "×0",
        (0, 0, 1): "×2",
        (0, 1, 0): "×0",
        (0, 1, 1): "×1",
    }
    assert written(page) == "Input 1, row 2, column 2 Output cells that read it: 4"


def test_a_weight_marks_its_tap_and_its_term_and_a_term_marks_both(show: Show) -> None:
    page = show("conv")
    cell(page, "output", 0, 1, 2).click()
    cell(page, "kernel", 0, 2, 0).hover()
    assert set(marked(page, "input", "hot")) == {(0, 3, 2)}
    assert page.locator(".term.hot").inner_text() == "(1 × 1)"
    page.locator(".term").nth(5).hover()
    assert set(marked(page, "input", "hot")) == {(0, 2, 4)}
    assert set(marked(page, "kernel", "hot")) == {(0, 1, 2)}


def test_groups_read_their_own_channel_only(show: Show) -> None:
    page = show("groups")
    cell(page, "output", 2, 1, 1).hover()
    assert {channel for channel, _, _ in marked(page, "input", "tap")} == {2}
    expect(page.locator(".pair.aside")).to_have_count(3)
    cell(page, "input", 1, 0, 0).hover()
    assert set(marked(page, "output", "reader")) == {(1, 0, 0)}


def test_a_flipped_kernel_is_read_backwards(show: Show) -> None:
    page = show("flipped")  # kernel 0 1 / 2 3
    cell(page, "output", 0, 0, 0).hover()
    assert list(marked(page, "input", "tap").values()) == ["×3", "×2", "×1", "×0"]
    assert written(page).endswith("(1 × 3) + (2 × 2) + (3 × 1) + (−1 × 0) = 10")


def test_rounded_numbers_are_only_nearly_equal(show: Show) -> None:
    page = show("thirds")
    cell(page, "output", 0, 0, 0).hover()
    assert written(page).endswith("(4 × 0.11) ≈ 1.33")


def test_long_sums_are_cut_until_asked_for(show: Show) -> None:
    page = show("long")  # six channels of 25 products
    assert page.locator(".term").count() == 2 * 9
    page.get_by_role("button", name="Show all 150 terms").click()
    assert page.locator(".term").count() == 150
    expect(page.get_by_role("button", name="Show fewer terms")).to_be_focused()


# Pooling


@pytest.mark.parametrize(
    ("case", "winner", "text"),
    [
        ("max", {(0, 1, 2)}, "max(0, 1, 2, 0) = 2"),
        ("min", {(0, 0, 2)}, "min(0, 1, 2, 0) = 0"),
        ("average", set(), "(0 + 1 + 2 + 0) / 4 = 0.75"),
    ],
)
def test_pooling_marks_the_winner(show: Show, case: str, winner: set[tuple[int, ...]], text: str) -> None:
    page = show(case)
    expect(page.locator(".kernel")).to_have_count(0)
    cell(page, "output", 0, 0, 1).hover()
    assert len(marked(page, "input", "tap")) == 4
    assert set(marked(page, "input", "winner")) == winner
    assert written(page) == f"Output 1, row 1, column 2 {text}"


def test_pooling_takes_the_winner_it_is_told(show: Show) -> None:
    page = show("indices")  # all cells are equal, so only the index says which won
    cell(page, "output", 0, 1, 0).hover()
    assert set(marked(page, "input", "winner")) == {(0, 2, 0)}


def test_padding_that_a_maximum_ignores(show: Show) -> None:
    page = show("ignored")
    cell(page, "output", 0, 0, 0).hover()
    assert written(page).endswith("max(−∞, −∞, −∞, −∞, 1, 2, −∞, 3, −1) = 3")


# Predicting


def test_hidden_cells_are_not_revealed(show: Show) -> None:
    page = show("hidden")
    assert cell(page, "output", 0, 1, 2).inner_text() == "?"
    cell(page, "output", 0, 1, 2).click()
    assert written(page).endswith("(2 × −1) = ?")
    expect(cell(page, "output", 0, 1, 2)).to_have_attribute("aria-label", "Output 1, row 2, column 3: hidden")
    assert set(marked(page, "output", "unknown")) == {(0, 0, 0), (0, 1, 2)}

    page = show("channels")  # each channel's part would give the sum away
    cell(page, "output", 1, 2, 2).hover()
    lines = page.locator(".sum dd").all_inner_texts()
    assert [line.endswith(")") for line in lines[:2]] == [True, True]
    assert lines[2] == "Input 1 + Input 2 + (−1) (bias) = ?"

    page = show("hidden-max")
    cell(page, "output", 0, 0, 0).hover()
    assert marked(page, "input", "winner") == {}
    assert written(page).endswith("max(1, 2, 3, −1) = ?")


def test_hidden_values_do_not_leave_the_server() -> None:
    view = WindowView(
        mode="max",
        input=np.array([[[1.0, -np.inf], [0.1, 3.0]]], np.float32),
        output=np.array([[[3.0, 4.0]]]),
        kernel_size=(2, 1),
        winners=np.array([[[3, 0]]]),
        hidden_cells=frozenset({(0, 0, 0)}),
    )
    sent = payload(view, LABELS)
    assert sent["output"] == [None, 4.0]
    assert sent["winners"] == [-1, 0]
    assert sent["input"] == [1.0, "-inf", 0.1, 3.0]
    assert payload(replace(view, hidden_cells=frozenset()), LABELS)["output"] == [3.0, 4.0]


# Keys, stepping, reporting


def test_hover_and_arrows_stay_in_the_browser_and_enter_reports(show: Show) -> None:
    page = show("conv")
    for column in range(4):
        cell(page, "output", 0, 2, column).hover()
        cell(page, "input", 0, 2, column).hover()
    page.get_by_role("button", name="Step forward").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(cell(page, "output", 0, 0, 0)).to_be_focused()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "End", "ArrowRight", "ArrowUp", "Home", "ArrowRight"):
        page.keyboard.press(key)
    expect(cell(page, "output", 0, 1, 1)).to_be_focused()
    expect(cell(page, "output", 0, 1, 1)).to_have_attribute("aria-selected", "true")
    assert page.locator('.output [tabindex="0"]').count() == 1
    assert frame(page, "input") == [1, 1, 3, 3]
    expect(says(page, "runs 1")).to_be_visible()
    page.keyboard.press("Enter")
    expect(says(page, "cell (0, 1, 1)")).to_be_visible()
    expect(says(page, "selection (0, 1, 1)")).to_be_visible()
    expect(cell(page, "output", 0, 1, 1)).to_be_focused()


def test_a_click_reports_every_time_and_python_may_point_elsewhere(show: Show) -> None:
    page = show("conv")
    cell(page, "output", 0, 2, 3).click()
    expect(says(page, "cell (0, 2, 3)")).to_be_visible()
    expect(says(page, "runs 2")).to_be_visible()
    page.get_by_role("button", name="Point").click()
    expect(cell(page, "output", 0, 3, 1)).to_have_attribute("aria-selected", "true")
    cell(page, "output", 0, 2, 3).click()
    expect(says(page, "runs 4")).to_be_visible()
    settled(page)
    expect(cell(page, "output", 0, 2, 3)).to_have_attribute("aria-selected", "true")


def test_stepping_goes_round_in_raster_order(show: Show) -> None:
    page = show("conv")
    position = page.locator(".position")
    page.get_by_role("button", name="Step back").click()
    expect(position).to_have_text("16 of 16")
    for _ in range(6):
        page.get_by_role("button", name="Step forward").click()
    expect(position).to_have_text("6 of 16")
    assert frame(page, "output") == [1, 1, 1, 1]
    expect(says(page, "runs 1")).to_be_visible()


def test_play_moves_holds_while_pointed_at_and_pauses(show: Show) -> None:
    page = show("conv")
    position = page.locator(".position")
    page.get_by_label("Speed").select_option("8")
    page.get_by_role("button", name="Play").click()
    expect(position).not_to_have_text("1 of 16")
    cell(page, "output", 0, 3, 3).hover()
    page.wait_for_timeout(400)
    expect(position).to_have_text("16 of 16")
    page.get_by_role("heading", name="The window explorer").hover()
    expect(position).not_to_have_text("16 of 16")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_focused()
    stopped = position.inner_text()
    page.wait_for_timeout(400)
    assert position.inner_text() == stopped


def test_the_timer_ends_with_the_component(show: Show) -> None:
    counting = """window.ticking = new Set();
        const [set, clear] = [window.setInterval, window.clearInterval];
        window.setInterval = (f, ms, ...rest) => {
            const id = set(f, ms, ...rest); if (ms === 1600) window.ticking.add(id); return id; };
        window.clearInterval = (id) => { window.ticking.delete(id); clear(id); };"""
    page = show("conv", script=counting)
    page.get_by_label("Speed").select_option("0.5")
    page.get_by_role("button", name="Play").click()
    assert page.evaluate("ticking.size") == 1
    page.get_by_text("Shown").click()
    expect(page.locator(".explorer")).to_have_count(0)
    assert page.evaluate("ticking.size") == 0
    page.get_by_text("Shown").click()
    expect(page.locator(".position")).to_have_text("1 of 16")


@pytest.mark.parametrize(("motion", "moves"), [("reduce", False), ("no-preference", True)])
def test_the_frame_glides_only_where_motion_is_welcome(show: Show, motion: str, moves: bool) -> None:
    page = show("conv", reduced_motion=motion)
    page.get_by_role("button", name="Step forward").click()
    duration = page.locator(".input .frame").evaluate("frame => getComputedStyle(frame).transitionDuration")
    assert (duration != "0s") == moves


# Editing


def test_a_number_is_edited_by_double_click_or_by_typing(show: Show) -> None:
    page = show("edit")
    cell(page, "kernel", 0, 1, 1).dblclick()
    page.keyboard.type("1/4")
    page.keyboard.press("Enter")
    expect(says(page, "weight [1.0, 0.0, -1.0, 2.0, 0.25, -2.0, 1.0, 0.0, -1.0]")).to_be_visible()
    settled(page)
    expect(cell(page, "kernel", 0, 1, 1)).to_be_focused()
    expect(cell(page, "kernel", 0, 1, 1)).to_have_text("0.25")

    cell(page, "input", 0, 1, 1).click()
    page.keyboard.type("-2,5")
    page.keyboard.press("Tab")
    expect(page.get_by_text("input [-2.5, 2.0, ")).to_be_visible()
    settled(page)
    expect(cell(page, "input", 0, 1, 2)).to_be_focused()
    # The new sum of the window around the edited cell comes from Python.
    cell(page, "output", 0, 0, 0).hover()
    assert written(page).startswith("Output 1, row 1, column 1 (0 × 1) + (0 × 0) + (0 × −1) + (0 × 2)")
    assert written(page).endswith("+ (−2.5 × 0.25) + (2 × −2) + (0 × 1) + (3 × 0) + (−1 × −1) ≈ −3.63")


def test_escape_nonsense_and_padding_change_nothing(show: Show) -> None:
    page = show("edit")
    cell(page, "input", 0, 1, 1).click()
    page.keyboard.press("F2")
    page.keyboard.type("7")
    page.keyboard.press("Escape")
    expect(cell(page, "input", 0, 1, 1)).to_have_text("1")
    expect(cell(page, "input", 0, 1, 1)).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("seven")
    page.keyboard.press("Enter")
    expect(page.locator(".field")).to_have_attribute("aria-invalid", "true")
    page.keyboard.press("Escape")
    cell(page, "input", 0, 0, 0).dblclick()
    cell(page, "output", 0, 0, 0).dblclick()
    expect(page.locator(".field")).to_have_count(0)
    expect(page.get_by_text("input [1.0, 2.0, ")).to_be_visible()


def test_new_data_wins_and_the_same_edit_counts_again(show: Show) -> None:
    page = show("edit")
    for _ in range(2):
        cell(page, "input", 0, 1, 1).dblclick()
        page.keyboard.type("9")
        page.keyboard.press("Enter")
        expect(page.get_by_text("input [9.0, 2.0, ")).to_be_visible()
        page.get_by_role("button", name="Reset").click()
        expect(page.get_by_text("input [1.0, 2.0, ")).to_be_visible()
        expect(cell(page, "input", 0, 1, 1)).to_have_text("1")


def test_edits_in_quick_succession_all_count(show: Show) -> None:
    page = show("edit")
    cell(page, "kernel", 0, 0, 0).click()
    for key in ("5", "Tab", "6", "Tab", "7", "Enter"):
        page.keyboard.press(key)
    assert [cell(page, "kernel", 0, 0, column).inner_text() for column in range(3)] == ["5", "6", "7"]
    expect(says(page, "weight [5.0, 6.0, 7.0, 2.0, 0.0, -2.0, 1.0, 0.0, -1.0]")).to_be_visible()


def test_a_late_answer_undoes_nothing(browser: Browser) -> None:
    """The script alone, fed by hand: what Python sent before it knew of an edit comes after the edit."""
    view = WindowView(
        mode="convolution",
        input=np.ones((1, 3, 3)),
        weight=np.ones((1, 1, 2, 2)),
        output=np.full((1, 2, 2), 4.0),
        kernel_size=(2, 2),
        edit_weight=True,
    )
    page = browser.new_page()
    page.set_content('<div id="host"></div>')
    page.evaluate(
        """async (script) => {
            const url = URL.createObjectURL(new Blob([script], {type: "text/javascript"}));
            const explorer = await import(url);
            const parentElement = host.attachShadow({mode: "open"});
            parentElement.innerHTML = '<div class="explorer"></div>';
            window.reports = [];
            const setStateValue = (name, report) => reports.push({name, ...report});
            window.send = (data) => { explorer.default({data, parentElement, setStateValue}); };
        }""",
        Path(window.__file__).with_name("window.js").read_text("utf-8"),
    )

    def send(view: WindowView, seen: int = 0) -> None:
        page.evaluate("data => send(data)", payload(view, LABELS, seen))

    send(view)
    cell(page, "kernel", 0, 0, 0).dblclick()
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    send(replace(view, decimals=1))
    expect(cell(page, "kernel", 0, 0, 0)).to_have_text("5")
    send(replace(view, weight=np.full((1, 1, 2, 2), 3.0)), page.evaluate("reports[0].stamp"))
    expect(cell(page, "kernel", 0, 0, 0)).to_have_text("3")

    cell(page, "output", 0, 1, 0).click()
    page.keyboard.press("ArrowRight")
    send(replace(view, selected=(0, 1, 0)), page.evaluate("reports[1].stamp"))
    expect(cell(page, "output", 0, 1, 1)).to_have_attribute("aria-selected", "true")
    assert page.evaluate("reports.map(({name, value}) => [name, value])") == [
        ["weight", [[[[5, 1], [1, 1]]]]],
        ["cell", [0, 1, 0]],
    ]
    page.close()


def test_focus_stays_where_it_was_when_the_shape_changes(show: Show) -> None:
    page = show("grow")
    cell(page, "output", 0, 3, 3).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".kernel .cell")).to_have_count(4)
    expect(page.locator(".output .cell")).to_have_count(25)
    expect(cell(page, "output", 0, 3, 3)).to_be_focused()
    assert frame(page, "input") == [3, 3, 2, 2]
    text = cell(page, "output", 0, 3, 3).inner_text()
    expect(cell(page, "output", 0, 3, 3)).to_have_attribute(
        "aria-label", f"Output 1, row 4, column 4: {text}"
    )


# Looks


@pytest.mark.parametrize("case", ["conv", "channels", "groups", "big", "max"])
def test_a_phone_shows_it_without_moving_the_page_sideways(show: Show, case: str) -> None:
    page = show(case, viewport=PHONE, has_touch=True)
    cell(page, "output", 0, 1, 1).tap()
    expect(page.locator(".sum .answer")).to_be_visible()
    widths = page.evaluate(
        """[document.documentElement, document.querySelector('[data-testid="stMain"]')]
           .map(element => element.scrollWidth - element.clientWidth)"""
    )
    assert widths == [0, 0]
    sizes = page.locator(".cell").first.evaluate(
        "cell => [cell.offsetWidth, getComputedStyle(cell).fontSize]"
    )
    assert sizes[0] >= 34
    assert float(sizes[1].removesuffix("px")) >= 14


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("case", ["channels", "groups", "hidden", "max"])
def test_axe_finds_nothing(show: Show, case: str, scheme: str) -> None:
    page = show(case, color_scheme=scheme)
    for kind in ("output", "input"):
        page.locator(f".{kind} .cell").nth(3).hover()
        violations = Axe().run(page).response["violations"]
        ours = [v for v in violations if any("stBidiComponent" in str(node["target"]) for node in v["nodes"])]
        assert [(v["id"], v["nodes"][0]["html"]) for v in ours] == []
