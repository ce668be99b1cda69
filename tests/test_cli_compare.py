"""``seq2exp elements``, ``peaks`` and ``compare``: what they print, where, and how they refuse."""

import io
import json
from pathlib import Path

import bioframe
import numpy as np
import pandas as pd
import pytest
import torch

from seq2exp import cli
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.simulate import make_demo
from seq2exp.export.bed import read_bed
from seq2exp.model.checkpoint import save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.tracks.peaks import PeakCaller, PeakParameters, read_narrowpeak

TOP = ("--mode", "top", "--fraction", 0.05)
K562 = Path(__file__).parents[1] / "data" / "datasets" / "k562_chr22.yaml"
TESTED = ("NPTXR", "MGAT3", "SYNGR1")


@pytest.fixture(scope="module")
def demo_yaml(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("demo") / "tiny", "tiny")


@pytest.fixture(scope="module")
def dataset(demo_yaml):
    return Dataset.load(demo_yaml)


@pytest.fixture(scope="module")
def genes(dataset):
    """Two genes whose windows overlap."""
    found = sorted((dataset.gene(id) for id in dataset.annotation.genes), key=lambda g: g.tss)
    return found[5:7]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(5)
    model = Seq2Exp(ModelConfig.soft("tiny"))
    save_model(folder / "tiny.safetensors", model, {"model": "seq2exp-soft"})
    return folder


@pytest.fixture(autouse=True)
def _environment(models, monkeypatch):
    monkeypatch.setenv("SEQ2EXP_MODELS", str(models))


@pytest.fixture
def run(capfd, monkeypatch, demo_yaml):
    """Run the command line on the demo; return exit code, stdout and stderr."""

    def call(command, *arguments, stdin="", dataset=demo_yaml):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        listed = [command, *arguments, "--dataset", dataset]
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in listed])
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return call


def succeed(run, *arguments, stdin="", **options):
    code, out, err = run(*arguments, stdin=stdin, **options)
    assert (code, err) == (0, "")
    return out


def table_of(text):
    """Read a table whose header has units back."""
    table = pd.read_csv(io.StringIO(text), sep="\t")
    return table.rename(columns=lambda name: name.split(" (")[0])


def test_elements_are_those_that_predict_finds(run, genes, tmp_path):
    bed, js = tmp_path / "e.bed", tmp_path / "e.json"
    names = f"{genes[0].name}, {genes[1].id}"
    arguments = ("--tsv", "-", "--bed", bed, "--json", js)
    table = table_of(succeed(run, "elements", "-", *TOP, *arguments, stdin=names))
    found = json.loads(js.read_text())
    assert found["mask"]["fraction"] == 0.05 and found["promoter"] == "left out"
    assert [gene["gene"] for gene in found["genes"]] == [gene.name for gene in genes]
    read = read_bed(bed)
    for gene, about in zip(genes, found["genes"], strict=True):
        out = succeed(run, "predict", gene.name, *TOP, "--no-peaks", "--json", "-")
        expected = json.loads(out)
        assert about["mask_ratio"] == pytest.approx(expected["mask"]["ratio"])
        assert about["region"] == expected["region"] and about["elements"] > 3
        listed = [one for one in found["elements"] if one["gene"] == gene.name]
        for one, other in zip(listed, expected["elements"], strict=True):
            assert {key: one[key] for key in other if key != "abc_share"} == pytest.approx(
                {key: value for key, value in other.items() if key != "abc_share"}
            )
            away = (one["start"] + one["end"]) // 2 - gene.tss
            assert one["tss_distance"] == (away if gene.strand == "+" else -away)
        rows = table[table["gene"] == gene.name]
        for name in ("name", "chrom", "start", "end", "region", "length", "summit"):
            assert rows[name].tolist() == [one[name] for one in listed]
        own = read[read["name"].str.startswith(f"{gene.name}_element_")]
        assert own["start"].tolist() == rows["start"].tolist()
        assert own["end"].tolist() == rows["end"].tolist()
    assert len(read) == len(table)


def test_an_element_of_the_promoter_is_listed_on_request(run, genes):
    out = succeed(run, "elements", genes[0].name, *TOP, "--keep-promoter", "--json", "-")
    kinds = [one["kind"] for one in json.loads(out)["elements"]]
    assert kinds.count("promoter") == 1 and "distal" in kinds


