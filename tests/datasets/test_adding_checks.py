"""What is said of a new cell type's files: each wrong one by name, with what to do."""

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyBigWig
import pytest

from seq2exp.datasets.adding import Given, Report, Store, examine, scale
from seq2exp.datasets.adding.expression import columns_of
from seq2exp.datasets.adding.features import with_features
from seq2exp.datasets.adding.intervals import as_narrowpeak, bam_lengths
from seq2exp.datasets.adding.windows import gene_set
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.expression import Expression
from seq2exp.datasets.schema import ExpressionSpec
from seq2exp.datasets.simulate import make_demo
from seq2exp.errors import InputError
from seq2exp.genome.window import FEATURES
from seq2exp.tracks.signal import Signal

CARD = {"id": "m", "title": "Model M", "label": "log10(CAGE (simulated) + 1)"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make_demo(tmp_path_factory.mktemp("adding") / "tiny", "tiny").parent


@pytest.fixture(scope="module")
def dataset(tiny) -> Dataset:
    return Dataset.load(tiny / "dataset.yaml")


@pytest.fixture
def store(tiny, tmp_path) -> Store:
    return Store(tmp_path / "own" / "dataset.yaml", tiny / "dataset.yaml")


@pytest.fixture(scope="module")
def whole(tiny) -> Given:
    """The data set's own lymphoid cells under another name."""
    return Given(
        name="mine",
        dnase=str(tiny / "signal" / "sim-lymphoid.DNase.bw"),
        h3k27ac=str(tiny / "signal" / "sim-lymphoid.H3K27ac.bw"),
        contact=str(tiny / "contact" / "sim-lymphoid.hic"),
        reads=str(tiny / "reads" / "sim-lymphoid.DNase.tagAlign.gz"),
        expression=str(tiny / "expression" / "sim-lymphoid.tsv"),
        unit="CAGE",
    )


def said(report: Report, file: str, verdict: str = "fail") -> str:
    """All that is said of a file under a verdict."""
    return "\n".join(
        f"{check.what}: {check.found} {check.fix}"
        for check in report.checks
        if check.file == file and check.verdict == verdict
    )


def changed(tiny: Path, out: Path, change, lengths: dict[str, int] | None = None) -> str:
    """A copy of the lymphoid DNase signal with other values, or in another genome."""
    with pyBigWig.open(str(tiny / "signal" / "sim-lymphoid.DNase.bw")) as file:
        sizes = file.chroms()
        rows = {chrom: file.intervals(chrom) for chrom in sizes}
    with pyBigWig.open(str(out), "w") as file:
        names = list(lengths or sizes)
        file.addHeader(list((lengths or sizes).items()))
        starts, ends, values = zip(*next(iter(rows.values())), strict=True)
        new = change(np.array(values, dtype=float))
        keep = np.array(ends) <= next(iter((lengths or sizes).values()))
        file.addEntries(
            [names[0]] * int(keep.sum()),
            np.array(starts)[keep].tolist(),
            ends=np.array(ends)[keep].tolist(),
            values=new[keep].tolist(),
        )
    return str(out)


@pytest.fixture(scope="module")
def report(whole, dataset, tiny, tmp_path_factory) -> Report:
    store = Store(tmp_path_factory.mktemp("kept") / "dataset.yaml", tiny / "dataset.yaml")
    return examine(whole, dataset, store)


def test_the_data_sets_own_tracks_pass_every_check(report, dataset):
    assert report.accepted
    assert {check.verdict for check in report.checks} == {"pass", "note"}
    titles = [check.file for check in report.checks if check.verdict == "pass"]
    for title in ("DNase signal", "H3K27ac signal", "Hi-C contact map", "Expression table"):
        assert titles.count(title) >= 3
    assert "None" not in " ".join(check.found for check in report.checks)
    # Of the 17 genes of the annotation one has no mRNA, and so no measured expression.
    genes = len(dataset.example_genes("sim-lymphoid"))
    assert f"the 200 kb windows of {genes} genes with a measured expression" in report.compared
    assert f"{genes} of {genes} genes' windows" in said(report, "DNase signal", "pass")


def test_the_distributions_are_those_of_the_files(report, dataset):
    new, *others = report.scales["dnase"]
    assert [each.label for each in others] == ["sim-erythroid", "sim-lymphoid"]
    same = others[1]
    assert (new.mean, new.top, new.covered) == (same.mean, same.top, same.covered)
    parts = [
        dataset.cells["sim-lymphoid"].dnase.values(
            dataset.window_interval(dataset.gene(id)).clip(dataset.lengths["simX1"])
        )[::20]
        for id in dataset.example_genes("sim-lymphoid")
    ]
    values = np.concatenate(parts)
    assert new.bases == values.size and new.highest == values.max()
    assert new.mean == pytest.approx(values.mean(dtype=float))
    assert new.covered == np.count_nonzero(values) / values.size
    for share, value in zip(new.shares, new.values, strict=True):
        assert np.count_nonzero(values >= np.float32(value)) >= share * values.size - 1e-6
    assert new.at(0.01) == pytest.approx(np.quantile(values, 0.99), rel=0.1)


def test_promoter_activity_is_brought_to_the_scale_of_the_known_one(report, dataset):
    """The expression table is kept with all nine features, the ninth estimated."""
    table = Expression(report.spec.expression)
    known = dataset.cells["sim-lymphoid"].table
    assert table.missing_features == []
    ids = dataset.example_genes("sim-lymphoid")
    mine = np.array([table.features(table.of(dataset.gene(id))) for id in ids])
    theirs = np.array([known.features(known.of(dataset.gene(id))) for id in ids])
    np.testing.assert_allclose(mine[:, :8], theirs[:, :8])
    assert np.corrcoef(mine[:, 8], theirs[:, 8])[0, 1] > 0.95
    assert np.median(mine[:, 8] / theirs[:, 8]) == pytest.approx(1, abs=0.15)
    labels = [table.measured(table.of(dataset.gene(id))) for id in ids]
    assert labels == [known.measured(known.of(dataset.gene(id))) for id in ids]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda v: 1000 * v, "raw counts"),
        (lambda v: v / 1000, "scaled down"),
        (lambda v: np.log2(v + 1e-3) + 10, "narrow range"),
        (lambda v: v - 0.2, "below 0"),
        (lambda v: np.where(v > np.quantile(v, 0.999), v, 0), "inside peaks only"),
    ],
    ids=["counts", "scaled down", "logarithm", "differences", "peaks only"],
)
def test_a_foreign_scale_is_a_warning(tiny, dataset, store, whole, tmp_path, change, what):
    path = changed(tiny, tmp_path / "other.bw", change)
    given = Given(name="mine", dnase=path, h3k27ac=whole.h3k27ac)
    report = examine(given, dataset, store)
    assert report.accepted
    warning = said(report, "DNase signal", "warn")
    assert what in warning and "Give " in warning
    assert said(report, "H3K27ac signal", "warn") == ""


