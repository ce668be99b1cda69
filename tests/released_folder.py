"""The authors' data folder, made small, and what is in it as plain arrays.

The files are written by the libraries that made the published ones (pyBigWig, h5py, pickle, csv);
the arrays are what the tests compute the windows from.
"""

import csv
import json
import pickle
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pyBigWig

SIZES = {"chr1": 320_000, "chr3": 210_000, "chr22": 300_001, "chrX": 150_001}
GENES = {
    # name: (id, chromosome, TSS, strand); the paddings of LEFT, RIGHT and GATA1 are odd.
    "LEFT": ("ENSG00000000001", "chr1", 40_001, "+"),
    "MID": ("ENSG00000000002", "chr1", 150_000, "-"),
    "VALID": ("ENSG00000000003", "chr3", 105_000, "+"),
    "RIGHT": ("ENSG00000000004", "chr22", 250_000, "-"),
    "GATA1": ("ENSG00000000005", "chrX", 70_000, "+"),
    "SKIPPED": ("ENSG00000000006", "chr1", 160_000, "+"),  # not in EPInformer's file
    "OUTSIDE": ("ENSG00000000007", "chr1", 200_000, "+"),  # not in the split
}
SPLIT = {"1": "train", "3": "valid", "22": "test", "X": "test"}
FEATURES = (
    "UTR5LEN_log10zscore CDSLEN_log10zscore INTRONLEN_log10zscore UTR3LEN_log10zscore UTR5GC CDSGC "
    "UTR3GC ORFEXONDENSITY"
).split()
CELLS = {
    "K562": ("ENCFF465GBD", "ENCFF414OGC", "ENCFF257HEE", "4DNFITUOMFUQ"),
    "GM12878": ("ENCFF798KYP", "ENCFF960FMM", "ENCFF020WZB", "4DNFI1UEG1HD"),
}
PART = "promo_enhan_inter"
XPRESSO = f"{PART}/GM12878_K562_18377_gene_expr_fromXpresso.csv"
SPLIT_CSV = f"{PART}/leave_chrom_out_crossvalidation_split_18377genes.csv"


def genes_path(cell: str) -> str:
    """The path of a cell type's GeneList.txt in the folder."""
    dnase, hic = CELLS[cell][2:]
    folder = f"{cell}_DNase_{dnase}_hic_{hic}_1MB_ABC_nominated"
    return f"{PART}/{folder}/DNase_{dnase}_Neighborhoods/GeneList.txt"


@dataclass
class Released:
    """The folder and its content.

    signals: [cell, "H3K27ac" | "DNase-seq", chrom] -> float32 with NaN; peaks: [cell, chrom] ->
    bool; profiles: [cell, gene] -> float64 [200,000]; numbers: [gene, column] and
    [cell, gene, column] -> float.
    """

    root: Path
    sequence: dict[str, str] = field(default_factory=dict)
    blacklist: dict[str, np.ndarray] = field(default_factory=dict)
    signals: dict[tuple[str, str, str], np.ndarray] = field(default_factory=dict)
    peaks: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    profiles: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    numbers: dict[tuple[str, ...], float] = field(default_factory=dict)