def test_peaks_of_windows_and_of_the_whole_cell(run, genes, dataset, tmp_path):
    cell = dataset.cell(list(dataset.cells)[1])
    expected = PeakCaller.for_cell(cell, dataset.genome).peaks(PeakParameters(q=1e-4))
    options = ("--cell", cell.name.upper(), "--q", 1e-4)
    path = tmp_path / "p.narrowPeak"
    whole = table_of(succeed(run, "peaks", *options, "--narrowpeak", path, "--tsv", "-"))
    assert whole["start"].tolist() == expected["start"].tolist()
    assert whole["summit"].tolist() == expected["summit"].tolist()
    read = read_narrowpeak(path)
    assert read[["start", "end", "summit"]].equals(expected[["start", "end", "summit"]])
    found = json.loads(succeed(run, "peaks", genes[0].name, genes[1].name, *options, "--json", "-"))
    assert "q ≤ 0.0001" in found["source"] and found["genes"] == [gene.name for gene in genes]
    for gene in genes:
        start, end = max(gene.tss - 100_000, 0), gene.tss + 100_000
        here = expected[(expected["start"] < end) & (expected["end"] > start)]
        listed = [one for one in found["peaks"] if one["gene"] == gene.name]
        assert [one["name"] for one in listed] == here["name"].tolist() != []
        assert [one["region"] for one in listed] == [
            f"{row.chrom}:{row.start + 1:,}-{row.end:,}" for row in here.itertuples()
        ]
    both = succeed(run, "peaks", genes[0].name, genes[1].name, *options, "--narrowpeak", "-")
    lines = both.splitlines()
    assert len(lines) == len(set(lines)) < len(found["peaks"])


# bioframe 0.8 is older than what pandas 3.1 warns of.
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_compare_agrees_with_bioframe_on_what_the_other_commands_list(run, genes, dataset):
    """Elements and peaks as listed, without the promoters, counted by bioframe."""
    names = "\n".join(gene.name for gene in genes)
    found = json.loads(
        succeed(run, "compare", "--genes", "-", *TOP, "--json", "-", stdin=names + "\n")
    )
    learned = table_of(succeed(run, "elements", "-", *TOP, stdin=names))
    peaks = table_of(succeed(run, "peaks", "-", stdin=names))
    totals = dict.fromkeys(("learned", "learned_shared", "peaks", "peaks_shared", "bp_shared"), 0)
    for gene, row in zip(genes, found["genes"], strict=True):
        start, end = max(gene.tss - 100_000, 0), gene.tss + 100_000
        end = min(end, dataset.lengths[gene.chrom])
        edges = [start, gene.tss - 1_000, gene.tss + 1_000, end]
        counted = pd.DataFrame({"chrom": gene.chrom, "start": edges[::2], "end": edges[1::2]})
        assert (row["start"], row["end"]) == (start, end)
        assert row["bp_counted"] == end - start - 2_000
        rows, pieces = {}, {}
        for name, table in (("learned", learned), ("peaks", peaks)):
            rows[name] = table.loc[table["gene"] == gene.name, ["chrom", "start", "end"]]
            cut = bioframe.overlap(rows[name], counted, how="inner", suffixes=("", "_in"))
            start_in = np.maximum(cut["start"], cut["start_in"]).astype("int64")
            end_in = np.minimum(cut["end"], cut["end_in"]).astype("int64")
            columns = {"chrom": gene.chrom, "start": start_in, "end": end_in}
            pieces[name] = pd.DataFrame(columns)
            assert row[f"bp_{name}"] == (end_in - start_in).sum()
        expected = {
            "bp_shared": bioframe.coverage(pieces["learned"], pieces["peaks"])["coverage"].sum()
        }
        for name, other in (("learned", "peaks"), ("peaks", "learned")):
            own = bioframe.coverage(rows[name], counted)["coverage"]
            shared = bioframe.coverage(rows[name], pieces[other])["coverage"]
            expected |= {name: (own > 0).sum(), f"{name}_shared": (shared > 0).sum()}
        assert {key: row[key] for key in expected} == expected
        for key, value in expected.items():
            totals[key] += int(value)
    assert {key: found["totals"][key] for key in totals} == totals
    assert totals["peaks_shared"] > 0 and found["genes_compared"] == 2
    assert found["simulated"] is True and "MACS3" in found["peaks_source"]
    assert any("once for each gene" in sentence for sentence in found["sentences"])


