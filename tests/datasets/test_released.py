"""The authors' data folder: windows as the released code makes them, from files of every kind."""

import gzip
import pickle
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyBigWig
import pytest
import torch
import yaml
from released_folder import (
    FEATURES,
    GENES,
    PART,
    SIZES,
    Released,
    genes_path,
    make_released,
    write_blacklist,
)

from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.released.peaks import write_peaks
from seq2exp.genome.locus import Interval
from seq2exp.tracks.peaks import PeakCaller, read_narrowpeak


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Released:
    return make_released(tmp_path_factory.mktemp("GeneExp"))


@pytest.fixture(scope="module")
def dataset(made: Released) -> Dataset:
    return Dataset.load(made.root)


def pointing(folder: Path, made: Released, **content: object) -> Path:
    """A YAML that points at the folder."""
    path = folder / "published.yaml"
    path.write_text(yaml.safe_dump({"released": str(made.root), **content}))
    return path


def padded(values: np.ndarray, chrom: str, tss: int) -> np.ndarray:
    """The window [tss - 100,000, tss + 100,000) of a whole chromosome's values, padded with 0."""
    left, right = max(0, 100_000 - tss), max(0, tss + 100_000 - SIZES[chrom])
    part = values[max(0, tss - 100_000) : tss + 100_000]
    return np.pad(part, (left, right))