def write_bigwig(path: Path, tracks: dict[str, np.ndarray]) -> None:
    """Write each run of equal values that are not NaN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([(chrom, len(values)) for chrom, values in tracks.items()])
        for chrom, values in tracks.items():
            edges = np.flatnonzero(np.diff(np.nan_to_num(values, nan=-1))) + 1
            starts, ends = np.r_[0, edges], np.r_[edges, len(values)]
            keep = ~np.isnan(values[starts])
            starts, ends = starts[keep], ends[keep]
            if len(starts):
                file.addEntries(
                    [chrom] * len(starts),
                    starts.tolist(),
                    ends=ends.tolist(),
                    values=values[starts].astype(float).tolist(),
                )


def write_blacklist(made: Released, protocol: int = 4) -> None:
    path = made.root / "hg38_blacklist_dict_v1.pkl"
    path.write_bytes(pickle.dumps(made.blacklist, protocol=protocol))


def write_rows(path: Path, rows: list[dict[str, object]], delimiter: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def make_released(root: Path, cells: tuple[str, ...] = tuple(CELLS), seed: int = 11) -> Released:
    """Make the folder with random content."""
    rng = np.random.default_rng(seed)
    made = Released(root)
    (root / "hg38").mkdir(parents=True)
    (root / "chr_length.json").write_text(json.dumps({"hg38": SIZES}))
    with open(root / "hg38" / "hg38.ml.fa", "w") as file:
        for chrom, size in SIZES.items():
            text = "".join(rng.choice(list("ACGTN"), size, p=[0.29, 0.21, 0.21, 0.28, 0.01]))
            made.sequence[chrom] = text
            lines = "\n".join(text[i : i + 50] for i in range(0, size, 50))
            file.write(f">{chrom}\n{lines}\n")
    for chrom, size in SIZES.items():
        marked = np.zeros(size, dtype=bool)
        for start in (0, 60_000, 120_500, size - 300):
            marked[start : start + int(rng.integers(100, 2_000))] = True
        made.blacklist[chrom] = marked
    write_blacklist(made)
    xpresso, split = [], []
    for name, (gene, chrom, _, _) in GENES.items():
        row: dict[str, object] = {"ENSID": gene, "Gene stable ID": gene, "Gene name": name}
        row |= {column: float(rng.normal()) for column in FEATURES}
        row["ORFEXONDENSITY_log10zscore"] = 99.0
        row |= {f"{cell}_CAGE_128*3_sum": float(rng.gamma(1, 50)) for cell in CELLS}
        row |= {f"Actual_{cell}": -0.5 for cell in CELLS}
        xpresso.append(row)
        made.numbers |= {(name, k): v for k, v in row.items() if isinstance(v, float)}
        if name != "OUTSIDE":
            bare = chrom.removeprefix("chr")
            folds = {f"fold_{i}": "train" for i in range(1, 13)} | {"fold_11": SPLIT[bare]}
            split.append({"ENSID": gene, "chrom": bare, **folds, "Gene name": name})
    write_rows(root / XPRESSO, xpresso)
    write_rows(root / SPLIT_CSV, split)
    for cell in cells:
        _make_cell(made, cell, rng)
    return made


def _make_cell(made: Released, cell: str, rng: np.random.Generator) -> None:
    part = made.root / PART
    for mark, accession in zip(("H3K27ac", "DNase-seq"), CELLS[cell], strict=False):
        tracks = {}
        for chrom, size in SIZES.items():
            values = np.repeat(rng.gamma(0.5, 4, -(-size // 40)).astype(np.float32), 40)[:size]
            values[np.repeat(rng.random(-(-size // 400)) < 0.2, 400)[:size]] = np.nan
            tracks[chrom] = made.signals[cell, mark, chrom] = values
        write_bigwig(part / mark / cell / f"{accession}.bigWig", tracks)
    masks = {}
    for chrom, size in SIZES.items():
        peak = np.repeat(rng.random(-(-size // 300)) < 0.15, 300)[:size]
        made.peaks[cell, chrom] = peak
        masks[chrom] = np.where(peak, 1.0, np.nan).astype(np.float32)
    write_bigwig(part / "DNase-seq" / cell / "peaks" / "peaks_bigWig" / "macs3.bigWig", masks)
    rows = []
    for name, (gene, chrom, tss, strand) in GENES.items():
        start, end = (tss, min(tss + 9_000, SIZES[chrom])) if strand == "+" else (tss - 9_000, tss)
        row = {"chr": chrom, "start": start, "end": end, "name": gene, "score": 0}
        row |= {"strand": strand, "symbol": gene, "tss": tss}
        activity = {f"{mark}.RPM.TSS1Kb": float(rng.gamma(2, 30)) for mark in ("H3K27ac", "DHS")}
        rows.append(row | activity)
        made.numbers |= {(cell, name, column): value for column, value in activity.items()}
    write_rows(made.root / genes_path(cell), rows, delimiter="\t")
    folder = part / "HiC" / cell
    folder.mkdir(parents=True)
    for chrom, size in SIZES.items():
        with h5py.File(folder / f"hic_feat_{chrom}.h5", "w") as file:
            for name, (_, at, tss, _) in GENES.items():
                if at == chrom:
                    left, right = max(0, 100_000 - tss), max(0, tss + 100_000 - size)
                    bins = rng.gamma(1, 3, 41).repeat(5_000)[: 200_000 - left - right] + 0.0012292
                    bins[3_000:3_100] = np.nan
                    if name == "VALID":
                        bins[:] = np.nan  # its promoter cannot be seen in the map
                    values = np.r_[np.zeros(left), bins, np.zeros(right)]
                    made.profiles[cell, name] = file[f"{chrom}_{tss}"] = values
    dnase, hic = CELLS[cell][2:]
    with h5py.File(part / f"{cell}_DNase_{dnase}_2kb_{hic}_promoter_encoding.h5", "w") as file:
        file["ensid"] = [gene.encode() for name, (gene, *_) in GENES.items() if name != "SKIPPED"]