def test_a_signal_of_zeros_is_refused(tiny, dataset, store, whole, tmp_path):
    path = changed(tiny, tmp_path / "zero.bw", lambda v: 0 * v)
    report = examine(Given("mine", path, whole.h3k27ac), dataset, store)
    assert not report.accepted and report.spec is None
    assert "every value is 0" in said(report, "DNase signal")


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ({"simX1": 400_000}, ["Assembly", "400,000 bp", "403,200"]),
        ({"chrQ": 403_200}, ["Assembly", "shares no chromosome", "chrQ"]),
    ],
)
def test_another_assembly_is_refused(tiny, dataset, store, whole, tmp_path, lengths, words):
    path = changed(tiny, tmp_path / "foreign.bw", lambda v: v, lengths)
    report = examine(Given("mine", path, whole.h3k27ac), dataset, store)
    assert not report.accepted
    assert all(word in said(report, "DNase signal") for word in words)
    # The file by its own name: an upload's folder means nothing to who gave it.
    assert " foreign.bw " in f" {said(report, 'DNase signal')}"
    assert str(tmp_path) not in said(report, "DNase signal")


def test_other_names_of_chromosomes_are_understood(tiny, dataset, store, whole, tmp_path):
    path = changed(tiny, tmp_path / "named.bw", lambda v: v, {"chrsimX1": 403_200})
    report = examine(Given("mine", path, whole.h3k27ac), dataset, store)
    assert report.accepted
    assert "chrsimX1 for simX1" in said(report, "DNase signal", "pass")