def released_contact(profile: np.ndarray, chrom: str, tss: int) -> np.ndarray:
    """Channel 2 as the released code loads it: padded again, NaN to 0, logarithm, the centre."""
    left, right = max(0, 100_000 - tss), max(0, tss + 100_000 - SIZES[chrom])
    again = np.concatenate([np.zeros(left), profile, np.zeros(right)]).astype(np.float32)
    again[np.isnan(again)] = 0
    value = np.log10(again + np.float32(1))
    return value[(len(value) - 200_000) // 2 : (len(value) + 200_000) // 2]


@pytest.mark.parametrize("cell", ["K562", "GM12878"])
@pytest.mark.parametrize("gene", GENES)
def test_every_channel_of_a_window_at_every_base(
    dataset: Dataset, made: Released, gene: str, cell: str
) -> None:
    _, chrom, tss, _ = GENES[gene]
    window = dataset.window(gene, cell)
    assert window.interval == Interval(chrom, tss - 100_000, tss + 100_000)
    assert window.gene.tss == tss and window.tss_index == 100_000
    bases = np.frombuffer(made.sequence[chrom].encode(), np.uint8)
    one_hot = np.stack([padded(bases == ord(base), chrom, tss) for base in "ACGT"], axis=1)
    np.testing.assert_array_equal(window.one_hot, one_hot)
    for channel, mark in enumerate(("H3K27ac", "DNase-seq")):
        signal = np.nan_to_num(made.signals[cell, mark, chrom])
        np.testing.assert_array_equal(window.signals[:, channel], padded(signal, chrom, tss))
    contact = released_contact(made.profiles[cell, gene], chrom, tss)
    np.testing.assert_array_equal(window.signals[:, 2], contact)
    np.testing.assert_array_equal(window.blacklist, padded(made.blacklist[chrom], chrom, tss))
    assert window.signals.dtype == np.float32
    assert window.contact_source == "Hi-C VC 5 kb (the authors' profiles)"


def test_the_logarithm_is_that_of_torch_to_the_last_bit_or_one(
    dataset: Dataset, made: Released
) -> None:
    contact = torch.tensor(made.profiles["K562", "MID"], dtype=torch.float32).nan_to_num(nan=0.0)
    expected = torch.log10(contact + 1).numpy()
    got = dataset.window("MID", "K562").signals[:, 2]
    np.testing.assert_array_max_ulp(got, expected, maxulp=1)


def test_a_promoter_that_the_map_does_not_show(dataset: Dataset) -> None:
    window = dataset.window("VALID", "K562")
    assert not window.signals[:, 2].any()
    assert any("next to no contacts at the TSS of VALID" in note for note in window.notes)


@pytest.mark.parametrize(
    ("gene", "moved"),
    [("LEFT", 30_000), ("MID", 0), ("RIGHT", -24_999), ("GATA1", 5_001)],
)
def test_double_padding_moves_contact_and_can_be_corrected(
    dataset: Dataset, made: Released, tmp_path: Path, gene: str, moved: int
) -> None:
    # ceil(p / 2) to the right for p bases off the start, q // 2 to the left for q off the end:
    # p is 59,999 for LEFT and 30,000 for GATA1, q is 49,999 for RIGHT and 19,999 for GATA1.
    fixed = Dataset.load(pointing(tmp_path, made, hic_padding="fixed"))
    corrected = fixed.window(gene, "K562")
    profile = np.nan_to_num(made.profiles["K562", gene].astype(np.float32))
    expected = np.log10(1 + profile)
    np.testing.assert_array_equal(corrected.signals[:, 2], expected)
    window = dataset.window(gene, "K562")
    shifted = np.zeros_like(expected)
    if moved > 0:
        shifted[moved:] = expected[:-moved]
    else:
        shifted[: 200_000 + moved] = expected[-moved:]
    np.testing.assert_array_equal(window.signals[:, 2], shifted)
    np.testing.assert_array_equal(window.signals[:, :2], corrected.signals[:, :2])
    said = [note for note in window.notes if "padded twice" in note]
    assert len(said) == (moved != 0)
    if moved:
        side = "right" if moved > 0 else "left"
        assert f"lies {abs(moved):,} bp too far to the {side}" in said[0]
    assert not any("padded twice" in note for note in corrected.notes)
    assert fixed.digest != dataset.digest


@pytest.mark.parametrize("cell", ["K562", "GM12878"])
def test_features_in_the_published_order_and_labels(
    dataset: Dataset, made: Released, cell: str
) -> None:
    for gene in ("LEFT", "RIGHT", "GATA1"):
        window = dataset.window(gene, cell)
        rpm = [made.numbers[cell, gene, f"{mark}.RPM.TSS1Kb"] for mark in ("H3K27ac", "DHS")]
        expected = [*(made.numbers[gene, column] for column in FEATURES), np.sqrt(rpm[0] * rpm[1])]
        np.testing.assert_array_equal(window.features, np.array(expected, dtype=np.float32))
        assert window.label == np.log10(made.numbers[gene, f"{cell}_CAGE_128*3_sum"] + 1)
        assert window.label_name == "CAGE"


def test_genes_and_splits_are_those_of_fold_11(dataset: Dataset) -> None:
    ids = {name: gene for name, (gene, *_) in GENES.items()}
    for split, names in {
        "train": ["LEFT", "MID"],
        "validation": ["VALID"],
        "test": ["RIGHT", "GATA1"],
        # Those that the split or EPInformer's file lack can be looked at, but are no examples.
        None: ["LEFT", "MID", "VALID", "RIGHT", "GATA1"],
    }.items():
        found = dataset.example_genes("K562", split)
        assert sorted(found) == sorted(ids[name] for name in names), split
    for name in ("SKIPPED", "OUTSIDE"):
        assert dataset.window(name, "K562").label is None
    assert dataset.splits == {
        "train": ("chr1",),
        "validation": ("chr3",),
        "test": ("chr22", "chrX"),
    }
    assert list(dataset.cells) == ["K562", "GM12878"]
    assert dataset.default_gene == "GATA1"
    assert dataset.gene(ids["RIGHT"]).name == "RIGHT"
    gene = dataset.gene("right")
    assert (gene.start, gene.end, gene.strand, gene.tss) == (241_000, 250_000, "-", 250_000)
    assert not dataset.simulated


def test_peaks_cover_what_the_mask_covers(dataset: Dataset, made: Released) -> None:
    for cell in dataset.cells.values():
        caller = PeakCaller.for_cell(cell, dataset.genome)
        assert caller.kind == "imported"
        peaks = caller.peaks()
        for chrom, size in SIZES.items():
            covered = np.zeros(size, dtype=bool)
            for row in peaks[peaks.chrom == chrom].itertuples():
                assert not covered[row.start : row.end].any()
                covered[row.start : row.end] = True
            np.testing.assert_array_equal(covered, made.peaks[cell.name, chrom])
        assert (peaks.summit == -1).all() and (peaks.q_log10 == -1).all()


def test_stretches_that_touch_are_one_peak(tmp_path: Path) -> None:
    with pyBigWig.open(str(tmp_path / "macs3.bigWig"), "w") as file:
        file.addHeader([("chr1", 9_000), ("chr2", 500)])
        file.addEntries(
            ["chr1"] * 4,
            [10, 100, 300, 700],
            ends=[100, 250, 400, 800],
            values=[1.0, 1.0, 0.0, 1.0],
        )
    write_peaks(tmp_path / "macs3.bigWig", tmp_path / "peaks")
    peaks = read_narrowpeak(tmp_path / "peaks")
    assert list(zip(peaks.chrom, peaks.start, peaks.end, strict=True)) == [
        ("chr1", 10, 250),
        ("chr1", 700, 800),
    ]


def test_without_a_peak_mask_peaks_are_called(made: Released, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made.root, tmp_path / "GeneExp"))
    shutil.rmtree(root / PART / "DNase-seq" / "K562" / "peaks")
    cells = Dataset.load(root).cells
    assert cells["K562"].peaks_path is None and cells["GM12878"].peaks_path is not None


def blacklisted(root: Path) -> dict[str, np.ndarray]:
    dataset = Dataset.load(root)
    return {chrom: dataset.blacklist(Interval(chrom, 0, size)) for chrom, size in SIZES.items()}


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_the_blacklist_in_every_protocol(made: Released, tmp_path: Path, protocol: int) -> None:
    root = Path(shutil.copytree(made.root, tmp_path / "GeneExp"))
    marks = {chrom: mask.copy() for chrom, mask in made.blacklist.items()}
    marks["chr3"][:] = False
    marks["chrX"][-1] = marks["chrX"][0] = True
    write_blacklist(Released(root, blacklist=marks), protocol)
    for chrom, found in blacklisted(root).items():
        np.testing.assert_array_equal(found, marks[chrom])


