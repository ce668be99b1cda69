"""A gene's way through the app in a real Chromium, and taking away: files, figures, a hub."""

import io
import json
import re
import urllib.request
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hub_checker import check_hub

from seq2exp.bench.chromium import Driver
from seq2exp.export.presets import PRESETS
from seq2exp.export.selections import parse_selections
from seq2exp.export.session import Selection
from seq2exp.model.checkpoint import save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"
HEADER_PX, ROW_PX = 35, 35
#: Leaves elements whatever the network has learnt.
TOP = "?mode=top&fraction=0.05"


class Page(Driver):
    """The Browser page."""

    def ready(self) -> "Page":
        """Wait until no job and no script runs."""
        self.page.wait_for_selector(".s2e-plot .main-svg")
        self.until(lambda: not self.page.get_by_test_id("stProgress").count())
        self.idle()
        return self

    def idle(self) -> None:
        self.page.wait_for_timeout(200)
        self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()

    def go(self, name: str) -> None:
        """Open another page of the app."""
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
        self.until(lambda: not self.page.get_by_test_id("stProgress").count())
        self.idle()

    def tab(self, name: str):
        self.page.get_by_role("tab", name=name).click()
        return self.page.get_by_role("tabpanel", name=name)

    def rows(self, where) -> list[list[str]]:
        """A table, as screen readers get it."""
        listed = where.locator("canvas table tbody tr")
        return [row.locator("td").all_inner_texts() for row in listed.all()]

    def pick(self, where, row: int = 0) -> None:
        """Tick the box of a row."""
        table = where.get_by_test_id("stDataFrame").first
        line = table.locator("canvas table tbody tr").nth(row)

        def picked() -> bool:
            """Click; it falls beside the box while what stands above the table changes."""
            table.scroll_into_view_if_needed()
            self.idle()
            box = table.bounding_box()
            self.page.mouse.click(box["x"] + 15, box["y"] + HEADER_PX + (row + 0.5) * ROW_PX)
            return self.soon(lambda: line.get_attribute("aria-selected") == "true")

        self.until(picked)
        self.idle()

    def numbers(self) -> dict[str, str]:
        """The readout: titles and values."""
        found = {}
        for metric in self.page.get_by_test_id("stMetric").all():
            name = metric.get_by_test_id("stMetricLabel").inner_text().strip()
            found[name] = metric.get_by_test_id("stMetricValue").inner_text()
        return found

    def tracks(self) -> list[str]:
        """The keys of the figure's rows."""
        meta = self.page.evaluate("() => document.querySelector('.s2e-plot').layout.meta")
        return [row["key"] for row in meta["rows"]]

    def type_into(self, table, row: int, column: int, text: str) -> None:
        """Type into a cell of a table with the keyboard, from its first column on."""
        field = self.page.locator("#portal textarea, #portal input")

        def opened() -> bool:
            """Open the cell; a click falls beside it while what stands above the table changes."""
            table.scroll_into_view_if_needed()
            self.idle()
            box = table.bounding_box()
            self.page.mouse.click(box["x"] + 80, box["y"] + HEADER_PX + (row + 0.5) * ROW_PX)
            at = "document.activeElement.getAttribute('aria-colindex')"
            if not self.soon(lambda: self.page.evaluate(at) is not None, 5):
                return False
            for _ in range(column):
                self.page.keyboard.press("ArrowRight")
            self.page.keyboard.press("Enter")
            return self.soon(lambda: bool(field.count()), 5)

        # The field opens with the cell's text in it; what is typed before would be lost.
        self.until(opened)
        field.fill(text)
        self.page.keyboard.press("Enter")
        self.idle()

    def save(self, button: str, where=None) -> Path:
        """What a download button hands out."""
        self.idle()
        with self.page.expect_download() as found:
            (where or self.page).get_by_role("button", name=button, exact=True).click()
        return Path(found.value.path())

    def leave(self, dialog) -> None:
        """Close a dialog by the keyboard: a button that made a file let go of the focus."""
        self.page.keyboard.press("Tab")
        self.page.keyboard.press("Escape")
        dialog.wait_for(state="detached")

    def upload(self, label: str, name: str, data: bytes) -> None:
        uploader = self.page.get_by_test_id("stFileUploader").filter(has_text=label)
        file = {"name": name, "mimeType": "text/plain", "buffer": data}
        uploader.locator("input[type=file]").set_input_files(file)
        self.ready()