def test_without_hic_the_power_law_is_compared(dataset, store, whole):
    report = examine(replace(whole, contact="", reads="", expression=""), dataset, store)
    assert report.accepted and report.spec.contact is None
    assert "power law" in said(report, "Hi-C contact map", "note")
    assert "hardly any contact" in said(report, "Hi-C contact map", "warn")
    assert report.scales["contact"][0].label == "mine (power law)"
    # The features of the mRNA are known of each gene, whatever the cell type.
    table = Expression(report.spec.expression)
    assert table.missing_features == [] and table.spec.label is None


@pytest.mark.parametrize(
    ("role", "content", "words"),
    [
        ("dnase", b"<!DOCTYPE html><html>", ["a web page", "address of the file itself"]),
        ("dnase", b"simX1\t0\t10\t1.5\nsimX1\t10\t20\t2\n", ["bedGraph", "bedGraphToBigWig"]),
        ("dnase", b"fixedStep chrom=simX1 start=1\n1\n", ["wiggle", "wigToBigWig"]),
        ("dnase", b"\xeb\xf2\x89\x87" + bytes(100), ["bigBed"]),
        ("dnase", b"", ["empty"]),
        ("dnase", b"\x26\xfc\x8f\x88" + bytes(100), ["cut short"]),
        ("dnase", gzip.compress(b"BAM\x01" + bytes(100), mtime=0), ["BAM", "bamCoverage"]),
        ("contact", b"HIC\0" + bytes(100), ["cannot be read"]),
        ("contact", b"chrom\tstart\n", ["table", ".hic"]),
        ("reads", b"@HD\tVN:1.6\n", ["SAM", "samtools"]),
        ("reads", b"CRAM" + bytes(100), ["CRAM", "samtools"]),
        ("peaks", b"gene\tvalue\nA\t1\n", ["table", "narrowPeak"]),
        ("expression", b"PK\x03\x04" + bytes(100), ["Excel", "tab-separated"]),
        ("expression", b"name\tvalue\nnobody\t1\n", ["holds ids or symbols"]),
    ],
)
def test_a_file_of_another_kind_is_named(dataset, store, whole, tmp_path, role, content, words):
    path = tmp_path / f"given.{role}"
    path.write_bytes(content)
    if role == "reads":
        path = path.rename(tmp_path / "given.bed")
    bare = Given("mine", whole.dnase, whole.h3k27ac)
    report = examine(replace(bare, **{role: str(path)}), dataset, store)
    assert not report.accepted
    title = {"dnase": "DNase signal", "contact": "Hi-C contact map", "reads": "DNase reads"} | {
        "peaks": "DNase peaks",
        "expression": "Expression table",
    }
    message = said(report, title[role])
    assert "given." in message and all(word in message for word in words), message


def test_everything_wrong_is_said_at_once(dataset, store, tmp_path):
    given = Given(
        "SIM-erythroid", str(tmp_path / "no.bw"), "", contact="relative.hic", reads="ftp:/x"
    )
    report = examine(given, dataset, store)
    assert "already" in said(report, "Cell type")
    assert "no file" in said(report, "DNase signal")
    assert "missing" in said(report, "H3K27ac signal")
    assert "whole path" in said(report, "Hi-C contact map")
    assert "whole path" in said(report, "DNase reads")


