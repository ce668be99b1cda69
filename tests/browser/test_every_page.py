"""Each page with the shipped models, narrow and wide, light and dark; the README's pictures."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from seq2exp.bench.chromium import Driver

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
#: By address: the link's title, a question or sentence that says what the page is for, and what to
#: press for its numbers.
PAGES = {
    "compare": ("Compare", "Which elements did the model find that peak calling missed", None),
    "experiments": ("In silico", "Which element does this gene need?", r"Delete \d+ intervals?"),
    "models": ("Models", "Here you see how far to trust them", None),
    "data": ("Data", "Which files is everything in this app computed from", None),
}
#: What is there once a page has its numbers.
DONE = {
    "compare": "[data-testid=stMetric]",
    "experiments": ".js-plotly-plot .barlayer .point",
    "models": ".js-plotly-plot .scatterlayer .point",
    "data": ".js-plotly-plot .main-svg",
}


@pytest.fixture(scope="module")
def address(serve, demo: Path) -> Iterator[str]:
    """The app as it is shipped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SEQ2EXP_MODELS", raising=False)
        yield serve(ROOT / "app.py", "--dataset", str(demo))


@pytest.fixture
def visit(chromium, address: str) -> Iterator:
    """Open a page of the app; afterwards no script of it may have failed."""
    contexts, drivers = [], []

    def opened(where: str, width: int = 1280, scheme: str = "light") -> Driver:
        context = chromium.new_context(
            viewport={"width": width, "height": 1100}, color_scheme=scheme
        )
        contexts.append(context)
        drivers.append(Driver(context.new_page()))
        drivers[-1].page.goto(f"{address}/{where}")
        idle(drivers[-1])
        return drivers[-1]

    yield opened
    errors = [error for driver in drivers for error in driver.errors]
    for context in contexts:
        context.close()
    # Streamlit first looks for its server below the page's own address.
    assert [error for error in errors if "404 (Not Found)" not in error] == []


def idle(driver: Driver) -> None:
    """Wait until no job and no script runs."""
    driver.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    # On a fresh cache the first page also waits until kernels are built and peaks called.
    driver.until(lambda: not driver.page.get_by_test_id("stProgress").count(), 300)
    driver.page.wait_for_timeout(300)
    driver.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1920, "dark")])
@pytest.mark.parametrize("where", PAGES)
def test_a_page_says_what_it_is_for_and_is_no_wider_than_the_screen(visit, where, width, scheme):
    title, purpose, button = PAGES[where]
    more = "data=Tracks+at+a+gene" if where == "data" else "mode=hard"
    driver = visit(f"{where}?{more}", width, scheme)
    page = driver.page
    page.get_by_role("heading", name=title, exact=True).wait_for()
    page.get_by_text(purpose).first.wait_for()
    asked, done = page.get_by_role("button", name=re.compile(button or "$^")), DONE[where]
    driver.until(lambda: asked.count() or page.locator(done).count())
    if asked.count() and not page.locator(done).count():  # else it is known from an earlier visit
        idle(driver)
        asked.click()
    page.locator(done).first.wait_for()
    idle(driver)
    main = page.get_by_test_id("stMain")
    assert main.evaluate("node => node.scrollWidth - node.clientWidth") <= 0
    assert not page.get_by_test_id("stException").count()
    if width == 1280 and (folder := os.environ.get("SEQ2EXP_SCREENSHOTS")):
        page.screenshot(path=Path(folder) / f"{where}-{width}.png")


def test_every_page_is_reached_by_the_keyboard(visit):
    driver = visit("models")
    page = driver.page
    for where, (title, *_) in PAGES.items():
        link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True)
        for _ in range(3):  # links that are drawn anew meanwhile do not get the key
            tab_to(driver, link, title)
            page.keyboard.press("Enter")
            heading = page.get_by_role("heading", name=title, exact=True)
            if driver.soon(lambda heading=heading: heading.count(), 20):
                break
        driver.until(lambda where=where: f"/{where}" in page.url)
        idle(driver)


def tab_to(driver: Driver, node, name: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(80):
        driver.page.keyboard.press("Tab")
        if node.evaluate("node => node === document.activeElement"):
            return
    raise AssertionError(f"Tab does not reach {name}")
