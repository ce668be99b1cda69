"""What is taken away from the Browser: every file holds what the page shows, and says what of."""

import io
import json
import re
import shlex
import socket
import struct
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
import zipfile

import html5lib
import numpy as np
import pandas as pd
import pyarrow.parquet
import pybigtools
import pyBigWig
import pytest
from hub_checker import check_hub

from pages.parts import resources, take_files
from pages.parts.edits import EDITS
from pages.parts.take_selections import unused_name
from pages.parts.take_serving import serving
from pages.parts.take_shown import Shown
from seq2exp import cli
from seq2exp.datasets.catalog import Dataset
from seq2exp.export import hub_shelf
from seq2exp.export.presets import PRESETS
from seq2exp.export.session import Selection
from seq2exp.genome.locus import Interval
from seq2exp.inference import posteriors
from seq2exp.inference.perturb import Edit
from seq2exp.inference.predictor import Predictor

pytestmark = pytest.mark.usefixtures("quick")
CELL = "sim-lymphoid"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def ran():
    """The genes for which the generator ran in this module."""
    genes = []
    true = Predictor.posterior

    def counted(self, window, *arguments, **options):
        genes.append(window.gene.name)
        return true(self, window, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Predictor, "posterior", counted)
        yield genes


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Folders of hubs and masks that nothing else fills."""
    hubs, masks = tmp_path_factory.mktemp("hubs"), tmp_path_factory.mktemp("posteriors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub_shelf, "hubs_dir", lambda: hubs)
        patch.setattr(posteriors, "posteriors_dir", lambda: masks)
        yield hubs
    serving().stop()


@pytest.fixture(scope="module")
def app(open_app, quick, ran, shelf):
    """The Browser on the default gene; the top rule leaves elements whatever was learnt."""
    resources.boards.clear()
    return open_app(cell=CELL, mode="top", fraction="0.05").settle()


@pytest.fixture(scope="module")
def dataset(demo):
    return Dataset.load(demo)


@pytest.fixture(scope="module")
def stem(dataset):
    return f"{dataset.default_gene}_{CELL}"


def buttons(app):
    """What each download button would hand out: name of the file, what makes it, disabled."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        true = take_files.st.download_button

        def button(label, make, file_name, **options):
            found[label] = (file_name, make, options["disabled"])
            return true(label, make, file_name, **options)

        patch.setattr(take_files.st, "download_button", button)
        app.run()
    return found


def press(app, label):
    """What a download button hands out."""
    _, make, disabled = buttons(app)[label]
    assert not disabled, label
    return make()


def elements(app) -> pd.DataFrame:
    return app.table("elements")


def test_the_names_of_files_tell_gene_cell_and_kind(app, stem):
    found = buttons(app)
    names = [name for name, _, _ in found.values()]
    assert len(set(names)) == len(names) > 20
    assert all(re.fullmatch(rf"{stem}\.\w+(\.\w+)*", name) for name in names), names
    assert [label for label, (_, _, disabled) in found.items() if disabled] == [
        "Selection (BED)",
        "Selection (TSV)",
        "Selection (Parquet)",
    ]


def test_tables_have_the_rows_of_the_page_with_units_and_origin(app, dataset):
    text = press(app, "Elements (TSV)").decode()
    head = dict(line[2:].split(": ", 1) for line in text.splitlines() if line.startswith("# "))
    assert "simulated" in head["data set"] and head["cell type"] == CELL
    assert head["elements"].startswith("the 5.00% of the window's bases")
    table = pd.read_csv(io.StringIO(text), sep="\t", comment="#")
    shown = elements(app)
    assert (table["start (bp, 0-based)"] + 1).tolist() == shown["start"].tolist()
    assert table["mean_mask (0-1)"].to_numpy() == pytest.approx(shown["mean_mask"].to_numpy())
    assert table["tss_distance (bp, negative upstream)"].tolist() == shown["to_tss"].tolist()
    assert set(table["gene"]) == {dataset.default_gene}
    for what in ("Elements", "Peaks"):
        plain = press(app, f"{what} (TSV)").decode()
        read = pyarrow.parquet.read_table(io.BytesIO(press(app, f"{what} (Parquet)")))
        rows = [line for line in plain.splitlines() if not line.startswith("#")]
        assert read.num_rows == len(rows) - 1 > 1
        assert read.schema.field("start").metadata == {b"unit": b"bp, 0-based"}
        assert b"simulated" in read.schema.metadata[b"seq2exp.data set"]


