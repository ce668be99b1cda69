"""The Compare page in a real Chromium: from a link to a row in the Browser and back."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pandas as pd
import pytest
import torch

from seq2exp.bench.chromium import Driver
from seq2exp.datasets.catalog import Dataset
from seq2exp.model.checkpoint import save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
CELL = "sim-lymphoid"


@pytest.fixture(scope="module")
def address(serve, demo, tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("shelf")
    torch.manual_seed(11)
    card = {"title": "Tiny", "dataset": {"name": "demo", "simulated": True}}
    save_model(folder / "tiny.safetensors", Seq2Exp(ModelConfig.soft("tiny")), card)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQ2EXP_MODELS", str(folder))
        yield serve(ROOT / "app.py", "--dataset", str(demo))


@pytest.fixture(scope="module")
def genes(demo) -> list:
    dataset = Dataset.load(demo)
    listed = [dataset.gene(id) for id in dataset.example_genes(CELL)]
    return sorted((gene for gene in listed if dataset.whole(gene)), key=lambda g: g.name)[1:3]


@pytest.fixture
def driver(chromium, address) -> Iterator[Driver]:
    context = chromium.new_context(viewport={"width": 1280, "height": 1600})
    driver = Driver(context.new_page())
    yield driver
    context.close()
    # Streamlit first looks for its server below the page's own address.
    assert [error for error in driver.errors if "404 (Not Found)" not in error] == []


def idle(driver: Driver) -> None:
    driver.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def numbers(driver: Driver) -> dict[str, str]:
    """The readout: titles and values."""
    found = {}
    for box in driver.page.get_by_test_id("stMetric").all():
        name = box.get_by_test_id("stMetricLabel").inner_text().strip()
        found[name] = box.get_by_test_id("stMetricValue").inner_text()
    return found


def address_of(driver: Driver) -> dict[str, str]:
    return {key: v[0] for key, v in parse_qs(urlsplit(driver.page.url).query).items()}


def test_from_a_link_to_a_row_in_the_browser_and_back(driver, address, genes):
    page = driver.page
    link = {
        "genes": "A list",
        "names": ",".join(gene.name for gene in genes),
        "cell": CELL,
        "mode": "top",
        "overlap": 30,
    }
    page.goto(f"{address}/compare?{urlencode(link)}")
    # All by keyboard: a table takes the focus of whoever has not moved a mouse.
    page.get_by_role("button", name="Compare 2 genes").press("Enter")
    # On a fresh cache, kernels are built and peaks called first.
    page.locator("[data-testid=stMetric]").first.wait_for(timeout=300_000)
    idle(driver)
    driver.until(lambda: all(numbers(driver).values()))
    before = numbers(driver)
    assert int(before["Shared elements"]) + int(before["Learned-only"]) > 0
    assert page.get_by_text("at least 30 bp").count()
    with page.expect_download() as handed:
        page.get_by_role("button", name="TSV").first.press("Enter")
    table = pd.read_csv(handed.value.path(), sep="\t", comment="#")
    assert {gene.name for gene in genes} == set(table["gene"])
    counts = table.groupby(["set", "class"]).size()
    assert counts["learned", "learned-only"] == int(before["Learned-only"])
    assert counts["peaks", "shared"] == int(before["Shared peaks"])
    page.get_by_role("tab", name="Elements and peaks").focus()
    driver.until(lambda: tabbed(page) == "TD")
    page.keyboard.press("Shift+Space")
    page.get_by_text("1 picked.").wait_for()
    row = table.iloc[0]
    page.get_by_role("button", name="Open in the Browser").press("Enter")
    page.locator(".s2e-plot .main-svg").first.wait_for()
    driver.until(lambda: address_of(driver).get("gene") == row["gene"])
    idle(driver)
    assert address_of(driver)["cell"] == CELL
    first, last = (int(row[name]) for name in ("start (bp, 0-based)", "end (bp, half-open)"))
    low, high = driver.view()
    assert low < first < last < high and high - low <= 2 * (last - first) + 2_100
    # Back here everything stands as it was left, in the address, too.
    page.get_by_role("link", name="Compare").click()
    page.locator("[data-testid=stMetric]").first.wait_for()
    page.get_by_text("Learned elements and peaks of 2 genes").wait_for()
    idle(driver)
    assert numbers(driver) == before
    kept = address_of(driver)
    assert {key: kept.get(key) for key in link} == {key: str(v) for key, v in link.items()}


def tabbed(page) -> str:
    """Go to the next thing that the keyboard reaches; return what it is."""
    page.keyboard.press("Tab")
    page.wait_for_timeout(300)  # a table hands the focus on to its first cell
    return page.evaluate("document.activeElement.tagName")