@pytest.fixture(scope="module")
def address(serve, demo: Path, tmp_path_factory) -> Iterator[str]:
    """The app with one small network."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(5)
    card = {"title": "Tiny", "dataset": {"name": "demo", "simulated": True}}
    save_model(folder / "tiny.safetensors", Seq2Exp(ModelConfig.soft("tiny")), card)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQ2EXP_MODELS", str(folder))
        yield serve(ROOT / "app.py", "--dataset", str(demo))


@pytest.fixture
def visit(chromium, address: str) -> Iterator:
    """Open the page anew; afterwards no script of it may have failed."""
    contexts, pages = [], []

    def opened(link: str = TOP) -> Page:
        context = chromium.new_context(
            viewport={"width": 1280, "height": 1400}, accept_downloads=True
        )
        contexts.append(context)
        pages.append(Page(context.new_page()))
        pages[-1].page.goto(f"{address}/{link}")
        return pages[-1].ready()

    yield opened
    errors = [error for page in pages for error in page.errors]
    for context in contexts:
        context.close()
    assert errors == []


def test_from_an_element_to_a_figure_a_file_a_hub_and_back(visit, tmp_path):
    page = visit()
    # An element becomes a selection with a name and a note.
    panel = page.tab("Learned elements")
    page.pick(panel)
    panel.get_by_role("button", name="Add to selection").click()
    page.idle()
    panel = page.tab("Selection")
    table = panel.get_by_test_id("stDataFrame")
    page.until(lambda: len(page.rows(panel)) == 1)
    page.type_into(table, 0, 4, "my enhancer")
    page.until(lambda: "my enhancer" in page.rows(panel)[0])
    page.type_into(table, 0, 5, "#CC79A7")
    page.until(lambda: "#CC79A7" in page.rows(panel)[0])
    page.type_into(table, 0, 7, "50 % of it")
    page.until(lambda: "50 % of it" in page.rows(panel)[0])
    # The figure of a journal's width, with the selection marked.
    page.page.get_by_role("button", name="Publication figure").first.click()
    dialog = page.page.get_by_role("dialog")
    dialog.get_by_role("img").first.wait_for()
    page.idle()
    cell = next(preset for preset in PRESETS if preset.name == "Cell, one column")
    dialog.get_by_role("combobox", name="Journal").click()
    page.page.get_by_role("option", name=cell.name).click()
    dialog.get_by_text(f"{cell.width_mm:.0f} × ").wait_for()
    dialog.get_by_text("Highlights", exact=True).click()
    marks = dialog.get_by_test_id("stDataFrame").last

    def marked() -> bool:
        """Tick the first row; a click falls beside it while the table still slides open."""
        marks.scroll_into_view_if_needed()
        page.idle()
        box = marks.bounding_box()
        page.page.mouse.click(box["x"] + 70, box["y"] + HEADER_PX + ROW_PX / 2)
        return page.soon(lambda: page.rows(marks)[0][0] == "true")

    page.until(marked)
    svg = ElementTree.fromstring(page.save("Save as SVG", dialog).read_bytes())
    assert float(svg.attrib["width"].removesuffix("pt")) == pytest.approx(
        cell.width_mm / 25.4 * 72, abs=0.1
    )
    assert "my enhancer" in ["".join(node.itertext()) for node in svg.iter(f"{SVG}text")]
    page.leave(dialog)
    # The files.
    page.ready()
    page.tab("Download")
    bed = page.save("Selection (BED)").read_bytes()
    (kept,) = parse_selections(bed.decode())
    assert (kept.name, kept.color, kept.note) == ("my enhancer", "#CC79A7", "50 % of it")
    session = page.save("Session (JSON)").read_bytes()
    assert json.loads(session)["selections"][0]["note"] == "50 % of it"
    assert "Simulated data" in page.save("Report (HTML)").read_text()
    # The hub, and its address.
    page.page.get_by_role("button", name="Make the hub").click()
    page.page.get_by_role("button", name="Hub (zip)").wait_for()
    with zipfile.ZipFile(io.BytesIO(page.save("Hub (zip)").read_bytes())) as archive:
        archive.extractall(tmp_path)
    check_hub(next(tmp_path.iterdir()))
    page.page.get_by_text("Serve hubs from this app").click()
    address = page.page.get_by_test_id("stCode").first
    address.wait_for()
    text = urllib.request.urlopen(address.inner_text().strip(), timeout=10).read().decode()
    assert "genomesFile genomes.txt" in text
    page.page.get_by_text("Serve hubs from this app").click()
    address.wait_for(state="detached")
    # Back, by either file.
    other = visit("")
    panel = other.tab("Selection")
    other.upload("BED file", "mine.bed", bed)
    other.until(lambda: len(other.rows(panel)) == 1 and "50 % of it" in other.rows(panel)[0])
    panel.get_by_text("1 span of mine.bed added.").wait_for()
    other = visit("")
    other.upload("session", "mine.json", session)
    panel = other.tab("Selection")
    other.until(lambda: len(other.rows(panel)) == 1 and "my enhancer" in other.rows(panel)[0])
    assert "#CC79A7" in other.rows(panel)[0]


def test_the_way_of_a_gene(visit):
    """Browse, select, compare, delete, draw, save, and come back by the session file."""
    page = visit()
    # Browse and select: the first learned element.
    panel = page.tab("Learned elements")
    page.pick(panel)
    panel.get_by_role("button", name="Add to selection").click()
    page.idle()
    # Compare: a peak that the model ignores goes to the selection, too, and is opened.
    page.go("Compare")
    page.page.get_by_text("Learned elements and peaks of").wait_for()
    compared = page.numbers()
    page.page.get_by_text(f"peak-only ({compared['Peak-only']})").click()
    page.idle()
    panel = page.page.get_by_role("tabpanel", name="Elements and peaks")
    page.pick(panel)
    panel.get_by_role("button", name="Add to selection").click()
    panel.get_by_text("2 in the selection").wait_for()
    page.idle()
    panel.get_by_role("button", name="Open in the Browser").click()
    page.ready()
    low, high = page.view()
    assert high - low < 100_000 and "effects" not in page.tracks()
    # Delete both; the figure has a row of what that does.
    page.go("In silico")
    page.page.get_by_role("button", name=re.compile(r"Delete \d+ interval")).wait_for()
    for kind in ("Learned elements", "BED selection"):
        page.page.get_by_test_id("stButtonGroup").get_by_text(kind, exact=True).click()
        page.idle()
    page.page.get_by_role("button", name="Delete 2 intervals").click()
    page.page.get_by_text("One row an interval that was deleted").wait_for()
    page.idle()
    page.go("Browser")
    page.ready()
    page.until(lambda: "effects" in page.tracks())
    assert page.view() == [low, high]
    panel = page.tab("Deletions")
    page.until(lambda: len(page.rows(panel)) == 2)
    # Draw what is on screen.
    page.page.get_by_role("button", name="Publication figure").first.click()
    dialog = page.page.get_by_role("dialog")
    dialog.get_by_role("img").first.wait_for()
    svg = page.save("Save as SVG", dialog).read_text()
    assert f">{page.page.locator('.s2e-locus').inner_text()}  (" in svg
    for track in ("genes", "dnase", "peaks", "elements", "mask", "effects"):
        assert f'id="track-{track}"' in svg
    page.leave(dialog)
    # Save: both spans lie where the tables had them.
    page.ready()
    page.tab("Download")
    bed = page.save("Selection (BED)").read_text()
    element, peak = parse_selections(bed)
    assert low < peak.start < peak.end < high and peak.color != element.color == Selection.color
    session = page.save("Session (JSON)").read_bytes()
    numbers = page.numbers()
    # Back: the same gene, mask, view and selection, on another day.
    other = visit("")
    assert other.numbers()["Mask ratio"] != numbers["Mask ratio"]
    other.upload("session", "mine.json", session)
    other.until(lambda: other.view() == [low, high])
    other.ready()
    for name in ("Predicted", "Measured", "Mask ratio", "Peak ratio"):
        assert other.numbers()[name] == numbers[name]
    other.tab("Download")
    assert other.save("Selection (BED)").read_text() == bed