def test_simulated_data_are_marked(app):
    found = buttons(app)
    for label in ("Elements (BED9)", "Peaks (BED6)", "Mean (bedGraph)"):
        assert "Simulated data." in found[label][1]().splitlines()[0], label
    assert "Simulated data" in texts(found["SVG"][1]())
    assert "imulated" in found["Interactive HTML"][1]()


def read_bigwig(data, chrom, start, end):
    with pybigtools.open(io.BytesIO(data)) as file:
        return np.asarray(file.values(chrom, start, end, fillna=0))


def test_bigwigs_of_mean_and_bounds_are_the_posterior(app, dataset):
    posterior, found = mask_of(app).posterior, buttons(app)
    place = dataset.window_interval(dataset.gene(dataset.default_gene))
    on = place.clip(dataset.lengths[place.chrom])
    assert on == place

    def read(name):
        return read_bigwig(found[f"{name} (bigWig)"][1](), on.chrom, on.start, on.end)

    low, mean, high = read("Lower bound"), read("Mean"), read("Upper bound")
    assert mean == pytest.approx(posterior.soft(), abs=1e-6)
    free = np.ones(len(posterior), bool)
    free[posterior.forced_open] = False
    free &= ~posterior.closed
    assert low[free] == pytest.approx(posterior.quantile(0.05)[free], abs=1e-6)
    assert (low <= mean).all() and (mean <= high).all() and (low < high)[free].all()
    used = read("As it was read")
    assert set(np.unique(used)) == {0, 1}
    ratio = float(app.numbers()["Mask ratio"].split()[0]) / 100
    assert used.mean() == pytest.approx(ratio, abs=1e-4)


def mask_of(app):
    """What the page knows of the mask."""
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        true = Shown.result

        def result(self):
            seen.append(self.mask)
            return true(self)

        patch.setattr(Shown, "result", result)
        app.run()
    return seen[-1]


# --- the BED selection

SPANS = [
    Selection("simT1", 5_000, 6_000, "an enhancer, perhaps", "#CC79A7", "50 % of it\topen"),
    Selection("simT1", 5_000, 6_000, ".", "#0072B2"),
    Selection("simT1", 9_000, 9_001, "", "#009E73", "one base"),
]


def test_a_new_span_has_a_name_of_its_own():
    kept = [Selection("simT1", i, i + 1, f"selection_{i}") for i in (1, 2, 3)]
    assert unused_name([]) == "selection_1" and unused_name(kept) == "selection_4"
    # The first of three was deleted from the list.
    assert unused_name(kept[1:]) == "selection_1"


def upload(app, name, data):
    uploader = next(one for one in app.at.get("file_uploader") if "BED file" in one.label)
    uploader.set_value((name, data, "text/plain"))
    return app.run()


@pytest.fixture
def list_of(app):
    """Fill the list; its file and all that was said of it go with the test."""

    def fill(spans):
        app.at.session_state["selections"] = list(spans)

    yield fill
    next(one for one in app.at.get("file_uploader") if "BED file" in one.label).set_value(None)
    fill([])
    app.run()
    assert app.errors() == []


def test_a_selection_comes_back_from_its_bed_file(app, list_of, open_app):
    list_of(SPANS)
    app.run()
    bed = press(app, "Selection (BED)")
    assert "simulated data" in bed.splitlines()[0]
    other = open_app(cell=CELL)
    upload(other, "mine.bed", bed.encode())
    assert other.errors() == []
    assert other.at.session_state["selections"] == SPANS
    assert [box.value for box in other.at.success] == ["3 spans of mine.bed added."]
    table = pd.read_csv(io.BytesIO(press(app, "Selection (TSV)")), sep="\t", comment="#")
    colors = table["color (red,green,blue)"]
    assert colors.tolist() == ["204,121,167", "0,114,178", "0,158,115"]
    assert table["length (bp)"].tolist() == [1_000, 1_000, 1]