def test_compare_writes_every_table_and_prints_the_summary(run, genes, dataset, tmp_path):
    (tmp_path / "ccre.bed").write_text(
        f"{genes[0].chrom}\t{genes[0].tss + 5_000}\t{genes[0].tss + 9_000}\tx\n"
    )
    out = tmp_path / "tables"
    printed = succeed(
        run, "compare", genes[0].name, *TOP, "--sweep", "--shuffles", 20, "--tables", out,
        "--third", f"cCRE={tmp_path / 'ccre.bed'}", "--min-overlap", 10, "--min-fraction", 0.1,
    )  # fmt: skip
    for words in (
        *("at least 10 bp and 10 % of it", "Jaccard", "simulated"),
        *("learned-only", "peak-only", "tss_distance", "share in intron", "cCRE"),
        *("shuffles", "fraction", "q-value", "promoters (TSS ± 1 kb, forced open) left out"),
    ):
        assert words in " ".join(printed.split())
    names = {path.stem for path in out.iterdir()}
    assert names == {
        *("genes", "rows", "classes", "genomic", "composition"),
        *("pairs", "combinations", "curves", "enrichment"),
    }
    tables = {name: table_of((out / f"{name}.tsv").read_text()) for name in names}
    assert len(tables["genes"]) == 1 and tables["genes"]["min_overlap_bp"].tolist() == [10]
    assert tables["pairs"]["set_b"].tolist() == ["peaks", "cCRE", "cCRE"]
    assert tables["combinations"].loc[lambda t: t["cCRE"], "bp"].sum() == 4_000
    code, _, err = run("compare", genes[0].name, *TOP, "--tables", out)
    assert code == 2 and "is there already" in err
    again = tmp_path / "parquet"
    succeed(run, "compare", genes[0].name, *TOP, "--tables", again, "--format", "parquet")
    rows = pd.read_parquet(again / "rows.parquet")
    assert rows["start"].tolist() == tables["rows"]["start"].tolist()


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(
    ("chosen", "count"), [(TESTED, 3), pytest.param(["--all"], 68, marks=pytest.mark.long)]
)
def test_real_genes_are_compared_with_the_real_peaks(run, real_data, chosen, count):
    """K562, chr22, with the lines of MACS2's own file counted base by base."""
    folder = real_data / "k562_chr22"
    options = (*TOP, "--third", "CRISPRi", "--root", folder, "--json", "-")
    found = json.loads(succeed(run, "compare", *chosen, *options, dataset=K562))
    assert (len(found["genes"]), found["left_out"]) == (count, [])
    assert found["peaks_source"] == "imported MACS2 narrowPeak, q ≤ 0.05"
    text = (folder / "K562.DNase.macs2.narrowPeak").read_text()
    lines = [line.split("\t") for line in text.splitlines()]
    spans = [
        (int(line[1]), int(line[2]))
        for line in lines
        if line[0] == "chr22" and float(line[8]) >= -np.log10(0.05)
    ]
    for row in found["genes"]:
        start, size = row["start"], row["end"] - row["start"]
        assert (row["chrom"], size, row["bp_counted"]) == ("chr22", 200_000, 198_000)
        counted, inside = np.ones(size, dtype=bool), np.zeros(size, dtype=bool)
        counted[99_000:101_000] = False
        peaks = 0
        for first, last in spans:
            part = slice(max(first - start, 0), max(last - start, 0))
            inside[part] = True
            peaks += bool(counted[part].any())
        assert (row["peaks"], row["bp_peaks"]) == (peaks, (inside & counted).sum())
        assert row["peaks_ratio_window"] == pytest.approx(inside.mean())
        assert row["peaks_shared"] + row["peaks_only"] == peaks
    assert {row["gene"] for row in found["genes"]} >= set(TESTED)
    total = found["totals"]
    assert total["learned"] > 0 < total["peaks_shared"]
    pairs = {(row["set_a"], row["set_b"]): row for row in found["pairs"]}
    assert 0 < pairs["peaks", "CRISPRi"]["b_shared"] <= pairs["peaks", "CRISPRi"]["b"]


