"""A data set of three small chromosomes, written on the fly in real formats."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyBigWig
import pytest
import torch

torch.set_num_threads(1)

LENGTH = 60_000
CHROMS = {"chrA": 8, "chrV": 4, "chrT": 3}  # genes on each


def write_dataset(folder: Path, splits: str = "{validation: [chrV], test: [chrT]}") -> Path:
    """Write a data set in which a promoter's DNase sets its gene's expression; two cell types."""
    rng = np.random.default_rng(7)
    fasta, gtf, rows = [], [], []
    signals = {name: {} for name in ("a.dnase", "a.h3k27ac", "b.dnase", "b.h3k27ac")}
    for chrom, count in CHROMS.items():
        bases = "".join(rng.choice(list("ACGT"), LENGTH))
        fasta.append(f">{chrom}\n{bases}\n")
        tracks = {name: rng.gamma(0.5, 0.4, LENGTH).astype(np.float32) for name in signals}
        for i in range(count):
            gene = f"ENSG{list(CHROMS).index(chrom):06d}{i:05d}"
            tss = 2_000 + i * (LENGTH - 4_000) // count
            attributes = f'gene_id "{gene}"; transcript_id "{gene}.t"; gene_name "{chrom[3]}{i}";'
            for kind in ("transcript", "exon"):
                gtf.append(f"{chrom}\tx\t{kind}\t{tss + 1}\t{tss + 900}\t.\t+\t.\t{attributes}\n")
            row = [gene, f"{chrom[3]}{i}", tss]
            for cell in "ab":
                height = rng.uniform(0, 6)
                tracks[f"{cell}.dnase"][tss - 300 : tss + 300] += height
                tracks[f"{cell}.h3k27ac"][tss - 600 : tss + 600] += height
                row.append(10 ** (0.4 * height) - 1)
            rows.append([*row, *rng.normal(0, 1, 9).round(3)])
        for name, track in tracks.items():
            signals[name][chrom] = track
    (folder / "g.fa").write_text("".join(fasta))
    (folder / "g.gtf").write_text("".join(gtf))
    (folder / "black.bed").write_text("chrA\t2500\t2700\n")
    for name, tracks in signals.items():
        with pyBigWig.open(str(folder / f"{name}.bw"), "w") as file:
            file.addHeader([(chrom, LENGTH) for chrom in CHROMS])
            for chrom, track in tracks.items():
                file.addEntries(chrom, 0, values=track.tolist(), span=1, step=1)
    names = [f"f{i}" for i in range(9)]
    text = "\t".join(["gene_id", "gene_name", "tss", "a_cage", "b_cage", *names]) + "\n"
    text += "".join("\t".join(map(str, row)) + "\n" for row in rows)
    (folder / "expression.tsv").write_text(text)
    cells = "".join(
        f"""
  cell-{cell}:
    dnase: {cell}.dnase.bw
    h3k27ac: {cell}.h3k27ac.bw
    expression: {{path: expression.tsv, gene: gene_id, name: gene_name, tss: tss,
      label: {cell}_cage, label_name: CAGE, features: [{", ".join(names)}]}}"""
        for cell in "ab"
    )
    path = folder / "dataset.yaml"
    path.write_text(
        f"name: small\nassembly: none\nsimulated: true\ngenome: g.fa\nannotation: g.gtf\n"
        f"blacklist: black.bed\nsplits: {splits}\ncells:{cells}\n  cell-c:\n"
        "    dnase: a.dnase.bw\n    h3k27ac: a.h3k27ac.bw\n"
    )
    return path


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small data set's yaml; training chromosome chrA, validation chrV, test chrT."""
    return write_dataset(tmp_path_factory.mktemp("small"))


@pytest.fixture
def write_small(tmp_path: Path) -> Callable[[str], Path]:
    """Write the same data set with other splits into a folder of the test."""
    return lambda splits: write_dataset(tmp_path, splits)
