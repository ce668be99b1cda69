"""The Browser page as a biologist uses it: a real server, a real Chromium, real downloads."""

import io
import itertools
import json
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import numpy as np
import pytest

from seq2exp.bench.chromium import Driver
from seq2exp.datasets.catalog import Dataset

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
NUMBERS = ("Predicted", "Measured", "Mask ratio", "Model run")


class Page(Driver):
    """The Browser page."""

    def number(self, name: str) -> str:
        """A value of the readout."""
        metric = self.page.get_by_test_id("stMetric").filter(has_text=name)
        return metric.get_by_test_id("stMetricValue").inner_text()

    def ready(self) -> "Page":
        """Wait until the model and the peak caller are done and the figure shows it."""
        self.page.wait_for_selector(".s2e-plot .main-svg")
        self.until(lambda: not self.page.get_by_test_id("stProgress").count())
        self.until(lambda: all("…" not in self.number(name) for name in NUMBERS))
        self.settle()
        self.idle()
        return self

    def idle(self) -> None:
        """Wait until no script runs: a button that a run replaces loses the click."""
        self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()

    def address(self) -> dict[str, str]:
        """The parameters in the page's address."""
        return {key: values[0] for key, values in parse_qs(urlsplit(self.page.url).query).items()}

    def open_tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def download(self, button: str) -> Path:
        """What a download button hands out."""
        self.open_tab("Download")
        self.idle()
        with self.page.expect_download() as found:
            self.page.get_by_role("button", name=button, exact=True).click()
        return Path(found.value.path())

    def bed(self, button: str = "Elements (BED9)") -> list[list[str]]:
        lines = self.download(button).read_text().splitlines()
        return [line.split("\t") for line in lines if line and not line.startswith(("track", "#"))]

    def cells(self, tab: str) -> list[list[str]]:
        """The table of a tab, as screen readers get it: without its column of check boxes."""
        self.open_tab(tab)
        rows = self.page.get_by_role("tabpanel", name=tab).locator("canvas table tbody tr")
        rows.first.wait_for(state="attached")
        return [row.locator("td").all_inner_texts() for row in rows.all()]

    def turn(self, name: str, key: str) -> None:
        """Move a slider with the keyboard."""
        self.page.get_by_role("slider", name=name).press(key)


@pytest.fixture(scope="module")
def dataset(demo: Path) -> Dataset:
    return Dataset.load(demo)


@pytest.fixture(scope="module")
def address(chromium, serve, demo: Path) -> str:
    return serve(ROOT / "app.py", "--dataset", str(demo))


@pytest.fixture
def visit(chromium, address: str) -> Iterator:
    """Open the page by a deep link and wait for the model; afterwards no script may have failed."""
    contexts, pages = [], []

    def opened(scheme: str = "light", width: int = 1280, **link: str) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 1400}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        page = Page(context.new_page())
        pages.append(page)
        page.page.goto(f"{address}/?{urlencode(link, quote_via=quote)}")
        return page.ready()

    yield opened
    errors = [error for page in pages for error in page.errors]
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture(scope="module")
def level(chromium, address: str) -> float:
    """A threshold that leaves some elements, whatever the model has learnt: read off its mask."""
    context = chromium.new_context(accept_downloads=True, viewport={"width": 1280, "height": 1400})
    page = Page(context.new_page())
    page.page.goto(address)
    page.ready()
    _, _, mask = mask_of(page)
    context.close()
    outside = np.delete(mask, np.s_[99_000:101_000])
    return round(float(np.quantile(outside, 0.98)) / 0.005) * 0.005


def mask_of(page: Page) -> tuple[str, int, np.ndarray]:
    """The mask as another library reads it from the downloaded bigWig."""
    pybigtools = pytest.importorskip("pybigtools")
    file = pybigtools.open(io.BytesIO(page.download("Mean (bigWig)").read_bytes()))
    (chrom,) = [name for name in file.chroms() if list(file.records(name))]
    records = list(file.records(chrom))
    start, end = records[0][0], records[-1][1]
    return chrom, start, np.asarray(file.values(chrom, start, end, fillna=0))


def test_a_link_opens_gene_part_and_rule(visit, dataset):
    gene = dataset.gene(dataset.default_gene)
    start, end = gene.tss - 20_000, gene.tss + 30_000
    cell = list(dataset.cells)[1]
    link = {
        "cell": cell,
        "region": f"{gene.chrom}:{start + 1:,}-{end:,}",
        "mode": "hard",
        "threshold": "0.3",
    }
    page = visit(**link)
    assert page.view() == [start, end]
    assert page.address() == link
    assert page.number("Measured") == f"{dataset.window(gene.id, cell).label:.3f}"
    assert page.slider("Threshold") == 0.3
    assert page.page.get_by_text("simulated").first.is_visible()


def test_dragging_pans_and_the_address_follows(visit):
    page = visit()
    page.press("+")
    start, end = page.view()
    assert end - start == 100_000
    middle = (start + end) / 2
    page.drag(page.at(middle), page.at(middle - 20_000))
    page.settle()
    moved = page.view()
    assert abs(moved[0] - start - 20_000) < 500
    locus = page.page.locator(".s2e-locus").inner_text()
    page.until(lambda: page.address().get("region") == locus)
    page.press("0")
    page.until(lambda: "region" not in page.address())


