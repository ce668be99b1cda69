"""Data sets: windows put together right, and every kind of wrong file said plainly."""

import gzip
import os
import pickle
import shutil
from pathlib import Path
from time import perf_counter

import bioframe
import cooler
import numpy as np
import pandas as pd
import pyBigWig
import pytest
import yaml

from seq2exp.datasets.assembly import read_chrom_sizes, recognise
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval

EXAMPLE = Path(__file__).parents[2] / "data" / "datasets" / "k562_chr22.yaml"
SIZES = {"chr1": 320_000, "chr2": 150_000, "chr3": 210_000}
TSS = {"ALPHA": ("chr1", 150_000), "BETA": ("chr1", 40_000), "GAMMA": ("chr2", 149_990)}
K562 = {
    "dnase": "dnase.bw",
    "h3k27ac": "h3k27ac.bw",
    "contact": {"path": "hic.cool", "resolution": 5000, "normalisation": "VC"},
    "expression": {
        "path": "expression.tsv",
        "gene": "gene_id",
        "name": "gene_name",
        "tss": "tss",
        "label": "cage",
        "features": ["utr5", None, None, None, None, None, None, "density", None],
        "promoter_activity": ["h3k27ac_rpm", "dnase_rpm"],
    },
}
TINY = {
    "name": "tiny",
    "assembly": "made up",
    "genome": "genome.fa",
    "annotation": "genes.gtf",
    "blacklist": "blacklist.bed",
    "splits": {"validation": ["2"], "test": ["chr3"]},
    "cells": {"K562": K562, "bare": {"dnase": "dnase.bw", "h3k27ac": "h3k27ac.bw"}},
}


def write_bigwig(path: Path, sizes: dict[str, int], seed: int) -> None:
    """Write steps of 50 bp with gaps between them."""
    rng = np.random.default_rng(seed)
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader(list(sizes.items()))
        for chrom, size in sizes.items():
            starts = np.arange(0, size - 50, 80)
            file.addEntries(
                [chrom] * len(starts),
                starts.tolist(),
                ends=(starts + 50).tolist(),
                values=rng.gamma(1, 5, len(starts)).tolist(),
            )


