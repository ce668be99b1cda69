"""Where to look: genes and loci that exist, those that do not, and links that hold both."""

import pytest

from seq2exp.datasets.catalog import Dataset
from seq2exp.genome.locus import Interval, parse_locus

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(scope="module")
def dataset(demo):
    return Dataset.load(demo)


def seen(app) -> Interval | None:
    """What the browser looks at; None is the whole window."""
    return app.at.session_state["camera"].region


def nearest(dataset, locus: Interval):
    """The gene whose TSS is nearest to a locus's middle, by looking at every gene."""
    middle = (locus.start + locus.end) / 2
    genes = [gene for gene in dataset.annotation.genes.values() if gene.chrom == locus.chrom]
    return min((dataset.gene(gene.id) for gene in genes), key=lambda gene: abs(gene.tss - middle))


def test_an_unknown_gene_gets_the_nearest_names(open_app, dataset):
    right = dataset.default_gene
    app = open_app(gene=right[:-1] + "X")
    (message,) = app.errors()
    assert right[:-1] + "X" in message and right in message
    assert not app.at.metric  # and nothing of another gene


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("simT1:1,000-", "simT1:1,000-"),
        ("simT1:5000-2000", "simT1:5000-2000"),
        ("simT1:900,000,000-900,001,000", "simT1"),
        ("chrQ:1-1000", "chrQ"),
    ],
)
def test_a_locus_that_is_none_gets_one_message(open_app, text, said):
    app = open_app(gene=text)
    (message,) = app.errors()
    assert said in message and "\n" not in message
    assert not app.at.metric


def test_a_locus_opens_the_nearest_genes_window_there(open_app, dataset):
    gene = dataset.gene(dataset.default_gene)
    locus = Interval(gene.chrom, gene.tss - 3_000, gene.tss + 5_000)
    app = open_app(gene=str(locus))
    assert seen(app) == locus
    assert app.link()["region"] == str(locus)
    assert f"**{nearest(dataset, locus).name}**" in app.captions()
    assert app.errors() == []


def test_a_new_gene_is_shown_whole(open_app, dataset):
    gene = dataset.gene(dataset.default_gene)
    app = open_app(region=str(Interval(gene.chrom, gene.tss - 100, gene.tss + 100)))
    assert seen(app).width == 200
    other = next(name for name in app.at.selectbox("gene").options if name != gene.name)
    app.open(other).run()
    assert seen(app) is None
    assert "region" not in app.at.query_params
    assert app.at.metric[1].value == f"{dataset.window(other, 'sim-erythroid').label:.3f}"


def test_a_link_restores_gene_cell_region_and_mask(open_app, dataset):
    cell = list(dataset.cells)[1]
    gene = next(gene for gene in map(dataset.gene, dataset.annotation.genes) if gene.tss > 100_000)
    assert gene.name != dataset.default_gene  # defaults stay out of links
    part = Interval(gene.chrom, gene.tss - 4_000, gene.tss + 6_000)
    link = {
        "gene": gene.name,
        "cell": cell,
        "region": str(part),
        "mode": "hard",
        "threshold": "0.25",
        "prior": "0.2",
        "strength": "30",
        "length": "80",
        "gap": "10",
        "q": "0.01",
    }
    app = open_app(**link).settle()
    assert app.errors() == app.warnings() == []
    at = app.at
    assert (at.selectbox("gene").value, at.selectbox("cell").value) == (gene.name, cell)
    assert seen(app) == part
    assert at.segmented_control("mode").value == "hard"
    assert at.slider("threshold").value == 0.25
    assert at.slider("prior").value == 0.2
    assert at.number_input("strength").value == 30
    assert at.number_input("length").value == 80
    assert at.number_input("gap").value == 10
    assert at.number_input("q").value == 0.01
    assert app.link() == link
    assert not (app.table("peaks")["q_log10"] < 2).any()
    # The mask itself is hard: whole bases only.
    ratio = float(app.numbers()["Mask ratio"].split()[0])
    elements = app.table("elements")
    kept = 0 if elements is None else int(elements["length"].sum())
    assert ratio >= 1.0  # the promoter
    assert kept <= 200_000


def test_mode_top_keeps_the_share_that_the_link_asks_for(open_app):
    app = open_app(mode="top", fraction="0.1").settle()
    assert app.at.slider("fraction").value == 0.1
    ratio = float(app.numbers()["Mask ratio"].split()[0])
    assert 10 <= ratio <= 11.01  # and the promoter, where it is not among them


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("prior", "2"),
        ("prior", "lots"),
        ("strength", "-1"),
        ("mode", "fuzzy"),
        ("threshold", "7"),
        ("length", "1.5"),
        ("q", "0"),
        ("region", "simT1:9-"),
        ("region", "nowhere:1-10"),
        ("cell", "HeLa"),
        ("model", "gpt"),
    ],
)
def test_a_link_with_a_wrong_parameter_is_explained_and_opens(open_app, key, value):
    app = open_app(**{key: value})
    assert app.errors() == []
    (warning,) = app.warnings()
    assert f"'{key}'" in warning and value.split(":")[0] in warning
    assert app.at.metric
    # It stays while one reads it, and goes with the next gene.
    assert app.settle().warnings() == [warning]
    names = app.at.selectbox("gene").options
    assert app.open(names[0]).run().warnings() == []


def test_a_links_region_elsewhere_shows_the_whole_window(open_app, dataset):
    gene = dataset.gene(dataset.default_gene)
    away = Interval(gene.chrom, gene.tss + 300_000, gene.tss + 310_000)
    app = open_app(gene=gene.name, region=str(away))
    (warning,) = app.warnings()
    assert str(away) in warning and "whole window" in warning
    assert seen(app) is None


def test_the_other_cell_type_has_other_tracks_and_peaks(open_app, dataset):
    first, second = (open_app(cell=cell).settle() for cell in list(dataset.cells)[:2])
    assert first.numbers()["Measured"] != second.numbers()["Measured"]
    assert not first.table("peaks").equals(second.table("peaks"))


def test_a_gene_near_the_chromosomes_end_is_padded(open_app, dataset):
    gene = next(gene for gene in dataset.annotation.genes.values() if gene.tss < 60_000)
    missing = 100_000 - dataset.gene(gene.id).tss
    app = open_app(gene=gene.name).settle()
    assert app.errors() == []
    assert "…" not in app.numbers().values()
    assert f"{missing:,} of 200,000 bp" in app.captions()
    table = app.table("elements")
    assert table is None or (table["start"] > 0).all()
    assert parse_locus(f"{gene.chrom}:1-10", dataset.lengths)