def test_the_wheel_zooms_to_letters(visit, dataset):
    gene = dataset.gene(dataset.default_gene)
    spot = gene.tss + 30
    page = visit()
    page.page.get_by_label("Zoom with the mouse wheel").click()
    for _ in range(40):
        if page.view()[1] - page.view()[0] < 150:
            break
        page.page.mouse.move(*page.at(spot))
        page.page.mouse.wheel(0, -120)
        page.settle()
    start, end = page.view()
    assert start <= spot < end and end - start < 150
    paths = "() => document.querySelector('.s2e-plot').layout.shapes.filter(s => s.type == 'path')"
    page.until(lambda: len(page.page.evaluate(paths)) == 4)


def test_a_selected_span_arrives_in_the_table_and_the_file(visit, dataset):
    tss = dataset.gene(dataset.default_gene).tss
    page = visit()
    page.page.keyboard.down("Shift")
    page.drag(page.at(tss + 10_000), page.at(tss + 20_000))
    page.page.keyboard.up("Shift")
    page.page.get_by_role("menuitem", name="Add to selection").click()
    page.open_tab("Selection")
    page.page.get_by_text("Nothing selected yet").wait_for(state="detached")
    (row,) = page.cells("Selection")
    (line,) = page.bed("Selection (BED)")
    assert abs(int(line[1]) - tss - 10_000) < 500 and abs(int(line[2]) - tss - 20_000) < 500
    assert line[3] == "selection_1" and "selection_1" in row
    assert row[1:3] == [str(int(line[1]) + 1), line[2]]


def test_prior_and_threshold_move_elements_and_readout(visit, level):
    page = visit(threshold=f"{level:.3f}")
    first, found = page.bed(), page.number("Predicted")
    ratio = float(page.number("Mask ratio").split()[0])
    prior = page.page.get_by_role("slider", name="Prior mean")
    trained = page.slider("Prior mean")
    for _ in range(8):
        prior.press("ArrowRight")
    page.until(lambda: "prior" in page.address())
    page.until(lambda: page.number("Mask ratio") != f"{ratio:.2f} %")
    page.ready()
    assert float(page.number("Mask ratio").split()[0]) > ratio
    assert page.bed() != first
    page.page.get_by_role("button", name="Back to the trained prior").click()
    page.until(lambda: page.slider("Prior mean") == trained)
    page.ready()
    assert (page.number("Predicted"), page.bed()) == (found, first)
    # The highest threshold leaves nothing, and says what to do.
    page.turn("Threshold", "End")
    page.open_tab("Learned elements")
    page.page.get_by_text("No element: no stretch of the mask meets the rule").wait_for()
    page.open_tab("Download")
    page.until(page.page.get_by_role("button", name="Elements (BED9)").is_disabled)
    assert page.number("Predicted") == found  # the soft mask is the same


def test_elements_are_those_of_the_downloaded_mask(visit, level, dataset):
    """Table, BED and bigWig against plain runs in the mask, found here by brute force."""
    page = visit(threshold=f"{level:.3f}", length="1", gap="0")
    chrom, start, mask = mask_of(page)
    assert mask.mean() * 100 == pytest.approx(
        float(page.number("Mask ratio").split()[0]), abs=0.0051
    )
    chosen = mask >= np.float32(level)
    tss = dataset.gene(dataset.default_gene).tss
    chosen[tss - 1_000 - start : tss + 1_000 - start] = False
    runs, at = [], start
    for value, group in itertools.groupby(chosen):
        length = len(list(group))
        if value:
            runs.append((chrom, at, at + length))
        at += length
    bioframe = pytest.importorskip("bioframe")
    frame = bioframe.read_table(
        io.StringIO("\n".join("\t".join(line) for line in page.bed())), schema="bed9"
    )
    assert list(frame[["chrom", "start", "end"]].itertuples(index=False, name=None)) == runs
    assert len(runs) > 1
    peaks = bioframe.read_table(page.download("Elements (narrowPeak)"), schema="narrowPeak")
    assert list(peaks[["chrom", "start", "end"]].itertuples(index=False, name=None)) == runs
    for row, run in zip(page.cells("Learned elements"), runs, strict=False):
        assert {str(run[1] + 1), str(run[2])} <= set(row)


def test_f_and_b_walk_along_the_elements(visit, level):
    page = visit(threshold=f"{level:.3f}")
    spans = [(int(line[1]), int(line[2])) for line in page.bed()]
    page.page.locator(".s2e-stage").focus()
    middle = sum(page.view()) / 2
    after = [(a + b) / 2 for a, b in spans if (a + b) / 2 > middle + 0.5]
    before = [(a + b) / 2 for a, b in spans if (a + b) / 2 < middle - 0.5]
    key, target = ("f", after[0]) if after else ("b", before[-1])
    page.press(key)
    start, end = page.view()
    assert start <= target <= end and end - start < 200_000
    assert "element" in page.page.locator(".s2e-message").inner_text()