def test_bed_peaks_become_narrowpeak(dataset, store, whole, tmp_path):
    bed = tmp_path / "peaks.bed"
    bed.write_text("track name=x\nsimX1\t1000\t1500\nsimX1\t200000\t200600\tb\t5\t+\n")
    report = examine(replace(whole, peaks=str(bed), contact=""), dataset, store)
    assert report.accepted
    assert "2 peaks" in said(report, "DNase peaks", "pass")
    frame = pd.read_csv(report.spec.peaks, sep="\t", header=None)
    assert frame[[0, 1, 2]].to_numpy().tolist() == [
        ["simX1", 1000, 1500],
        ["simX1", 200000, 200600],
    ]
    assert report.spec.peaks.is_relative_to(store.files)
    bed.write_text("simX1\t1000\t1500\nsimX1\t500000\t500600\n")
    report = examine(replace(whole, peaks=str(bed), contact=""), dataset, store)
    assert "beyond the 403,200 bp" in said(report, "DNase peaks")


@pytest.mark.parametrize(
    ("line", "named", "name"),
    [
        ("simX1\t10\t90\tmine\n", True, "mine"),
        ("simX1\t10\t90\t7.5\n", False, "peak_1"),
        ("simX1\t10\t90\tmine\t5\t+\n", True, "mine"),
        ("simX1\t10\t90\n", True, "peak_1"),
    ],
)
def test_peaks_of_a_bed_keep_their_names(store, tmp_path, line, named, name):
    bed = tmp_path / "peaks.bed"
    bed.write_text(line)
    (kept,) = as_narrowpeak(bed, store, named).read_text().splitlines()
    assert kept.split("\t")[:4] == ["simX1", "10", "90", name]


def test_features_of_the_given_table_win_over_those_of_the_data_set(dataset, whole, tiny, tmp_path):
    known = dataset.cells["sim-lymphoid"].table
    table = known.table.assign(**{FEATURES[4]: 0.125})[["gene_id", "CAGE_count", FEATURES[4]]]
    path = tmp_path / "own.tsv"
    table.to_csv(path, sep="\t", index=False)
    features = tuple(name if name == FEATURES[4] else None for name in FEATURES)
    own = Expression(ExpressionSpec(path, label="CAGE_count", features=features))
    signals = Signal(whole.dnase), Signal(whole.h3k27ac)
    spec, checks = with_features(
        dataset, gene_set(dataset), own, signals, tmp_path / "made", lambda: None
    )
    made = Expression(spec)
    gene = dataset.gene(dataset.default_gene)
    mine, theirs = made.features(made.of(gene)), known.features(known.of(gene))
    assert mine[4] == np.float32(0.125) != theirs[4]
    assert (np.delete(mine, 4)[:7] == np.delete(theirs, 4)[:7]).all()
    said = checks[0].found
    assert "1 of the 8 mRNA features are the table's" in said and "7 of the 8" in said


def test_reads_of_another_genome_are_refused(dataset, store, whole, tmp_path):
    reads = tmp_path / "reads.bed"
    reads.write_text("chr1\t10\t60\tr\t0\t+\n")
    report = examine(replace(whole, reads=str(reads), contact=""), dataset, store)
    assert "no chromosome of genome.fa (it has chr1)" in said(report, "DNase reads")
    text = b"@HD\tVN:1.6\n"
    name = b"chr1\0"
    head = b"BAM\x01" + struct.pack("<i", len(text)) + text + struct.pack("<i", 1)
    head += struct.pack("<i", len(name)) + name + struct.pack("<i", 248_956_422)
    bam = tmp_path / "reads.bam"
    end = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
    bam.write_bytes(gzip.compress(head) + end)
    assert bam_lengths(bam) == {"chr1": 248_956_422}
    report = examine(replace(whole, reads=str(bam), contact=""), dataset, store)
    assert "shares no chromosome" in said(report, "DNase reads")
    bam.write_bytes(gzip.compress(head[:20]) + end)
    with pytest.raises(InputError, match="damaged"):
        bam_lengths(bam)


