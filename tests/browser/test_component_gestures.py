"""The component alone in a real Chromium: what each gesture and key does to the view."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from seq2exp.bench.chromium import Driver

pytestmark = pytest.mark.browser

START, END, TSS = 39_250_000, 39_450_000, 39_350_000


@pytest.fixture(scope="module")
def address(serve) -> str:
    """The app below a path prefix, as behind a proxy."""
    return serve(Path(__file__).with_name("component_app.py"), prefix="tools/s2e")


class Component(Driver):
    """The component's page also shows what Python knows."""

    def server(self) -> dict:
        """What Python knows."""
        return json.loads(self.page.locator(".st-key-known code").inner_text())


@pytest.fixture
def user(chromium, address: str) -> Iterator[Component]:
    context = chromium.new_context(viewport={"width": 1280, "height": 1200})
    page = context.new_page()
    driver = Component(page)
    page.goto(address)
    page.wait_for_selector(".s2e-plot .main-svg", timeout=60_000)
    driver.settle()
    yield driver
    assert driver.errors == []
    context.close()


def test_opens_whole_and_without_errors(user: Component) -> None:
    assert user.view() == [START, END]
    assert user.page.locator(".s2e-loading").is_hidden()
    alt = user.page.locator(".s2e-stage").get_attribute("aria-label")
    assert "Genome browser view of chr22:39,250,001-39,450,000" in alt
    for button in user.page.locator(".s2e-bar button").all():
        assert button.get_attribute("aria-label")


def test_dragging_pans_and_python_learns_of_it(user: Component) -> None:
    user.drag(user.at(TSS), user.at(TSS + 30_000))
    assert user.view() == [START, END]  # there is nowhere to go
    user.press("+")
    before = user.view()
    assert before == [TSS - 50_000, TSS + 50_000]
    user.drag(user.at(TSS), user.at(TSS - 20_000))
    user.settle()
    after = user.view()
    assert after[1] - after[0] == 100_000
    assert abs(after[0] - before[0] - 20_000) < 500
    user.until(lambda: user.server()["view"] == after)
    # Against the edge the view stops and keeps its width.
    user.drag(user.at(after[0] + 5_000), user.at(after[1] - 1_000))
    user.settle()
    user.drag(user.at(after[0]), user.at(after[1] - 30_000))
    user.settle()
    assert user.view() == [START, START + 100_000]


def test_the_view_on_screen_survives_new_data_of_an_older_view(user: Component) -> None:
    for _ in range(4):  # faster than Python answers
        user.page.keyboard.press("+")
        user.page.wait_for_timeout(140)
    user.settle()
    assert user.view() == [TSS - 6_250, TSS + 6_250]
    user.until(lambda: user.server()["view"] == user.view())
    user.page.get_by_role("button", name="Go to the TSS").click()
    user.until(lambda: user.view() == [TSS - 5_000, TSS + 5_000])


def test_double_click_and_buttons(user: Component) -> None:
    user.page.get_by_label("Zoom in (+)").click()
    user.settle()
    user.page.get_by_label("Pan right (→)").click()
    user.settle()
    assert user.view() == [TSS - 25_000, TSS + 75_000]
    user.page.mouse.dblclick(*user.at(TSS))
    user.settle()
    assert user.view() == [START, END]


def test_shift_drag_offers_what_to_do_with_the_span(user: Component) -> None:
    user.page.keyboard.down("Shift")
    user.drag(user.at(TSS + 10_000), user.at(TSS + 20_000))
    user.page.keyboard.up("Shift")
    menu = user.page.get_by_role("menu", name="Selected span")
    assert menu.is_visible()
    assert user.view() == [START, END]  # it did not pan
    menu.get_by_role("menuitem", name="Highlight").click()
    user.until(lambda: len(user.server()["log"]) == 1)
    name, span = user.server()["log"][0]
    assert (name, span["action"]) == ("selection", "highlight")
    assert abs(span["start"] - (TSS + 10_000)) < 500 and abs(span["end"] - (TSS + 20_000)) < 500
    user.settle()
    shapes = user.page.evaluate("() => document.querySelector('.s2e-plot').layout.shapes")
    marked = [shape for shape in shapes if shape.get("yref") == "paper" and shape["type"] == "rect"]
    assert [(s["x0"] - 0.5, s["x1"] - 0.5) for s in marked] == [(span["start"], span["end"])]
    user.page.keyboard.down("Shift")
    user.drag(user.at(TSS + 10_000), user.at(TSS + 20_000))
    user.page.keyboard.up("Shift")
    menu.get_by_role("menuitem", name="Zoom in").click()
    user.settle()
    assert user.view() == [span["start"], span["end"]]