def test_figures_can_be_taken_away(visit, dataset):
    gene = dataset.default_gene
    page = visit()
    page.press("+")
    text = page.download("SVG").read_text()
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    words = " ".join(" ".join(node.itertext()) for node in root.iter())
    assert gene in words and "simulated" in words.lower()
    assert page.download("PDF").read_bytes().startswith(b"%PDF")
    assert page.download("PNG").read_bytes().startswith(b"\x89PNG")
    html = page.download("Interactive HTML")
    alone = page.page.context.new_page()
    alone.goto(html.rename(html.with_suffix(".html")).as_uri())
    alone.wait_for_selector(".main-svg")


def test_a_session_file_brings_the_view_back(visit, level):
    page = visit(threshold=f"{level:.3f}", mode="hard", prior="0.15", length="60")
    page.press("+")
    page.press("ArrowRight")
    seen = page.view()
    page.page.keyboard.down("Shift")
    page.drag(page.at(seen[0] + 10_000), page.at(seen[0] + 20_000))
    page.page.keyboard.up("Shift")
    page.page.get_by_role("menuitem", name="Add to selection").click()
    page.open_tab("Selection")
    page.page.get_by_text("Nothing selected yet").wait_for(state="detached")
    page.ready()
    file = page.download("Session (JSON)")
    content = json.loads(file.read_text())
    assert content["region"] == page.page.locator(".s2e-locus").inner_text()
    selection, elements = page.bed("Selection (BED)"), page.bed()
    other = visit()
    uploader = other.page.get_by_test_id("stFileUploader").filter(has_text="session")
    uploader.locator("input[type=file]").set_input_files(
        {"name": "v.json", "mimeType": "application/json", "buffer": file.read_bytes()}
    )
    other.until(lambda: other.view() == seen)
    other.ready()
    assert other.bed("Selection (BED)") == selection
    assert other.bed() == elements
    for name in ("Predicted", "Mask ratio"):
        assert other.number(name) == page.number(name)


def test_a_click_on_a_gene_opens_it(visit, dataset):
    page = visit()
    first = dataset.default_gene
    genes = page.page.evaluate("() => document.querySelector('.s2e-plot').layout.meta.genes")
    left, right = page.view()
    gene = next(g for g in genes if g[1] != first and g[2] > left and g[3] < right)
    axis, lanes = page.page.evaluate(
        "() => { const gd = document.querySelector('.s2e-plot');"
        " const row = gd.layout.meta.rows.find(r => r.key == 'genes');"
        " const y = gd._fullLayout[row.axis.replace('y', 'yaxis')];"
        " return [[y._offset, y._length], gd.layout.meta.gene_lanes]; }"
    )
    box = page.page.locator(".s2e-plot").bounding_box()
    x, _ = page.at((gene[2] + gene[3]) / 2)
    page.page.mouse.click(x, box["y"] + axis[0] + (gene[4] + 0.3) / lanes * axis[1])
    page.until(lambda: page.address().get("gene") == gene[1])
    interval = dataset.window(gene[0], next(iter(dataset.cells))).interval
    length = dataset.lengths[interval.chrom]
    page.until(lambda: page.view() in ([interval.start, interval.end], [0, length]))
    page.until(
        lambda: (
            page.number("Measured")
            == f"{dataset.window(gene[0], next(iter(dataset.cells))).label:.3f}"
        )
    )


def test_a_typed_name_that_is_no_gene_offers_the_nearest(visit, dataset):
    page = visit()
    page.page.locator(".s2e-stage").focus()
    page.page.keyboard.press("/")
    page.page.keyboard.type(dataset.default_gene[:-1] + "X")
    page.page.keyboard.press("Enter")
    page.page.get_by_test_id("stAlert").get_by_text(dataset.default_gene).wait_for()


def test_dark_pages_have_a_dark_figure(visit):
    page = visit(scheme="dark")
    dark = "() => document.querySelector('.s2e-plot').layout.meta.dark"
    page.until(lambda: page.page.evaluate(dark))
    shot = page.page.locator(".s2e-stage").screenshot()
    matplotlib = pytest.importorskip("matplotlib.image")
    pixels = matplotlib.imread(io.BytesIO(shot))[..., :3]
    assert np.median(pixels) < 0.3


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1920, "dark")])
def test_nothing_is_wider_than_the_page(visit, width, scheme):
    page = visit(scheme=scheme, width=width)
    main = page.page.get_by_test_id("stMain")
    assert main.evaluate("node => node.scrollWidth - node.clientWidth") <= 0
    # The README's pictures: SEQ2EXP_SCREENSHOTS=data/screenshots pytest tests/browser -k wider
    if folder := os.environ.get("SEQ2EXP_SCREENSHOTS"):
        page.page.screenshot(path=Path(folder) / f"browser-{width}.png")


def test_a_window_over_the_chromosomes_start_shows_what_is_on_it(visit, dataset):
    genes = [dataset.gene(gene) for gene in dataset.example_genes("sim-erythroid")]
    gene = next(gene for gene in genes if gene.tss < 90_000)
    page = visit(gene=gene.name)
    assert page.view() == [0, gene.tss + 100_000]