def test_a_file_adds_what_is_new_and_takes_nothing_away(app, list_of):
    list_of(SPANS)
    # Of a BED without notes, a row whose place, name and colour are known says nothing new.
    known = b"simT1\t9000\t9001\t.\t0\t.\t9000\t9001\t0,158,115\n"
    upload(app, "some.bed", known + b"T1\t1\t2\tnew\n")
    (message,) = app.errors()
    assert message.startswith("some.bed, line 2: T1:1-2 is not on a chromosome")
    assert app.at.session_state["selections"] == SPANS
    upload(app, "more.bed", known + b"simT1\t1\t2\tnew\nsimT1\t9000\t9001\tsummit\n")
    assert app.errors() == []
    new = [Selection("simT1", 1, 2, "new"), Selection("simT1", 9_000, 9_001, "summit")]
    assert app.at.session_state["selections"] == [*SPANS, *new]
    (said,) = (box.value for box in app.at.success)
    assert said == "2 spans of more.bed added; 1 of its 3 rows were there already."


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"simT1\t10\n", "bad.bed, line 1 is not BED"),
        (b"simT1\t1\t5\nsimT1\t9\t9\n", "bad.bed, line 2 is an interval of 0 bp; give end > start"),
        (b"# nothing\n", "bad.bed has no interval; give a BED file"),
        (b"\xff\xfe\x00", "bad.bed is not text; give a BED file"),
    ],
)
def test_a_wrong_file_is_named_and_the_list_stays(app, list_of, data, said):
    list_of(SPANS)
    upload(app, "bad.bed", data)
    (message,) = app.errors()
    assert message.startswith(said) and message.endswith("The list is as it was.")
    assert app.at.session_state["selections"] == SPANS


# --- the publication figure


@pytest.fixture
def dialog(app):
    """The page with its dialog open; closed afterwards."""
    app.at.button(key="figure-button-above").click()
    yield app.run()
    del app.at.session_state["figure-open"]
    app.run()