def test_the_encode_blacklist_in_place_of_the_pickle(made: Released, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made.root, tmp_path / "GeneExp"))
    (root / "hg38_blacklist_dict_v1.pkl").unlink()
    with gzip.open(root / "hg38-blacklist.bed.gz", "wt") as file:
        file.write("chr1\t10\t20\tHigh Signal Region\nchrX\t0\t5\tLow Mappability\n")
    found = blacklisted(root)
    assert {chrom: np.flatnonzero(mask).tolist() for chrom, mask in found.items()} == {
        "chr1": list(range(10, 20)),
        "chr3": [],
        "chr22": [],
        "chrX": [0, 1, 2, 3, 4],
    }


def test_travels_to_workers(dataset: Dataset) -> None:
    again = pickle.loads(pickle.dumps(dataset))
    for gene in ("LEFT", "GATA1"):
        np.testing.assert_array_equal(
            again.window(gene, "GM12878").signals, dataset.window(gene, "GM12878").signals
        )


def test_digest_is_of_content_not_of_place(
    dataset: Dataset, made: Released, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(made.root, tmp_path / "elsewhere"))
    assert Dataset.load(root).digest == dataset.digest
    with h5py.File(root / PART / "HiC" / "K562" / "hic_feat_chr3.h5", "a") as file:
        file["chr3_105000"][:] = 1.0
    changed = Dataset.load(root)
    assert changed.digest != dataset.digest
    table = root / genes_path("K562")
    table.write_text(table.read_text().replace(f"\t{GENES['MID'][2]}\t", "\t150001\t"))
    other = root / genes_path("GM12878")
    other.write_text(other.read_text().replace(f"\t{GENES['MID'][2]}\t", "\t150001\t"))
    moved = Dataset.load(root)
    assert moved.gene("MID").tss == 150_001
    assert moved.digest != changed.digest


def test_a_yaml_that_points_at_the_folder(made: Released, tmp_path: Path) -> None:
    gene, chrom, tss, _ = GENES["MID"]
    ids = f'gene_id "{gene}.3"; transcript_id "T1"; gene_name "MIDDLE";'
    (tmp_path / "genes.gtf").write_text(
        "".join(
            f"{chrom}\tx\t{kind}\t{start}\t{end}\t.\t-\t.\t{ids}\n"
            for kind, start, end in (
                ("transcript", tss - 5_000, tss),
                ("exon", tss - 100, tss),
                ("exon", tss - 5_000, tss - 4_000),
            )
        )
    )
    columns = "chrom chromStart chromEnd measuredGeneSymbol Regulated ValidConnection".split()
    pairs = pd.DataFrame([["chr1", 120_000, 120_500, "MID", True, "TRUE"]], columns=columns)
    pairs.to_csv(tmp_path / "pairs.tsv", sep="\t", index=False)
    path = pointing(
        tmp_path,
        made,
        name="published",
        cells=["GM12878"],
        annotation="genes.gtf",
        default_gene="MIDDLE",
        crispr={"GM12878": "pairs.tsv"},
    )
    dataset = Dataset.load(path)
    assert (dataset.name, list(dataset.cells)) == ("published", ["GM12878"])
    assert dataset.default_gene == "MIDDLE"
    found = dataset.gene("mid")  # the table's name of the gene
    assert len(found.transcripts[0].exons) == 2
    assert found.tss == tss  # of GeneList.txt, not of the GTF
    assert dataset.cells["GM12878"].crispr_path == tmp_path / "pairs.tsv"
    assert dataset.window("MIDDLE", "GM12878").label is not None
    relative = tmp_path / "relative.yaml"
    relative.write_text(f"released: {made.root.name}\n")
    assert list(Dataset.load(relative, root=made.root.parent).cells) == ["K562", "GM12878"]


def test_a_folder_with_one_cell_type(tmp_path: Path) -> None:
    made = make_released(tmp_path / "GeneExp", cells=("GM12878",))
    assert list(Dataset.load(made.root).cells) == ["GM12878"]


def test_a_column_of_activity_without_gene_bounds(made: Released, tmp_path: Path) -> None:
    """GeneList.txt needs the TSS; where genes end is only drawn."""
    root = Path(shutil.copytree(made.root, tmp_path / "GeneExp"))
    for cell in ("K562", "GM12878"):
        table = pd.read_csv(root / genes_path(cell), sep="\t")
        table.drop(columns=["start", "end", "strand"]).to_csv(
            root / genes_path(cell), sep="\t", index=False
        )
    gene = Dataset.load(root).gene("MID")
    assert (gene.start, gene.end, gene.tss) == (150_000, 150_001, 150_000)