def write_cool(path: Path, sizes: dict[str, int]) -> None:
    rng = np.random.default_rng(5)
    tables, offset = [], 0
    for size in sizes.values():
        n = -(-size // 5_000)
        a, b = np.triu_indices(n)
        count = rng.poisson(30 / (1 + b - a)) + (a == b)
        table = pd.DataFrame({"bin1_id": a + offset, "bin2_id": b + offset, "count": count})
        tables.append(table[table["count"] > 0])
        offset += n
    cooler.create_cooler(
        str(path), cooler.binnify(pd.Series(sizes), 5_000), pd.concat(tables), ordered=True
    )


def write_yaml(folder: Path, content: dict[str, object] = TINY) -> Path:
    path = folder / "dataset.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def changed(*keys: str, value: object) -> dict[str, object]:
    """Return the tiny data set's YAML with one value changed (None: left out)."""
    content = yaml.safe_load(yaml.safe_dump(TINY))
    table = content
    for key in keys[:-1]:
        table = table[key]
    if value is None:
        del table[keys[-1]]
    else:
        table[keys[-1]] = value
    return content


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a tiny genome; tests copy the folder before they change it."""
    folder = tmp_path_factory.mktemp("tiny")
    rng = np.random.default_rng(6)
    with open(folder / "genome.fa", "w") as file:
        for chrom, size in SIZES.items():
            text = "".join(rng.choice(list("ACGTN"), size))
            lines = [text[i : i + 100] for i in range(0, size, 100)]
            file.write(f">{chrom}\n" + "\n".join(lines) + "\n")
    gtf = ""
    for name, (chrom, tss) in {**TSS, "DELTA": ("chr3", 105_000)}.items():
        ids = f'gene_id "ID_{name}"; transcript_id "T_{name}"; gene_name "{name}";'
        # The table's TSS, not the GTF's, is the window's centre.
        start = tss + 8 - 5_000
        gtf += f"{chrom}\tx\ttranscript\t{start}\t{tss + 8}\t.\t-\t.\t{ids}\n"
    (folder / "genes.gtf").write_text(gtf)
    (folder / "blacklist.bed").write_text("chr1\t100000\t100100\nchr2\t149000\t160000\n")
    write_bigwig(folder / "dnase.bw", SIZES, 7)
    # The other signal's file names its chromosomes without "chr".
    write_bigwig(folder / "h3k27ac.bw", {k.removeprefix("chr"): n for k, n in SIZES.items()}, 8)
    write_cool(folder / "hic.cool", SIZES)
    columns = "gene_name gene_id tss cage utr5 density h3k27ac_rpm dnase_rpm".split()
    rows = [
        ["ALPHA", "ID_ALPHA", 150_000, 99, -0.5, 2.5, 8.0, 2.0],
        ["BETA", "ID_BETA", 40_000, 0, 0.25, 1.0, 0.0, 5.0],
        ["GAMMA", "ID_GAMMA", 149_990, float("nan"), 1, 1, 1, 1],
    ]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "expression.tsv", sep="\t", index=False)
    write_yaml(folder)
    return folder


@pytest.fixture
def tiny(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "tiny"))


@pytest.fixture(scope="module")
def dataset(made: Path) -> Dataset:
    return Dataset.load(made / "dataset.yaml")


def text_of(folder: Path, chrom: str) -> str:
    record = (folder / "genome.fa").read_text().split(f">{chrom}\n")[1].split(">")[0]
    return record.replace("\n", "")


@pytest.mark.parametrize("gene", TSS)
def test_every_channel_of_a_window_at_every_base(dataset: Dataset, made: Path, gene: str) -> None:
    chrom, tss = TSS[gene]
    window = dataset.window(gene, "K562")
    start, end = tss - 100_000, tss + 100_000
    size = SIZES[chrom]
    assert window.interval == Interval(chrom, start, end)
    assert window.gene.tss == tss and window.interval.start + window.tss_index == tss
    assert (window.pad_left, window.pad_right) == (max(0, -start), max(0, end - size))
    left, right = window.pad_left, window.length - window.pad_right
    inside = slice(left, right)
    for part in (slice(0, left), slice(right, None)):
        assert (window.codes[part] == 4).all()
        assert not window.signals[part].any() and not window.blacklist[part].any()
        assert not window.one_hot[part].any()
    text = text_of(made, chrom)[max(0, start) : min(end, size)]
    assert window.sequence[inside] == text
    for channel, name, key in ((0, "h3k27ac.bw", chrom[3:]), (1, "dnase.bw", chrom)):
        with pyBigWig.open(str(made / name)) as file:
            expected = file.values(key, max(0, start), min(end, size))
        np.testing.assert_array_equal(window.signals[inside, channel], np.nan_to_num(expected))
    raw = cooler.Cooler(str(made / "hic.cool")).matrix(balance=False).fetch(chrom).astype(float)
    rows = raw.sum(axis=1)
    shape = raw / np.outer(rows, rows)
    vc = shape * raw.sum() / shape.sum()
    positions = np.arange(max(0, start), min(end, size))
    contact = vc[positions // 5_000, tss // 5_000] + np.exp(5.3181 - 0.87 * np.log(1_000_001))
    np.testing.assert_allclose(window.signals[inside, 2], np.log10(1 + contact), rtol=1e-5)
    listed = [
        (s, e) for c, s, e in (("chr1", 100_000, 100_100), ("chr2", 149_000, 160_000)) if c == chrom
    ]
    expected = [any(s <= p < e for s, e in listed) for p in positions]
    np.testing.assert_array_equal(window.blacklist[inside], expected)
    assert window.contact_source == "Hi-C VC 5 kb"
    assert window.signals.dtype == window.features.dtype == np.float32


def test_labels_features_and_notes(dataset: Dataset) -> None:
    alpha = dataset.window("alpha", "K562")
    assert alpha.label == pytest.approx(2.0)
    assert alpha.label_name == "CAGE"
    np.testing.assert_allclose(alpha.features, [-0.5, 0, 0, 0, 0, 0, 0, 2.5, 4.0])
    assert alpha.notes == (
        "expression.tsv lacks 6 of the 9 RNA and promoter features; they count as 0.",
    )
    beta = dataset.window("ID_BETA", "k562")
    assert beta.label == 0.0 and beta.features[8] == 0
    assert "60,000 of 200,000 bp lie off chr1 and are padding." in beta.notes
    gamma = dataset.window("GAMMA", "K562")
    assert gamma.label is None
    assert "expression.tsv has no measured value for this gene." in gamma.notes
    delta = dataset.window("DELTA", "K562")
    assert delta.label is None and not delta.features.any()
    assert any("expression.tsv has no DELTA" in note for note in delta.notes)
    # Without a row in the table the annotation's TSS counts.
    assert delta.gene.tss == 105_007


def test_a_cell_type_without_hic_and_expression(dataset: Dataset) -> None:
    window = dataset.window("ALPHA", "bare")
    assert window.contact_source == "power law (no Hi-C)"
    assert any("bare has no Hi-C map" in note for note in window.notes)
    assert any("no expression table" in note for note in window.notes)
    assert window.label is None
    centre = window.signals[window.tss_index, 2]
    assert centre == pytest.approx(np.log10(1 + 0.1234360 + 0.0012292), rel=1e-5)
    assert dataset.example_genes("bare") == []


def test_genes_splits_and_places(dataset: Dataset) -> None:
    assert dataset.example_genes("K562") == ["ID_ALPHA", "ID_BETA"]
    assert dataset.example_genes("K562", "train") == ["ID_ALPHA", "ID_BETA"]
    assert dataset.example_genes("K562", "validation") == []
    assert dataset.splits == {"validation": ("chr2",), "test": ("chr3",)}
    assert [dataset.whole(dataset.gene(name)) for name in TSS] == [True, False, False]
    assert dataset.default_gene == "ALPHA"
    assert dataset.locate("beta").tss == 40_000
    assert dataset.locate("1:1,001-2kb") == Interval("chr1", 1_000, 2_000)
    assert dataset.locate("chr2 5 10") == Interval("chr2", 5, 10)
    assert dataset.locate("3") == Interval("chr3", 0, 210_000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ALPHAX", "no gene 'ALPHAX' in this annotation; did you mean ALPHA"),
        ("chr1:x-y", "'chr1:x-y' is not a locus"),
        ("chr1:1-320,001", "lies off chr1, which ends at 320,000"),
        ("chr9:1-5", "no chromosome 'chr9'"),
    ],
)
def test_searches_that_find_nothing(dataset: Dataset, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        dataset.locate(text)


def test_unknown_cell_type_and_split(dataset: Dataset) -> None:
    with pytest.raises(InputError, match="tiny has no cell type 'K563'; did you mean 'K562'"):
        dataset.window("ALPHA", "K563")
    with pytest.raises(InputError, match="names no tset chromosomes"):
        dataset.example_genes("K562", "tset")


def test_travels_to_workers(dataset: Dataset) -> None:
    again = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(
        again.window("BETA", "K562").signals, dataset.window("BETA", "K562").signals
    )


def test_digest_is_of_content_not_of_place(made: Path, tiny: Path) -> None:
    digest = Dataset.load(made / "dataset.yaml").digest
    assert len(digest) == 64
    assert Dataset.load(tiny / "dataset.yaml").digest == digest
    apart = tiny.parent / "apart.yaml"
    apart.write_text(yaml.safe_dump({**TINY, "root": "tiny"}))
    assert Dataset.load(apart).digest == digest
    with open(tiny / "blacklist.bed", "a") as file:
        file.write("chr1\t1\t2\n")
    assert Dataset.load(tiny / "dataset.yaml").digest != digest
    renamed = write_yaml(made.parent, {**TINY, "name": "other"})
    assert Dataset.load(renamed, root=made).digest != digest


def test_digest_does_not_read_a_file_twice(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = Dataset.load(made / "dataset.yaml").digest

    def refuse(path: Path) -> str:
        raise AssertionError(f"{path} is read again")

    monkeypatch.setattr("seq2exp.files.digest", refuse)
    assert Dataset.load(made / "dataset.yaml").digest == digest


# Wrong YAML


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed("genom", value="x"), "unknown key 'genom'; did you mean 'genome'"),
        (changed("cells", "K562", "dnas", value="x"), r"'dnas' in 'cells\.K562'; did you mean 'dn"),
        (changed("cells", "K562", "expression", "lable", value="x"), "did you mean 'label'"),
        (changed("cells", "K562", "contact", "res", value=5), "it may be one of path, resolution"),
        (
            changed("splits", "valid", value=["1"]),
            r"'valid' in 'splits'; did you mean 'vali",
        ),
        (changed("splits", "test", value=["chr9"]), "'splits' names chr9, which the genome lacks"),
        (changed("splits", "test", value="chr3"), r"'splits\.test' must be a list"),
        (changed("genome", value=None), "the key 'genome' is missing; add it"),
        (changed("cells", "K562", "dnase", value=None), r"'dnase' is missing in 'cells\.K562'"),
        (changed("cells", value={}), "'cells' is empty"),
        (changed("cells", value=["K562"]), "'cells' must be a mapping"),
        (changed("genome", value="genom.fa"), r"'genome' names .*did you mean 'genome\.fa'"),
        (changed("blacklist", value="/none/x"), "'blacklist' names /none/x, which is not there"),
        (changed("root", value="elsewhere"), r"root folder .*elsewhere is not there; give --root"),
        (changed("simulated", value="perhaps"), "'simulated' must be true or false"),
        (changed("genome", value=["a"]), "'genome' must be text"),
        (
            changed("cells", "K562", "contact", "resolution", value="5kb"),
            "must be a whole number above 0",
        ),
        (
            changed("cells", "K562", "contact", "normalisation", value="VCC"),
            "'VCC' is not a Hi-C normalisation",
        ),
        (
            changed("cells", "K562", "expression", "features", value=["utr5"]),
            "must list 9 columns",
        ),
        (
            changed("cells", "K562", "expression", "promoter_activity", value=["utr5"]),
            "must list two columns",
        ),
        (
            changed("cells", "K562", "expression", "label", value="cgae"),
            r"expression\.tsv has no column 'cgae'; did you mean 'cage'",
        ),
        (
            changed("cells", "K562", "expression", "gene", value="zzzz"),
            r"expression\.tsv has no column 'zzzz'; it may be one of gene_name",
        ),
        (
            changed("cells", "K562", "expression", "label", value="gene_name"),
            "Column 'gene_name' of .* must hold numbers only",
        ),
        (changed("default_gene", value="ALFA"), "no gene 'ALFA' in this annotation"),
    ],
)
def test_wrong_yaml(made: Path, tmp_path: Path, content: dict[str, object], message: str) -> None:
    path = write_yaml(tmp_path, content)
    root = None if "root" in content else made
    with pytest.raises(InputError, match=message) as caught:
        Dataset.load(path, root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("- a\n", "must be a mapping"), ("a: [1\n", "is not YAML"), ("", "must be a mapping")],
)
def test_no_yaml(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "dataset.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        Dataset.load(path)
    with pytest.raises(InputError, match=r"no data set at .*none\.yaml"):
        Dataset.load(tmp_path / "none.yaml")


def test_root_of_the_argument_wins_over_the_key(made: Path, tmp_path: Path) -> None:
    path = write_yaml(tmp_path, {**TINY, "root": "elsewhere"})
    assert Dataset.load(path, root=made).name == "tiny"


# Wrong files


@pytest.mark.parametrize(
    ("name", "keep", "message"),
    [
        ("dnase.bw", 0.7, r"dnase\.bw is cut short"),
        ("hic.cool", 0.7, r"hic\.cool cannot be read"),
        ("genome.fa", 0, r"genome\.fa is not FASTA"),
        ("genes.gtf", 20, "is not GTF"),
        ("expression.tsv", 0, r"expression\.tsv cannot be read"),
        ("blacklist.bed", 8, "is not BED"),
    ],
)
def test_cut_files(tiny: Path, name: str, keep: float, message: str) -> None:
    path = tiny / name
    size = path.stat().st_size
    os.truncate(path, int(size * keep) if isinstance(keep, float) else keep)
    with pytest.raises(InputError, match=message):
        Dataset.load(tiny / "dataset.yaml")


@pytest.mark.parametrize("name", ["dnase.bw", "h3k27ac.bw", "hic.cool", "chrom.sizes"])
def test_wrong_assembly(tiny: Path, name: str) -> None:
    other = {**SIZES, "chr2": 150_001}
    (tiny / name).unlink(missing_ok=True)
    content = TINY
    if name.endswith(".bw"):
        write_bigwig(tiny / name, other, 9)
    elif name.endswith(".cool"):
        write_cool(tiny / name, other)
    else:
        content = {**TINY, "chrom_sizes": name}
        (tiny / name).write_text("".join(f"{chrom}\t{size}\n" for chrom, size in other.items()))
    with pytest.raises(InputError, match=f"Wrong assembly: .*{name} has chr2 with 150,001 bp, but"):
        Dataset.load(write_yaml(tiny, content))


def test_files_of_another_genome_altogether(tiny: Path) -> None:
    write_bigwig(tiny / "dnase.bw", {"scaffold_1": 1_000}, 9)
    with pytest.raises(InputError, match=r"dnase\.bw shares no chromosome with .*scaffold_1"):
        Dataset.load(tiny / "dataset.yaml")


@pytest.mark.parametrize("name", ["dnase.bw", "hic.cool"])
def test_a_gene_on_a_chromosome_that_a_file_lacks(tiny: Path, name: str) -> None:
    some = {chrom: size for chrom, size in SIZES.items() if chrom != "chr2"}
    (tiny / name).unlink()
    (write_cool(tiny / name, some) if "cool" in name else write_bigwig(tiny / name, some, 9))
    dataset = Dataset.load(tiny / "dataset.yaml")
    assert dataset.window("ALPHA", "K562").length == 200_000
    with pytest.raises(InputError, match=f"{name} has no chromosome chr2; choose a gene elsewhere"):
        dataset.window("GAMMA", "K562")


def test_a_gene_on_a_chromosome_that_the_genome_lacks(tiny: Path) -> None:
    with open(tiny / "genes.gtf", "a") as file:
        for chrom, name in (("chrY", "FAR"), ("chr1", "OFF")):
            ids = f'gene_id "{name}"; transcript_id "t";'
            file.write(f"{chrom}\tx\ttranscript\t400000\t400900\t.\t+\t.\t{ids}\n")
    dataset = Dataset.load(tiny / "dataset.yaml")
    with pytest.raises(InputError, match=r"FAR is on chrY, which .*genome\.fa lacks"):
        dataset.window("FAR", "K562")
    with pytest.raises(InputError, match=r"TSS of OFF .* lies off chr1, which ends at 320,000"):
        dataset.window("OFF", "K562")


def test_a_negative_measurement(tiny: Path) -> None:
    table = pd.read_csv(tiny / "expression.tsv", sep="\t")
    table.loc[0, "cage"] = -1.5
    table.to_csv(tiny / "expression.tsv", sep="\t", index=False)
    with pytest.raises(InputError, match=r"negative value -1\.5 in 'cage'; give counts or TPM"):
        Dataset.load(tiny / "dataset.yaml").window("ALPHA", "K562")


def test_a_table_with_commas(tiny: Path) -> None:
    table = pd.read_csv(tiny / "expression.tsv", sep="\t")
    text = table.to_csv(index=False)
    (tiny / "expression.csv.gz").write_bytes(gzip.compress(text.encode()))
    content = changed("cells", "K562", "expression", "path", value="expression.csv.gz")
    dataset = Dataset.load(write_yaml(tiny, content))
    assert dataset.window("ALPHA", "K562").label == pytest.approx(2.0)


def test_recognises_human_assemblies() -> None:
    # bioframe ships UCSC's own tables.
    for assembly in ("hg19", "hg38"):
        sizes = bioframe.assembly_info(assembly).chromsizes
        for chrom in [f"chr{i}" for i in range(1, 23)] + ["chrX"]:
            assert recognise({chrom: int(sizes[chrom])}) == assembly
            assert recognise({chrom[3:]: int(sizes[chrom])}) == assembly
    assert recognise(SIZES) is None


def test_chrom_sizes(tmp_path: Path) -> None:
    path = tmp_path / "chrom.sizes"
    path.write_text("chr1\t5\n\nchr2 7\n")
    assert read_chrom_sizes(path) == {"chr1": 5, "chr2": 7}
    path.write_text("chr1\n")
    with pytest.raises(InputError, match=r"Line 1 of .*chrom\.sizes is no chromosome size"):
        read_chrom_sizes(path)


# Real data


@pytest.fixture(scope="module")
def real(real_data: Path) -> Dataset:
    return Dataset.load(EXAMPLE, root=real_data / "k562_chr22")


def test_the_example_names_no_place() -> None:
    content = yaml.safe_load(EXAMPLE.read_text())
    assert "root" not in content
    assert "/" not in "".join(str(value) for value in content["cells"]["K562"].values())


@pytest.mark.parametrize("gene", ["RPL3", "LGALS1", "SYNGR1", "SOX10"])
def test_real_genes_open_at_the_tables_tss(real: Dataset, real_data: Path, gene: str) -> None:
    folder = real_data / "k562_chr22"
    table = pd.read_csv(folder / "K562.expression.tsv", sep="\t").set_index("gene_name")
    row = table.loc[gene]
    window = real.window(gene, "K562")
    assert window.gene.tss == row.tss
    assert real.gene(row.gene_id + ".3") == window.gene
    assert window.label == pytest.approx(np.log10(row.rna_seq_tpm + 1))
    assert window.label_name == "RNA-seq TPM"
    assert any("RNA-seq TPM, not CAGE" in note for note in window.notes)
    assert window.features[8] == pytest.approx(
        (row.h3k27ac_rpm_tss1kb * row.dnase_rpm_tss1kb) ** 0.5
    )
    start, end = row.tss - 100_000, row.tss + 100_000
    with open(folder / "chr22.fa") as file:
        file.seek(len(">chr22\n") + start // 60 * 61)
        text = file.read(210_000).replace("\n", "")[start % 60 :]
    assert window.sequence == text[:200_000].upper()
    for channel, name in ((0, "K562.H3K27ac.bw"), (1, "K562.DNase.bw")):
        with pyBigWig.open(str(folder / name)) as file:
            expected = np.nan_to_num(file.values("chr22", start, end))
        np.testing.assert_array_equal(window.signals[:, channel], expected)
        assert expected.max() > 50
    assert window.signals[99_000:101_000, 2].min() > 1


def test_real_data_open_fast(real_data: Path) -> None:
    real_folder = real_data / "k562_chr22"
    Dataset.load(EXAMPLE, real_folder).window("SOX10", "K562")
    start = perf_counter()
    dataset = Dataset.load(EXAMPLE, real_folder)
    opened = perf_counter()
    dataset.window("SYNGR1", "K562")
    # Far above what it takes, so that a busy machine does not fail it.
    assert opened - start < 2
    assert perf_counter() - opened < 1


def test_real_hg19_map_is_refused(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "k562_chr22"
    content = yaml.safe_load(EXAMPLE.read_text())
    content["cells"]["K562"]["contact"] = "straw_test_chr22_hg19.hic"
    path = write_yaml(tmp_path, content)
    with pytest.raises(InputError, match=r"Wrong assembly: .* has 22 with 51,304,566 bp \(hg19\)"):
        Dataset.load(path, folder)
    content["assembly"] = "GRCh37"
    with pytest.raises(InputError, match=r"chr22\.fa is hg38 by its chromosome lengths, but .*GRC"):
        Dataset.load(write_yaml(tmp_path, content), folder)


def test_real_crispr_pairs(real: Dataset) -> None:
    table = real.cells["K562"].crispr
    assert table is not None
    here = table[(table.chrom == "chr22") & table.start.between(37_200_000, 40_600_000)]
    assert set(here[here.regulated].gene_symbol) == {"NPTXR", "MGAT3", "SYNGR1"}
    assert real.cells["K562"].peaks_path.name == "K562.DNase.macs2.narrowPeak"
