"""Data sets named on the command line: broken ones get one message, measured ones open."""

from pathlib import Path

import pytest
import yaml

from pages.parts import resources

pytestmark = pytest.mark.usefixtures("quick")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def edited(demo, tmp_path):
    """Write the demo's dataset.yaml with changes; return the command line that opens it."""

    def make(change) -> tuple[str, ...]:
        content = yaml.safe_load(demo.read_text())
        change(content, content["cells"]["sim-erythroid"])
        file = tmp_path / "edited.yaml"
        file.write_text(yaml.safe_dump(content))
        return "--dataset", str(file), "--root", str(demo.parent)

    return make


def broken(tmp_path: Path, source: Path) -> str:
    """The first half of a file."""
    copy = tmp_path / f"half-{source.name}"
    content = source.read_bytes()
    copy.write_bytes(content[: len(content) // 2])
    return str(copy)


def test_a_whole_copy_opens(open_app, edited):
    app = open_app(*edited(lambda content, cell: None))
    assert app.errors() == [] and app.at.metric


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c, cell: cell.update(dnasse=cell.pop("dnase")), ["edited.yaml", "dnasse", "dnase"]),
        (lambda c, cell: c.update(genom="x.fa"), ["edited.yaml", "genom", "genome"]),
        (lambda c, cell: cell.update(dnase="nowhere.bw"), ["nowhere.bw"]),
        (lambda c, cell: c.update(genome="nowhere.fa"), ["nowhere.fa"]),
        (lambda c, cell: cell["contact"].update(path="none.hic"), ["none.hic"]),
        (lambda c, cell: c.pop("annotation"), ["edited.yaml", "annotation"]),
    ],
)
def test_a_wrong_key_or_path_gets_one_message(open_app, edited, change, said):
    app = open_app(*edited(change))
    (message,) = app.errors()
    assert all(text in message for text in said), message
    assert "\n" not in message and "Traceback" not in message
    assert not app.at.metric


@pytest.mark.parametrize("what", ["dnase", "contact", "genome"])
def test_a_truncated_file_gets_one_message(open_app, edited, demo, tmp_path, what):
    def change(content, cell):
        place = {"dnase": cell, "contact": cell["contact"], "genome": content}[what]
        key = "path" if what == "contact" else what
        place[key] = broken(tmp_path, demo.parent / place[key])

    app = open_app(*edited(change))
    (message,) = app.errors()
    assert "half-" in message and "\n" not in message


def test_a_signal_of_another_genome_gets_one_message(open_app, edited, tmp_path):
    pyBigWig = pytest.importorskip("pyBigWig")
    path = tmp_path / "other.bw"
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([("simT1", 1_000_000), ("simV1", 1_000_000)])
        file.addEntries(["simT1"], [0], ends=[1000], values=[1.0])
    app = open_app(*edited(lambda content, cell: cell.update(dnase=str(path))))
    (message,) = app.errors()
    assert "other.bw" in message and "1,000,000" in message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dataset", "nowhere.yaml"), "nowhere.yaml"),
        (("--datset", "demo"), "--datset"),
        (("--dataset",), "--dataset"),
    ],
)
def test_a_wrong_command_line_gets_one_message(open_app, arguments, said):
    app = open_app(*arguments)
    (message,) = app.errors()
    assert said in message
    assert not app.at.metric


def test_a_gene_without_expression_is_shown_without_a_measured_value(open_app, edited, demo):
    table = yaml.safe_load(demo.read_text())["cells"]["sim-erythroid"]["expression"]["path"]
    names = {line.split("\t")[0] for line in (demo.parent / table).read_text().splitlines()}
    genes = resources.open_dataset(str(demo), "").annotation.genes
    gene = next((g for g in genes.values() if g.id not in names), None)
    if gene is None:
        arguments = edited(lambda content, cell: cell.pop("expression"))
        gene = next(iter(genes.values()))
    else:
        arguments = edited(lambda content, cell: None)
    app = open_app(*arguments, gene=gene.name)
    assert app.errors() == []
    assert app.numbers()["Measured"] == "none"


def test_a_page_without_models_shows_the_tracks(open_app, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQ2EXP_MODELS", str(tmp_path))
    app = open_app().settle()
    assert app.errors() == []
    assert not app.table("peaks").empty
    assert app.table("elements") is None


@pytest.fixture(scope="module")
def k562(real_data, open_app, quick):
    """The page on measured data; one session for all genes."""
    described = ROOT / "data" / "datasets" / "k562_chr22.yaml"
    return open_app("--dataset", str(described), "--root", str(real_data / "k562_chr22"))


def test_measured_data_open_on_their_gene(k562):
    assert k562.settle().errors() == []
    assert k562.at.selectbox("gene").value == "MGAT3"
    assert "simulated data; on measured data" in k562.captions()
    assert "Nothing on this page was measured" not in k562.captions()


@pytest.mark.parametrize("gene", ["RPL3", "LGALS1", "SOX10", "SYNGR1"])
def test_measured_genes_open_with_the_files_peaks(k562, real_data, gene):
    k562.open(gene).settle()
    assert k562.errors() == []
    assert "…" not in k562.numbers().values()
    table = k562.table("peaks")
    peaks = real_data / "k562_chr22" / "K562.DNase.macs2.narrowPeak"
    fields = [line.split("\t") for line in peaks.read_text().splitlines()]
    rows = {(chrom, int(start) + 1, int(end)) for chrom, start, end, *_ in fields}
    shown = set(zip(table["chrom"], table["start"], table["end"], strict=True))
    assert shown and shown <= rows


def test_a_measured_locus_far_from_every_gene_shows_the_nearest_window(real_data, open_app):
    described = ROOT / "data" / "datasets" / "k562_chr22.yaml"
    folder = real_data / "k562_chr22"
    app = open_app("--dataset", str(described), "--root", str(folder), gene="chr22:1-1,000")
    (warning,) = app.warnings()
    assert "outside the 200 kb window" in warning
    assert app.settle().warnings() == [warning]
