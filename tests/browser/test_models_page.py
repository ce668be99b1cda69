"""The Models page in a real Chromium: a click on a point of the scatter opens its gene."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
import torch
from example_results import LOG, write_results

from seq2exp.bench.chromium import Driver
from seq2exp.datasets.catalog import Dataset
from seq2exp.model import registry
from seq2exp.model.checkpoint import save_model

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
SOFT = ("tiny-p05", "tiny-p10")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shelf")
    torch.manual_seed(5)
    for name, prior in zip(SOFT, (0.05, 0.1), strict=True):
        model = registry.make("seq2exp-soft", "tiny", {"prior_mean": prior})
        card = {"model": "seq2exp-soft", "title": f"Soft at {prior}"}
        card["dataset"] = {"name": "Simulated demo", "digest": "0" * 64, "simulated": True}
        save_model(folder / f"{name}.safetensors", model, card)
        (folder / f"{name}.log.csv").write_text(LOG)
    card = {"model": "caduceus", "title": "Tiny Caduceus"}
    save_model(folder / "a-caduceus.safetensors", registry.make("caduceus", "tiny"), card)
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory, demo) -> Path:
    dataset = Dataset.load(demo)
    genes = [(g.id, g.name, g.chrom) for g in list(dataset.annotation.genes.values())[4:16]]
    folder = tmp_path_factory.mktemp("results") / "example"
    return write_results(folder, genes, list(dataset.cells), SOFT)


@pytest.fixture(scope="module")
def address(serve, demo, shelf, results) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQ2EXP_MODELS", str(shelf))
        yield serve(ROOT / "app.py", "--dataset", str(demo), "--results", str(results))


@pytest.fixture
def visit(chromium, address) -> Iterator:
    """Open the Models page; afterwards no script of it may have failed."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1400})
    driver = Driver(context.new_page())

    def opened(link: str = "") -> Driver:
        driver.page.goto(f"{address}/models{link}")
        driver.page.locator(".js-plotly-plot .scatterlayer .point").first.wait_for()
        idle(driver)
        return driver

    yield opened
    context.close()
    # Streamlit first looks for its server below the page's own address.
    assert [error for error in driver.errors if "404 (Not Found)" not in error] == []


def idle(driver: Driver) -> None:
    driver.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def chosen(driver: Driver, label: str) -> str:
    return driver.page.get_by_role("combobox", name=label).input_value()


def address_of(driver: Driver) -> dict[str, str]:
    return {key: v[0] for key, v in parse_qs(urlsplit(driver.page.url).query).items()}


def point(driver: Driver, gene: str, cell: str) -> tuple[float, float]:
    """Where a gene's point is on the page, in px."""
    plot = driver.page.locator(".js-plotly-plot").first
    plot.evaluate("plot => plot.scrollIntoView({block: 'center'})")
    driver.page.wait_for_timeout(500)
    return plot.evaluate(
        """(plot, [gene, cell]) => {
            const { xaxis, yaxis } = plot._fullLayout;
            const box = plot.getBoundingClientRect();
            const trace = plot._fullData.find(one => one.name === cell);
            const i = trace.text.indexOf(gene);
            return [
                box.x + xaxis._offset + xaxis.d2p(trace.x[i]),
                box.y + yaxis._offset + yaxis.d2p(trace.y[i]),
            ];
        }""",
        [gene, cell],
    )


def test_a_click_on_a_point_opens_its_gene_in_the_browser(visit, results):
    driver = visit("?model=tiny-p10")
    assert chosen(driver, "Active model") == "tiny-p10"
    rows = pd.read_parquet(results / "predictions.parquet")
    rows = rows[(rows["model_id"] == "tiny-p10") & (rows["split"] == "test")]
    # The highest point has no other on top of it; it belongs to the second cell type, which a link
    # must name, as well as to a gene that the Browser does not open with.
    second = sorted(rows["cell"].unique())[1]
    row = rows[rows["cell"] == second].sort_values("predicted").iloc[-1]
    driver.page.mouse.click(*point(driver, row["gene"], row["cell"]))
    driver.page.locator(".s2e-plot .main-svg").first.wait_for()
    driver.until(lambda: chosen(driver, "Gene or locus") == row["gene"])
    assert chosen(driver, "Cell type") == row["cell"]
    assert chosen(driver, "Model") == "tiny-p10"
    assert urlsplit(driver.page.url).path.strip("/") == ""
    link = address_of(driver)
    assert (link["gene"], link["cell"], link["model"]) == (row["gene"], row["cell"], "tiny-p10")
    # Back at the models, the point that was clicked does not open the gene again.
    driver.page.get_by_role("link", name="Models").click()
    driver.page.locator(".js-plotly-plot .scatterlayer .point").first.wait_for()
    idle(driver)
    assert urlsplit(driver.page.url).path == "/models"
    assert chosen(driver, "Active model") == "tiny-p10"


def test_the_active_model_is_the_one_that_the_browser_shows(visit):
    driver = visit()
    assert chosen(driver, "Active model") == "tiny-p05"
    driver.page.get_by_role("combobox", name="Active model").click()
    driver.page.get_by_role("option", name="tiny-p10").click()
    driver.until(lambda: address_of(driver).get("model") == "tiny-p10")
    idle(driver)
    driver.page.get_by_role("button", name="Open in the Browser").click()
    driver.page.locator(".s2e-plot .main-svg").first.wait_for()
    assert chosen(driver, "Model") == "tiny-p10"
    driver.until(lambda: address_of(driver).get("model") == "tiny-p10")


def test_the_browser_keeps_its_place_while_the_models_are_looked_at(visit, results):
    driver = visit()
    driver.page.get_by_role("link", name="Browser").click()
    driver.page.locator(".s2e-plot .main-svg").first.wait_for()
    rows = pd.read_parquet(results / "predictions.parquet")
    gene = rows["gene"].iloc[0]
    driver.search(gene)
    driver.until(lambda: chosen(driver, "Gene or locus") == gene)
    driver.page.get_by_role("link", name="Models").click()
    driver.page.get_by_role("heading", name="Benchmarks").wait_for()
    driver.page.get_by_role("link", name="Browser").click()
    driver.until(lambda: chosen(driver, "Gene or locus") == gene)
    driver.until(lambda: address_of(driver).get("gene") == gene)


def test_a_model_without_a_mask_is_left_behind(visit):
    driver = visit("?model=a-caduceus")
    assert chosen(driver, "Active model") == "a-caduceus"
    driver.page.get_by_role("link", name="Browser").click()
    driver.page.locator(".s2e-plot .main-svg").first.wait_for()
    driver.until(lambda: chosen(driver, "Model") == "tiny-p05")
    idle(driver)
    assert address_of(driver).get("model", "tiny-p05") == "tiny-p05"
    assert driver.page.get_by_text("The link's 'model'").count() == 0