@pytest.mark.parametrize(
    ("change", "verdict", "words"),
    [
        (lambda t: t.assign(CAGE_count=np.log2(t["CAGE_count"] + 1)), "warn", "logarithms"),
        (lambda t: t.assign(CAGE_count=t["CAGE_count"] - 5.0), "fail", "log10(x + 1) itself"),
        (lambda t: t.assign(CAGE_count=1e4 * t["CAGE_count"] + 1e4), "warn", "another unit"),
        (lambda t: t.head(3), "warn", "Name the column"),
    ],
    ids=["logarithm", "negative", "other unit", "few genes"],
)
def test_expression_that_is_no_plain_value(
    tiny, dataset, store, whole, tmp_path, change, verdict, words
):
    path = tmp_path / "table.tsv"
    change(pd.read_csv(whole.expression, sep="\t")).to_csv(path, sep="\t", index=False)
    given = replace(whole, expression=str(path), contact="", reads="")
    report = examine(given, dataset, store)
    assert words in said(report, "Expression table", verdict)
    assert report.accepted is (verdict == "warn")


def test_the_unit_must_be_stated_and_is_compared(dataset, store, whole):
    bare = replace(whole, contact="", reads="")
    assert "not stated" in said(
        examine(replace(bare, unit=" "), dataset, store), "Expression table"
    )
    report = examine(replace(bare, unit="RNA-seq TPM"), dataset, store, CARD)
    warning = said(report, "Expression table", "warn")
    assert "It is RNA-seq TPM, but the model predicts log10(CAGE (simulated) + 1)" in warning
    assert report.spec.expression.label_name == "RNA-seq TPM"


def test_columns_are_found_by_what_they_hold(tmp_path, dataset):
    ids = list(dataset.annotation.genes)[:5]
    path = tmp_path / "t.csv"
    pd.DataFrame(
        {"sample": ["s"] * 5, "start": range(5), "Geneid": ids, "len_x": 1.5, "TPM": range(5)}
    ).to_csv(path, index=False)
    found = columns_of(path, dataset)
    assert (found.gene, found.value) == ("Geneid", "TPM")
    assert found.numbers == ("start", "len_x", "TPM")


def test_the_training_data_are_named_where_they_are_open(dataset, store, whole):
    bare = Given("mine", whole.dnase, whole.h3k27ac)
    known = {"dataset": {"name": "x", "digest": dataset.digest}, "cells": ["sim-lymphoid"]}
    report = examine(bare, dataset, store, CARD | known)
    assert report.compared.startswith(
        "Compared with the training data of Model M: sim-lymphoid, over"
    )
    assert [each.label for each in report.scales["dnase"]] == ["mine", "sim-lymphoid"]
    other = {"dataset": {"name": "Elsewhere", "digest": "0" * 64}, "cells": ["sim-lymphoid"]}
    report = examine(bare, dataset, store, CARD | other)
    assert "The training data of Model M (Elsewhere) are not open here" in report.compared
    assert len(report.scales["dnase"]) == 3


def test_progress_grows_and_can_stop_it(dataset, store, whole):
    seen: list[float] = []
    examine(whole, dataset, store, None, lambda part, text: seen.append(part))
    assert seen == sorted(seen) and seen[0] == 0 and 0.9 < seen[-1] <= 1

    class Stopped(Exception):
        pass

    def stop(part: float, text: str) -> None:
        if part > 0.5:
            raise Stopped

    with pytest.raises(Stopped):
        examine(whole, dataset, store, None, stop)
    assert not store.path.exists()


def test_files_that_were_read_before_are_not_read_again(dataset, store, whole, monkeypatch):
    bare = replace(whole, contact="", reads="", expression="")
    first = examine(bare, dataset, store)

    def never(*arguments):
        raise AssertionError("read again")

    monkeypatch.setattr(scale, "distribution", never)
    again = examine(replace(bare, name="other"), dataset, store)
    assert again.accepted
    for mine, before in zip(again.scales["dnase"], first.scales["dnase"], strict=True):
        assert (mine.top, mine.bases) == (before.top, before.bases)
    assert again.scales["dnase"][0].label == "other"


def test_a_report_is_plain_json(report):
    plain = report.to_dict()
    assert plain["accepted"] is True
    assert set(plain["scales"]) == {"dnase", "h3k27ac", "contact", "expression"}
    assert plain["checks"][0] == {
        "file": "Cell type",
        "what": "Name",
        "verdict": "pass",
        "found": "mine is new.",
        "fix": "",
    }
