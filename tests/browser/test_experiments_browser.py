"""From a span in the figure to its deletion, an edited input, a variant, and back to the figure."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from seq2exp.bench.chromium import Driver
from seq2exp.datasets.catalog import Dataset
from seq2exp.genome.locus import Interval
from seq2exp.model.checkpoint import save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    """Two small networks that differ in nothing but their seed."""
    folder = tmp_path_factory.mktemp("seeds")
    for seed in (1, 2):
        torch.manual_seed(seed)
        card = {
            "title": f"Seed {seed}",
            "seed": seed,
            "dataset": {"digest": "0", "simulated": True},
        }
        save_model(folder / f"tiny-{seed}.safetensors", Seq2Exp(ModelConfig.soft("tiny")), card)
    return folder


@pytest.fixture(scope="module")
def address(serve, demo, shelf) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQ2EXP_MODELS", str(shelf))
        yield serve(ROOT / "app.py", "--dataset", str(demo))


class Page(Driver):
    """The app, as a biologist walks through it."""

    def idle(self) -> "Page":
        """Wait until no job and no script runs: a button that a run replaces loses the click."""
        still = "[data-testid=stApp][data-test-script-state=notRunning]"
        self.until(lambda: not self.page.get_by_test_id("stProgress").count())
        self.page.locator(still).wait_for()
        self.page.wait_for_timeout(300)
        self.until(lambda: not self.page.get_by_test_id("stProgress").count())
        self.page.locator(still).wait_for()
        return self

    def click(self, name: str) -> None:
        self.idle().page.get_by_role("button", name=name, exact=True).click()

    def span(self, first: int, last: int, action: str) -> None:
        """Shift-drag over a span of the figure and choose what to do with it."""
        item = self.page.get_by_role("menuitem", name=action)

        def dragged() -> bool:
            """A figure that is drawn anew meanwhile does not know of the drag."""
            self.idle().page.locator(".s2e-stage").focus()
            self.page.keyboard.down("Shift")
            self.drag(self.at(first), self.at(last))
            self.page.keyboard.up("Shift")
            self.page.wait_for_timeout(1_000)
            return bool(item.count())

        self.until(dragged)
        item.click()

    def note(self, text: str) -> str:
        """A message that holds a text."""
        box = self.page.get_by_test_id("stAlert").filter(has_text=text)
        box.wait_for()
        return box.inner_text()

    def rows(self) -> list[str]:
        """The keys of the figure's rows."""
        meta = self.page.evaluate("() => document.querySelector('.s2e-plot').layout.meta")
        return [row["key"] for row in meta["rows"]]


@pytest.fixture
def visit(chromium, address) -> Iterator:
    context = chromium.new_context(viewport={"width": 1280, "height": 1400}, accept_downloads=True)
    page = Page(context.new_page())

    def opened(path: str = "") -> Page:
        page.page.goto(f"{address}/{path}")
        return page.idle()

    yield opened
    context.close()
    # Streamlit first looks for its server below the page's own address.
    assert [error for error in page.errors if "404 (Not Found)" not in error] == []


def test_a_span_is_deleted_and_its_inputs_are_edited(visit, demo):
    dataset = Dataset.load(demo)
    gene = dataset.gene(dataset.default_gene)
    tss, deleted = gene.tss, f"Without {gene.chrom}:"
    page = visit("?mode=hard")
    page.page.wait_for_selector(".s2e-plot .main-svg")
    page.idle()
    page.until(lambda: "seeds" in page.rows())
    assert "effects" not in page.rows()
    page.span(tss - 3_000, tss + 3_000, "Delete in silico")
    before = page.note(deleted)
    assert "log10(CAGE + 1)" in before
    page.until(lambda: "effects" in page.rows())
    page.page.get_by_role("tab", name="Deletions").click()
    cells = page.page.get_by_role("tabpanel", name="Deletions").locator("canvas table tbody tr")
    assert "span_1" in cells.first.inner_text()
    page.span(tss - 2_000, tss + 2_000, "Edit the inputs here")
    field = page.page.get_by_role("textbox", name="Span to edit")
    page.until(lambda: field.input_value().startswith(gene.chrom))
    page.click("Apply the edit")
    assert "instead of" in page.note("1 edit of the inputs: predicted")
    page.until(lambda: "edits" in page.rows())
    # The deletion is that of the edited window now, and the session keeps the edit.
    page.until(lambda: page.note(deleted) != before)
    page.page.get_by_role("tab", name="Download").click()
    page.idle()
    with page.page.expect_download() as found:
        page.page.get_by_role("button", name="Session (JSON)").click()
    (edit,) = json.loads(Path(found.value.path()).read_text())["edits"]
    assert edit["action"] == "scale" and edit["signal"] == "DNase"
    page.click("Undo")
    page.until(lambda: "edits" not in page.rows())


def test_a_variant_goes_to_the_browser_by_the_keyboard(visit, demo):
    dataset = Dataset.load(demo)
    gene = dataset.gene(dataset.default_gene)
    page = visit("experiments?mode=hard&experiment=Variants")
    there = dataset.genome.fetch(Interval(gene.chrom, gene.tss, gene.tss + 1))
    other = "A" if there != "A" else "G"
    field = page.page.get_by_role("textbox", name="Variants, one a line")
    field.fill(f"{gene.chrom}:{gene.tss + 1} {there}>{other}")
    field.press("Control+Enter")
    page.page.get_by_role("button", name="Test 1 variant").wait_for()
    page.idle().page.get_by_role("button", name="Test 1 variant").press("Enter")
    page.page.get_by_role("button", name="Open in the Browser with this allele").wait_for()
    assert "experiment=Variants" in page.page.url
    page.click("Open in the Browser with this allele")
    page.page.wait_for_selector(".s2e-plot .main-svg")
    assert "1 edit of the inputs" in page.note("1 edit of the inputs")
    page.until(lambda: "edits" in page.rows())
    start, end = page.view()
    assert start < gene.tss < end and end - start < 5_000