def test_compare_takes_genes_by_filter(run, dataset, genes, tmp_path):
    cell = next(iter(dataset.cells.values()))
    ids = [gene.id for gene in genes]
    labels = [cell.table.label(cell.table.of(gene)) for gene in genes]
    pd.DataFrame(
        {
            "gene_id": [*ids, ids[0]],
            "cell": [cell.name, cell.name, "other"],
            "predicted": [labels[0] + 1, labels[1] + 0.1, labels[0]],
        }
    ).to_parquet(tmp_path / "p.parquet")
    options = ("--predictions", tmp_path / "p.parquet", "--max-error", 0.5, "--json", "-")
    found = json.loads(succeed(run, "compare", *TOP, "--chrom", "SIMX1", *options))
    assert [row["gene"] for row in found["genes"]] == [genes[1].name]


def test_what_is_no_text_on_stdin_is_said(run, monkeypatch, capfd, demo_yaml):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfeM"), encoding="utf-8"))
    with pytest.raises(SystemExit) as end:
        cli.main(["elements", "-", "--dataset", str(demo_yaml)])
    assert end.value.code == 2
    assert capfd.readouterr() == (
        "",
        "seq2exp: The list of genes on stdin is not text; pipe gene names.\n",
    )


def test_no_element_is_an_empty_table(run, genes, tmp_path):
    bed = tmp_path / "e.bed"
    out = succeed(run, "elements", genes[0].name, "--threshold", 1, "--tsv", "-", "--bed", bed)
    assert len(table_of(out)) == 0 and "mean_mask (0-1)" in out
    assert "simulated data" in bed.read_text() and len(read_bed(bed)) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["elements"], ["list of genes is empty"]),
        (["elements", "NOSUCH"], ["NOSUCH", "did you mean"]),
        (["elements", "{gene}", "NOSUCH", "NEITHER"], ["2 of 3 names", "NOSUCH", "NEITHER"]),
        (["elements", "-"], ["list of genes is empty"]),
        (["elements", "--genes", "gone.txt"], ["gone.txt"]),
        (["elements", "{gene}", "--min-length", "0"], ["1 bp or more"]),
        (["elements", "{gene}", "--tsv", "-", "--bed", "-"], ["--tsv and --bed", "stdout"]),
        (["elements", "{gene}", "--tsv", "a.tsv", "--bed", "./typo/a.bed"], ["does not exist"]),
        (
            ["elements", "{gene}", "--tsv", "a", "--json", "a"],
            ["--tsv and --json cannot both be a"],
        ),
        (["elements", "{gene}", "--cell", "K526"], ["K526"]),
        (["elements", "{gene}", "--model", "tinny"], ["tinny", "tiny"]),
        (["peaks", "-"], ["list of genes is empty"]),
        (["peaks", "--tsv", "-", "--narrowpeak", "typo/a.narrowPeak"], ["does not exist"]),
        (["peaks", "--q", "2"], ["q-value"]),
        (["peaks", "--use", "imported"], ["no peaks from imported"]),
        (["compare"], ["--all"]),
        (["compare", "{gene}", "--all"], ["one of the two"]),
        (["compare", "{gene}", "--tables", "new", "--json", "typo/a"], ["typo/a", "not exist"]),
        (["compare", "{gene}", "--tables", "typo/new"], ["Cannot write typo/new", "not exist"]),
        (["compare", "{gene}", "--min-overlap", "0"], ["smallest overlap"]),
        (["compare", "{gene}", "--min-fraction", "2"], ["smallest overlap"]),
        (["compare", "{gene}", "--shuffles", "1"], ["2 or more"]),
        (["compare", "{gene}", "--shuffles", "9", "--seed", "-1"], ["seed -1"]),
        (["compare", "{gene}", "--third", "cCRE"], ["NAME=FILE"]),
        (["compare", "{gene}", "--third", "cCRE=gone.bed"], ["gone.bed"]),
        (["compare", "{gene}", "--third", "CRISPRi"], ["CRISPRi"]),
        (["compare", "--chrom", "chr99"], ["chr99"]),
        (["compare", "--min-expression", "3", "--max-expression", "1"], ["swap"]),
        (["compare", "--max-error", "1"], ["predictions"]),
        (["compare", "--max-error", "1", "--predictions", "gone.parquet"], ["gone.parquet"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_line_and_exit_code_2(run, genes, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*(text.format(gene=genes[0].name) for text in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("seq2exp: ") and err.count("\n") == 1
    for word in words:
        assert word in err
    assert list(tmp_path.iterdir()) == []