def test_wheel_zooms_to_letters_only_when_it_is_on(user: Component) -> None:
    spot = TSS + 20_000
    user.page.mouse.move(*user.at(spot))
    user.page.mouse.wheel(0, -120)
    user.settle()
    assert user.view() == [START, END]
    toggle = user.page.get_by_label("Zoom with the mouse wheel")
    toggle.click()
    assert toggle.get_attribute("aria-pressed") == "true"
    for _ in range(40):
        if user.view()[1] - user.view()[0] < 150:
            break
        user.page.mouse.move(*user.at(spot))
        user.page.mouse.wheel(0, -120)
        user.settle()
    start, end = user.view()
    assert start <= spot < end and end - start < 150
    paths = "() => document.querySelector('.s2e-plot').layout.shapes.filter(s => s.type == 'path')"
    user.until(lambda: len(user.page.evaluate(paths)) == 4)


def test_keys_walk_along_elements_and_peaks(user: Component) -> None:
    peaks = [TSS + offset for offset in (-62_000, -31_400, -8_000, -300, 12_500, 47_000, 71_300)]
    user.press("p")
    first = user.view()
    assert abs(sum(first) / 2 - peaks[4]) < 2
    user.press("p")
    assert abs(sum(user.view()) / 2 - peaks[5]) < 2
    user.press("o")
    assert user.view() == first
    assert "peak_5" in user.page.locator(".s2e-message").inner_text()
    user.press("f")
    assert "element_" in user.page.locator(".s2e-message").inner_text()
    user.press("b")
    user.press("ArrowRight")
    user.press("ArrowLeft")
    user.press("-")
    user.press("0")
    assert user.view() == [START, END]


def test_help_and_search(user: Component) -> None:
    user.page.keyboard.press("?")
    help_box = user.page.get_by_role("dialog", name="Keys and gestures")
    assert help_box.is_visible()
    user.page.keyboard.press("Escape")
    assert help_box.is_hidden()
    user.page.keyboard.press("/")
    assert user.page.evaluate("() => document.activeElement.tagName") == "INPUT"
    user.page.keyboard.type("ppp++")
    user.page.wait_for_timeout(400)
    assert user.view() == [START, END]  # typing is not navigating


def test_clicking_a_gene_names_it(user: Component) -> None:
    gene = user.page.evaluate(
        "() => document.querySelector('.s2e-plot').layout.meta.genes.find(g => g[1] == 'TAB1')"
    )
    axis, lanes = user.page.evaluate(
        "() => { const gd = document.querySelector('.s2e-plot');"
        " const row = gd.layout.meta.rows.find(r => r.key == 'genes');"
        " const y = gd._fullLayout[row.axis.replace('y', 'yaxis')];"
        " return [[y._offset, y._length], gd.layout.meta.gene_lanes]; }"
    )
    box = user.page.locator(".s2e-plot").bounding_box()
    x, _ = user.at((gene[2] + gene[3]) / 2)
    user.page.mouse.click(x, box["y"] + axis[0] + (gene[4] + 0.3) / lanes * axis[1])
    user.until(lambda: user.server()["log"] != [])
    assert user.server()["log"] == [["gene_clicked", {"gene_id": "ENSG-TAB1", "name": "TAB1"}]]


def test_leaving_and_coming_back(user: Component) -> None:
    user.press("+")
    leave = user.page.get_by_text("Leave")
    leave.click()
    user.until(lambda: not user.page.locator(".s2e-browser").count())
    leave.click()
    user.page.wait_for_selector(".s2e-plot .main-svg")
    user.settle()
    assert user.page.locator(".s2e-browser").count() == 1
    assert user.view() == [TSS - 50_000, TSS + 50_000]


def test_the_figure_follows_width_and_theme(user: Component) -> None:
    wide = user.plot()[2]
    user.page.set_viewport_size({"width": 1000, "height": 1200})
    user.until(lambda: abs(user.plot()[2] - (wide - 280)) < 40)
    user.page.emulate_media(color_scheme="dark")
    dark = "() => document.querySelector('.s2e-plot').layout.meta.dark"
    user.until(lambda: user.page.evaluate(dark))