def texts(svg):
    return ["".join(node.itertext()) for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_a_journal_sets_the_page_and_what_is_chosen_stays(dialog, stem):
    assert dialog.errors() == []
    assert dialog.at.selectbox(key="figure-preset").value == PRESETS[1].name
    assert dialog.at.number_input(key="figure-width").value == PRESETS[1].width_mm
    chosen = next(one for one in PRESETS if one.name.startswith("PLOS"))
    dialog.at.selectbox(key="figure-preset").set_value(chosen.name)
    dialog.at.number_input(key="figure-dpi").set_value(90)
    dialog.at.number_input(key="figure-height").set_value(200.0)
    found = buttons(dialog)
    assert dialog.at.number_input(key="figure-width").value == chosen.width_mm
    assert dialog.at.number_input(key="figure-font").value == chosen.font_size
    wide, high = (round(mm / 25.4 * 90) for mm in (chosen.width_mm, 200))
    name, make, _ = found["Save as PNG"]
    png = make()
    assert struct.unpack(">II", png[16:24]) == (wide, high) and b"(simulated data)" in png
    assert name == f"{stem}.figure.png"
    assert f"{chosen.width_mm:.0f} × 200 mm, {wide:,} × {high:,} pixels as PNG" in dialog.captions()
    del dialog.at.session_state["figure-open"]
    dialog.run()
    assert not [one for one in dialog.at.number_input if one.key == "figure-height"]
    dialog.at.button(key="figure-button-above").click()
    dialog.run()
    assert dialog.at.number_input(key="figure-height").value == 200
    assert dialog.at.number_input(key="figure-font").value == chosen.font_size


def test_what_no_page_can_be_is_said_before(dialog):
    dialog.at.number_input(key="figure-height").set_value(25.0)
    found = buttons(dialog)
    (message,) = dialog.errors()
    assert "too low" in message and "Save as SVG" not in found
    for key, value in (("width", 600.0), ("height", 600.0), ("dpi", 1200)):
        dialog.at.number_input(key=f"figure-{key}").set_value(value)
    found = buttons(dialog)
    assert dialog.errors() == []
    assert any("is too large: lower dpi" in text for text in dialog.warnings())
    assert found["Save as PNG"][2] and not found["Save as PDF"][2]
    for key, value in (("width", 180.0), ("height", None), ("dpi", 300)):
        dialog.at.number_input(key=f"figure-{key}").set_value(value)


def test_title_footer_and_highlights_are_on_the_page(dialog, dataset):
    gene = dataset.gene(dataset.default_gene)
    span = Interval(gene.chrom, gene.tss + 2_000, gene.tss + 9_000)
    dialog.at.session_state["highlights"] = [span, Interval("simT9", 0, 10)]
    next(box for box in dialog.at.text_input if box.label == "Title").set_value("My <gene> & co")
    found = buttons(dialog)
    svg = found["Save as SVG"][1]()
    assert b'id="highlight-0"' in svg and b'id="highlight-1"' not in svg
    said = texts(svg)
    assert "My <gene> & co" in said and "Simulated data" in said
    assert any(dataset.name in text for text in said)
    # The quick figure has the highlights of the screen, too.
    assert b'id="highlight-0"' in found["SVG"][1]()
    assert found["Save as PDF"][1]().startswith(b"%PDF")
    dialog.at.session_state["highlights"] = []


# --- the report


def test_the_report_says_the_numbers_of_the_page(app, demo, tmp_path, monkeypatch):
    text = press(app, "Report (HTML)")
    html5lib.HTMLParser(strict=True).parse(text)
    numbers = app.numbers()
    assert f">{numbers['Predicted']}<" in text
    assert f">{numbers['Mask ratio'].split()[0]}<" in text
    assert text.count('scope="row"') > 10
    # The command that it names makes a report with the same numbers.
    (command,) = re.findall(r"<code>(.*?)</code>", text)
    words = shlex.split(command.replace("&#x27;", "'"))
    assert words[0] == "seq2exp" and str(demo) in words
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        cli.main(words[1:])
    assert end.value.code == 0
    (made,) = tmp_path.glob("*.html")
    again = made.read_text(encoding="utf-8")
    rows = r"<h2>(?:Readout|Learned elements)</h2>.*?</table>"
    assert re.findall(rows, text, re.DOTALL) == re.findall(rows, again, re.DOTALL)


def test_a_report_of_edited_inputs_says_so(open_app, dataset):
    gene = dataset.gene(dataset.default_gene)
    edit = Edit(Interval(gene.chrom, gene.tss - 500, gene.tss + 500), "scale", "DNase", 0.0)
    other = open_app(cell=CELL, mode="top", fraction="0.05")
    other.at.session_state[EDITS] = [edit]
    other.settle()
    text = press(other, "Report (HTML)")
    assert f"The model read edited inputs, not the measured ones: {edit.describe()}." in text
    assert "<code>" not in text
    assert "without your edits" in other.captions()


# --- the track hub


def make_hub(app):
    next(one for one in app.at.button if one.key == "hub-make").click()
    return app.settle()


def unpacked(app, folder):
    with zipfile.ZipFile(io.BytesIO(press(app, "Hub (zip)"))) as archive:
        archive.extractall(folder)
    (root,) = folder.iterdir()
    return root


@pytest.fixture(scope="module")
def with_hub(app, ran):
    before = len(ran)
    make_hub(app)
    assert app.errors() == [] and len(ran) == before  # the mask on show is taken
    return app


def test_the_hub_of_the_gene_on_show(with_hub, dataset, stem, tmp_path):
    assert buttons(with_hub)["Hub (zip)"][0] == f"{stem}.hub.zip"
    root = unpacked(with_hub, tmp_path)
    assert root.name == f"{stem}_hub"
    checked = check_hub(root)
    gene = dataset.gene(dataset.default_gene)
    place = dataset.window_interval(gene).clip(dataset.lengths[gene.chrom])
    (mean,) = (path for name, path in checked.files.items() if name.startswith("mask_mean_"))
    values = read_bigwig(mean.read_bytes(), place.chrom, place.start, place.end)
    shown = read_bigwig(press(with_hub, "Mean (bigWig)"), place.chrom, place.start, place.end)
    assert values == pytest.approx(shown, abs=1e-6)
    (found,) = (path for name, path in checked.files.items() if name.startswith("elements_"))
    with pyBigWig.open(str(found)) as file:
        spans = [(a, b) for a, b, _ in file.entries(place.chrom, 0, dataset.lengths[place.chrom])]
    table = elements(with_hub)
    assert spans == list(zip(table["start"] - 1, table["end"], strict=True))


def test_a_hub_is_served_only_when_asked_for(with_hub, shelf):
    session = press(with_hub, "IGV session")
    assert "http" not in session
    assert not with_hub.at.toggle(key="hub-serve").value
    with_hub.at.toggle(key="hub-serve").set_value(True)
    with_hub.run()
    hub, igv = (code.value for code in with_hub.at.code)
    assert hub.startswith("http://127.0.0.1:") and hub.endswith("/hub.txt")
    text = urllib.request.urlopen(hub, timeout=10).read().decode()
    assert "genomesFile genomes.txt" in text
    resources = ElementTree.fromstring(press(with_hub, "IGV session")).iter("Resource")
    address = next(one.attrib["path"] for one in resources if one.attrib["path"].endswith(".bw"))
    asked = urllib.request.Request(address, headers={"Range": "bytes=0-3"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert (answer.status, len(answer.read())) == (206, 4)
    assert urllib.request.urlopen(igv, timeout=10).status == 200
    # Nothing but hubs, and no list of them.
    root = hub.rsplit("/", 3)[0]
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{root}/", timeout=10)
    with_hub.at.toggle(key="hub-serve").set_value(False)
    with_hub.run()
    assert not with_hub.at.code
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(hub, timeout=10)


def test_a_port_that_is_taken_is_said(with_hub):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with_hub.at.toggle(key="hub-serve").set_value(True)
        with_hub.run()
        with_hub.at.number_input(key="hub-port").set_value(port)
        with_hub.run()
        (message,) = with_hub.errors()
        assert f"Port {port}" in message
        assert not with_hub.at.toggle(key="hub-serve").value
    assert with_hub.run().errors() == []


def test_a_hub_of_a_list_of_genes(app, dataset, ran, tmp_path):
    listed = [dataset.gene(name).name for name in dataset.example_genes(CELL)][:2]
    app.at.segmented_control(key="hub-genes").set_value("a list")
    app.run()
    assert not [one for one in app.at.button if one.key == "hub-make"]
    app.at.text_area(key="hub-names").set_value(f"{', '.join(listed)}\nNOSUCHGENE  # a typo")
    app.run()
    (warning,) = app.warnings()
    assert warning.startswith("1 of 3 names are no genes") and "NOSUCHGENE" in warning
    before = len(ran)
    make_hub(app)
    new = set(ran[before:])
    assert new <= set(listed) and len(ran) - before == len(new)
    checked = check_hub(unpacked(app, tmp_path))
    for name in listed:
        assert any(track.startswith(f"mask_mean_{name}") for track in checked.tracks)
    # The same genes under another rule need no mask anew.
    app.at.slider(key="fraction").set_value(0.1)
    app.settle()
    before = len(ran)
    make_hub(app)
    assert len(ran) == before
    app.at.slider(key="fraction").set_value(0.05)
    app.settle()
    assert "Hub (zip)" in buttons(app)  # it is still there


def test_a_session_keeps_the_selection_with_colours_and_notes(app, list_of):
    list_of(SPANS)
    app.run()
    content = json.loads(press(app, "Session (JSON)"))
    assert [Selection(**one) for one in content["selections"]] == SPANS
