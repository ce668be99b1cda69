"""The Compare page: its numbers are the command line's, and the generator runs once for a gene."""

import io
import json
import threading
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from pages.parts import compare_table, resources
from seq2exp import cli
from seq2exp.analysis.compare.genes import GeneFilter, filter_genes
from seq2exp.analysis.compare.sweeps import Q_VALUES
from seq2exp.datasets.catalog import Dataset
from seq2exp.export.bed import write_bed6
from seq2exp.export.session import Selection
from seq2exp.genome.locus import Interval
from seq2exp.inference import posteriors
from seq2exp.inference.predictor import Predictor

pytestmark = pytest.mark.usefixtures("quick")
PAGE = "pages/compare.py"
CELL = "sim-lymphoid"
K562 = Path(__file__).resolve().parents[2] / "data" / "datasets" / "k562_chr22.yaml"
TABS = {
    "Elements and peaks": ["rows"],
    "Genes": ["genes"],
    "What they are like": ["classes", "genomic", "composition"],
    "More than chance?": ["enrichment"],
    "Other thresholds": ["curves"],
    "Further sets": ["combinations", "pairs"],
    "Take away": [],
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder of masks that no other module, and no earlier run, has filled."""
    folder = tmp_path_factory.mktemp("posteriors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(posteriors, "posteriors_dir", lambda: folder)
        yield folder


@pytest.fixture(scope="module")
def ran(genes):
    """Those of the genes for which the app ran the generator; the command line is the main thread.

    A page of another module may still be at work on its own gene.
    """
    names, found_of = {gene.name for gene in genes}, []
    true = Predictor.posterior

    def counted(self, window, *arguments, **options):
        found = true(self, window, *arguments, **options)
        if threading.current_thread() is not threading.main_thread():
            found_of.extend(names & {window.gene.name})
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Predictor, "posterior", counted)
        yield found_of


@pytest.fixture(scope="module")
def dataset(demo):
    return Dataset.load(demo)


@pytest.fixture(scope="module")
def genes(dataset):
    """Three measured genes of one chromosome, two of them with windows that overlap."""
    listed = [dataset.gene(id) for id in dataset.example_genes(CELL)]
    ranked = sorted((gene.chrom, gene.tss, gene) for gene in listed if dataset.whole(gene))
    return [ranked[i][2] for i in (2, 3, 9)]


@pytest.fixture(scope="module")
def app(open_app, quick, kept, ran, genes):
    """The page with a list of genes, one of which the Browser showed before."""
    resources.boards.clear()
    app = open_app(cell=CELL, mode="top", gene=genes[0].name).settle()
    app.at.switch_page(PAGE)
    app.run()
    app.at.segmented_control(key="genes").set_value("A list")
    app.run()
    names = ", ".join(gene.name for gene in genes)
    app.at.text_area(key="names").set_value(f"{names}\nNOSUCHGENE # a typo")
    app.run()
    (warning,) = app.warnings()
    assert warning.startswith("1 of 4 names are no genes") and "NOSUCHGENE" in warning
    assert not app.at.metric
    (button,) = (one for one in app.at.button if one.label == "Compare 3 genes")
    button.click()
    return app.settle()


def at(app, **controls):
    """Turn number inputs, and wait."""
    for key, value in controls.items():
        app.at.number_input(key=key).set_value(value)
    return app.settle()


def open_tab(app, name):
    app.at.session_state["compare-tab"] = name
    # The page's address, which a real browser changes with the tab.
    app.at.query_params["compare-tab"] = name
    return app.settle()


def count_of(app, name):
    return int(app.numbers()[name].replace(",", ""))


def result(app):
    """The comparison on show."""
    return resources.boards()["compare"].find(app.at.session_state["job-compare-main"]).result


@pytest.fixture
def printed(tmp_path, demo):
    """What ``seq2exp compare`` says of genes."""

    def call(genes, *arguments):
        file = tmp_path / "answer.json"
        names = [gene.name for gene in genes]
        listed = ["compare", *names, "--dataset", demo, "--cell", CELL, "--mode", "top"]
        with pytest.raises(SystemExit) as end:
            cli.main([str(one) for one in (*listed, *arguments, "--json", file)])
        assert end.value.code == 0
        return json.loads(file.read_text(encoding="utf-8"))

    return call


def test_its_numbers_are_those_of_the_command_line(app, ran, genes, printed):
    assert app.errors() == []
    assert sorted(ran) == sorted(gene.name for gene in genes)
    found = printed(genes)
    total, numbers = found["totals"], app.numbers()
    for title, name in (
        ("Shared elements", "learned_shared"),
        ("Learned-only", "learned_only"),
        ("Shared peaks", "peaks_shared"),
        ("Peak-only", "peaks_only"),
    ):
        assert count_of(app, title) == total[name], title
    for title, name in (("Jaccard", "jaccard"), ("Precision", "precision"), ("Recall", "recall")):
        assert numbers[title] == f"{total[name]:.3f}"
    assert numbers["Mask ratio"] == f"{100 * total['mask_ratio']:.2f} %"
    assert numbers["Peak ratio"] == f"{100 * total['peaks_ratio_window']:.2f} %"
    units = {metric.label: metric.delta for metric in app.at.metric}
    assert units["Learned-only"] == f"of {total['learned']:,} elements"
    assert units["Recall"] == f"of {total['bp_peaks']:,} bp in peaks"
    assert "at least 1 bp" in app.captions() and f"{total['bp_counted']:,} bp" in app.captions()
    words = "\n".join(text.value for text in app.at.markdown)
    for sentence in found["sentences"]:
        assert sentence[1:] in words


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_has_its_tables_and_files(app, ran, tab):
    open_tab(app, tab)
    assert app.errors() == []
    keys = [str(button.key) for button in app.at.download_button]
    names = [key.removeprefix("tsv-") for key in keys if key.startswith("tsv-")]
    assert names == TABS[tab]
    assert all(f"parquet-{name}" in keys for name in names)
    assert len(app.at.dataframe) == len(names)
    assert all(len(table.value) for table in app.at.dataframe)
    assert len(ran) == 3


def test_what_is_turned_is_counted_anew_without_the_generator(app, ran):
    open_tab(app, "Elements and peaks")
    rows = result(app).rows
    shared = (rows["set"] == "peaks") & (rows["shared_bp"] >= 200)
    before = {name: count_of(app, name) for name in ("Learned-only", "Shared peaks", "Peak-only")}
    at(app, overlap=200)
    assert count_of(app, "Shared peaks") == shared.sum() < before["Shared peaks"]
    assert "at least 200 bp" in app.captions()
    at(app, overlap=1, q=1e-6)
    assert count_of(app, "Shared peaks") + count_of(app, "Peak-only") < sum(
        before[name] for name in ("Shared peaks", "Peak-only")
    )
    at(app, q=0.05)
    app.at.slider(key="fraction").set_value(0.02)
    app.settle()
    assert float(app.numbers()["Mask ratio"].split()[0]) == pytest.approx(2.0, abs=0.01)
    app.at.slider(key="fraction").set_value(0.1)
    app.at.toggle(key="promoter").set_value(True)
    app.settle()
    assert "counted too" in app.captions()
    app.at.toggle(key="promoter").set_value(False)
    app.settle()
    assert {name: count_of(app, name) for name in before} == before
    assert len(ran) == 3


def test_a_picked_row_opens_in_the_browser_at_its_place(app, genes):
    open_tab(app, "Elements and peaks")
    rows = app.at.dataframe[0].value
    place = next(i for i, row in enumerate(rows.itertuples()) if row.gene == genes[2].name)
    row = rows.iloc[place]
    key = str(app.at.dataframe[0].key)
    app.at.session_state[key] = {"selection": {"rows": [place], "columns": [], "cells": []}}
    app.run()
    app.at.button(key="add-rows").click()
    app.run()
    (selection,) = app.at.session_state["selections"]
    assert (selection.start, selection.end) == (row["start"] - 1, row["end"])
    assert selection.name == f"{row['gene']}_{row['name']}"
    app.at.session_state[key] = {"selection": {"rows": [place], "columns": [], "cells": []}}
    app.run()
    app.at.button(key="open-row").click()
    app.run()
    assert app.at.selectbox("gene").value == genes[2].name
    assert app.at.selectbox("cell").value == CELL
    shown = app.at.session_state["camera"].region
    assert shown.start < row["start"] - 1 < row["end"] < shown.end
    assert shown.width <= max(2 * row["length"], row["length"] + 2_000)
    # Back here everything stands as it was left, and is known.
    app.at.switch_page(PAGE)
    app.settle()
    assert app.at.segmented_control(key="genes").value == "A list"
    assert "NOSUCHGENE" in app.at.text_area(key="names").value
    assert count_of(app, "Shared peaks") > 0


def test_the_selection_and_an_uploaded_bed_are_further_sets(app, dataset, genes):
    windows = [dataset.window_interval(gene) for gene in genes]
    place = windows[0]
    span = Interval(place.chrom, place.start + 20_000, place.start + 60_000)
    expected = 0
    for gene, window in zip(genes, windows, strict=True):
        # A base counts once for each window that it lies in, but in no promoter.
        promoter = Interval(window.chrom, gene.tss - 1_000, gene.tss + 1_000)
        for part, sign in ((window, 1), (promoter, -1)):
            inside = part.intersection(span)
            expected += 0 if inside is None else sign * inside.width
    assert expected > span.width
    app.at.session_state["selections"] = [Selection(span.chrom, span.start, span.end, "mine")]
    bed = write_bed6(
        pd.DataFrame(
            {"chrom": [span.chrom], "start": [span.start], "end": [span.start + 5], "name": ["x"]}
        )
    )
    uploader = next(one for one in app.at.get("file_uploader") if "Add a set" in one.label)
    uploader.set_value([("mine.bed", bed.encode(), "text/plain")])
    app.run()
    pills = app.at.get("button_group")
    sets = next(one for one in pills if one.label == "Further sets")
    assert sets.value == ["planted", "mine"]
    sets.set_value(["selection", "mine"])
    open_tab(app, "Further sets")
    combinations = app.at.dataframe[0].value
    assert combinations.loc[combinations["mine"], "bp"].sum() == 5
    assert combinations.loc[combinations["selection"], "bp"].sum() == expected
    pairs = app.at.dataframe[1].value.set_index(["set_a", "set_b"])
    assert (
        pairs.loc[("selection", "mine"), "bp_shared"]
        == combinations.loc[combinations["mine"], "bp"].sum()
    )
    uploader = next(one for one in app.at.get("file_uploader") if "Add a set" in one.label)
    # The Browser's own file of the selection does not take the selection's place.
    again = ("Selection.bed", bed.encode(), "text/plain")
    empty = ("empty.bed", b"# nothing\n", "text/plain")
    uploader.set_value([("other.bed", b"chr1\t1\t2\n", "text/plain"), empty, again])
    app.run()
    pills = app.at.get("button_group")
    sets = next(one for one in pills if one.label == "Further sets")
    assert sets.value == ["selection", "mine", "Selection (file)"]
    assert [error.partition(";")[0].partition(" (")[0] for error in app.errors()] == [
        "other.bed has no chromosome of the genome",
        "empty.bed has no interval",
    ]
    uploader = next(one for one in app.at.get("file_uploader") if "Add a set" in one.label)
    uploader.set_value([])
    app.settle()
    assert app.errors() == []


def test_files_have_all_numbers_and_their_units(app, kept):
    found = result(app)
    content = compare_table._zip(found.tables(), "tsv", {"model": "tiny"})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {name.removesuffix(".tsv") for name in archive.namelist()} == set(found.tables())
        text = archive.read("rows.tsv").decode()
        parts = text.splitlines()
    assert parts[0] == "# model: tiny"
    assert "start (bp, 0-based)" in parts[1] and "dnase (bigWig's unit)" in parts[1]
    assert len(parts) - 2 == len(found.rows)


def test_genes_by_filter_and_those_done_before(app, dataset, genes, ran):
    open_tab(app, "Genes")
    app.at.segmented_control(key="genes").set_value("Done before")
    app.settle()
    done = {gene.name for gene in genes}
    assert set(app.at.dataframe[0].value["gene"]) == done
    app.at.segmented_control(key="genes").set_value("All or by filter")
    app.run()
    app.at.multiselect(key="chroms").set_value([genes[0].chrom])
    app.at.number_input(key="expression-from").set_value(1.5)
    app.run()
    wanted = GeneFilter((genes[0].chrom,), (1.5, None))
    count = len(filter_genes(dataset, dataset.cells[CELL], wanted))
    assert 1 < count < 200
    assert f"Compare {count:,} genes" in [button.label for button in app.at.button]
    # Without predictions of this model, its error is unknown.
    assert app.at.number_input(key="error-from").disabled
    app.at.number_input(key="expression-from").set_value(99.0)
    app.run()
    assert app.errors() == ["No gene of the data set meets the filter; widen its limits."]


def test_genes_by_the_models_error_follow_the_predictions(open_app, dataset, demo, tmp_path):
    """A new evaluation in the same folder chooses other genes."""
    table = dataset.cells[CELL].table
    ids = dataset.example_genes(CELL)[:9]
    measured = [table.label(table.of(dataset.gene(id))) for id in ids]

    def evaluated(far: int) -> None:
        off = [2.0 if i < far else 0.1 for i in range(len(ids))]
        frame = pd.DataFrame({"gene_id": ids, "gene": ids, "measured": measured})
        who = {"model": "x", "model_id": "tiny-soft", "seed": 1, "split": "test", "cell": CELL}
        predicted = [value + error for value, error in zip(measured, off, strict=True)]
        frame = frame.assign(**who, chrom="sim1", predicted=predicted, mask_ratio=0.1)
        frame.to_parquet(tmp_path / "predictions.parquet")

    evaluated(far=3)
    link = {"cell": CELL, "genes": "All or by filter", "error-from": "1.5"}
    arguments = ("--dataset", str(demo), "--results", str(tmp_path))
    app = open_app(*arguments, page=PAGE, **link)
    assert app.errors() == [] and "Compare 3 genes" in [one.label for one in app.at.button]
    evaluated(far=5)
    app.run()
    assert "Compare 5 genes" in [one.label for one in app.at.button]


@pytest.fixture
def open_k562(open_app, real_data, kept):
    """Open the page on the real K562 data, and choose genes."""

    def opened(**controls):
        app = open_app("--dataset", str(K562), "--root", str(real_data / "k562_chr22"), mode="top")
        app.at.switch_page(PAGE)
        app.run()
        for key, value in controls.items():
            kind = "text_area" if key == "names" else "segmented_control"
            getattr(app.at, kind)(key=key).set_value(value)
            app.run()
        next(one for one in app.at.button if one.label.startswith("Compare ")).click()
        return app.settle()

    return opened


def test_real_peaks_and_crispri_at_three_genes(open_k562):
    app = open_k562(genes="A list", names="NPTXR MGAT3 SYNGR1")
    assert app.errors() == []
    assert "say nothing about biology" in app.captions()
    found = result(app)
    assert [one.gene.name for one in found.found] == ["NPTXR", "MGAT3", "SYNGR1"]
    open_tab(app, "Further sets")
    combinations = app.at.dataframe[0].value
    assert combinations.loc[combinations["CRISPRi"], "bp"].sum() > 0
    assert "imported MACS2 narrowPeak" in next(iter(about_of(app)))
    open_tab(app, "Other thresholds")
    app.at.segmented_control(key="compare-sweep").set_value("peaks")
    app.settle()
    curve = app.at.dataframe[0].value
    assert list(curve["value"]) == sorted({*Q_VALUES, 0.05}, reverse=True)
    assert curve["peaks"].is_monotonic_decreasing
    assert curve["peaks"].iloc[0] == found.counts.b


def about_of(app):
    open_tab(app, "Take away")
    return [text.value for text in app.at.markdown if "**peaks**" in text.value]


@pytest.mark.long
def test_all_real_genes_of_the_region(open_k562):
    app = open_k562(genes="All or by filter")
    assert app.errors() == []
    found = result(app)
    assert len(found.found) == 68 and found.left_out == []
    open_tab(app, "Genes")
    table = app.at.dataframe[0].value
    assert len(table) == 68
    assert count_of(app, "Learned-only") == table["learned_only"].sum()
    assert count_of(app, "Shared peaks") == table["peaks_shared"].sum() > 0
