"""Writers: simulated chromosomes into the file formats that measured data come in."""

import gzip
import tempfile
from pathlib import Path
from typing import Self

import hictkpy
import numpy as np
import pandas as pd
import pyBigWig

from seq2exp.datasets.simulate.chromosome import Chromosome
from seq2exp.datasets.simulate.describe import elements_bed, elements_table, gtf_lines
from seq2exp.datasets.simulate.plan import ASSEMBLY, BIN, CELLS, LENGTHS
from seq2exp.datasets.simulate.signals import Reads, Runs

RESOLUTIONS = (BIN, 10_000, 25_000, 100_000)
LINE = 60


class Writer:
    """Writes chromosome by chromosome, so that only one is ever in memory.

    Parameters
    ----------
    folder : Path
        An existing, empty folder.
    chroms : tuple of str
        The chromosomes to come, in this order.
    """

    def __init__(self, folder: Path, chroms: tuple[str, ...]) -> None:
        self.folder = folder
        self.chroms = chroms
        self.lengths = {name: LENGTHS[name] for name in chroms}
        for name in ("signal", "contact", "reads", "expression", "truth"):
            (folder / name).mkdir()
        self._signals = {
            (assay, cell): pyBigWig.open(str(folder / "signal" / f"{cell}.{assay}.bw"), "w")
            for assay in ("DNase", "H3K27ac")
            for cell in CELLS
        }
        for track in self._signals.values():
            track.addHeader(list(self.lengths.items()))
        self._pixels: dict[str, list[pd.DataFrame]] = {cell: [] for cell in CELLS}
        self._tables: dict[str, list[pd.DataFrame]] = {}
        self._genome = open(folder / "genome.fa", "wb")
        self._index: list[str] = []
        self._blacklist: list[str] = []

    def add(self, chromosome: Chromosome) -> None:
        """Write one chromosome into every file."""
        chrom = chromosome.layout.chrom
        self._add_sequence(chrom, chromosome.letters)
        # One gzip member a chromosome: members are the same bytes whatever stands beside them.
        self._append("genes.gtf.gz", "".join(gtf_lines(g) for g in chromosome.layout.genes))
        for i, cell in enumerate(CELLS):
            _add_runs(self._signals["DNase", cell], chrom, chromosome.dnase[i])
            _add_runs(self._signals["H3K27ac", cell], chrom, chromosome.h3k27ac[i])
            self._append(
                f"reads/{cell}.DNase.tagAlign.gz", tag_align(chrom, chromosome.dnase_reads[i])
            )
            offset = self._first_bin(chrom)
            pixels = chromosome.pixels[i]
            self._pixels[cell].append(
                pd.DataFrame(
                    {
                        "bin1_id": pixels.bin1 + offset,
                        "bin2_id": pixels.bin2 + offset,
                        "count": pixels.count,
                    }
                )
            )
            self._keep(f"expression/{cell}.tsv", chromosome.tables.expression[i])
        self._keep("truth/gene_elements.tsv.gz", chromosome.tables.pairs)
        self._keep("truth/labels.tsv", chromosome.tables.parts)
        self._keep("truth/elements.tsv", elements_table(chromosome))
        self._blacklist += [
            f"{chrom}\t{a}\t{b}\tHigh Signal Region\n" for a, b in chromosome.layout.artefacts
        ]

    def _first_bin(self, chrom: str) -> int:
        before = self.chroms[: self.chroms.index(chrom)]
        return sum(-(-self.lengths[name] // BIN) for name in before)

    def _keep(self, name: str, table: pd.DataFrame) -> None:
        self._tables.setdefault(name, []).append(table)

    def _append(self, name: str, text: str) -> None:
        with open(self.folder / name, "ab") as file:
            file.write(_gzip(text))

    def _add_sequence(self, chrom: str, letters: np.ndarray) -> None:
        self._genome.write(f">{chrom}\n".encode())
        self._index.append(f"{chrom}\t{len(letters)}\t{self._genome.tell()}\t{LINE}\t{LINE + 1}\n")
        whole = len(letters) // LINE * LINE
        lines = np.full((whole // LINE, LINE + 1), ord("\n"), dtype=np.uint8)
        lines[:, :LINE] = letters[:whole].reshape(-1, LINE)
        self._genome.write(lines.tobytes())
        if whole < len(letters):
            self._genome.write(letters[whole:].tobytes() + b"\n")

    def __enter__(self) -> Self:
        """Use the writer for one block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close what is still open."""
        self._genome.close()
        for track in self._signals.values():
            track.close()

    def finish(self) -> None:
        """Close the files and write those that hold all chromosomes at once."""
        self._genome.close()
        for track in self._signals.values():
            track.close()
        (self.folder / "genome.fa.fai").write_text("".join(self._index))
        (self.folder / "chrom.sizes").write_text(
            "".join(f"{name}\t{length}\n" for name, length in self.lengths.items())
        )
        (self.folder / "blacklist.bed").write_text("".join(self._blacklist))
        for name, tables in self._tables.items():
            table = pd.concat(tables, ignore_index=True)
            text = table.to_csv(sep="\t", index=False, lineterminator="\n")
            data = _gzip(text) if name.endswith(".gz") else text.encode("ascii")
            (self.folder / name).write_bytes(data)
        elements = pd.concat(self._tables["truth/elements.tsv"], ignore_index=True)
        (self.folder / "truth" / "elements.bed").write_text(elements_bed(elements))
        for cell in CELLS:
            write_hic(
                self.folder / "contact" / f"{cell}.hic", self.lengths, pd.concat(self._pixels[cell])
            )


def _gzip(text: str) -> bytes:
    """Compress without a time stamp, so that the same text gives the same bytes."""
    return gzip.compress(text.encode("ascii"), compresslevel=5, mtime=0)


def _add_runs(track: "pyBigWig.bigWigFile", chrom: str, runs: Runs) -> None:
    track.addEntries(
        np.full(len(runs.start), chrom),
        runs.start.astype(np.int64),
        ends=runs.end.astype(np.int64),
        values=runs.value.astype(np.float64),
    )


def tag_align(chrom: str, reads: Reads) -> str:
    """Write reads as BED6, the way tagAlign files do."""
    strand = np.where(reads.minus, "-", "+").tolist()
    return "".join(
        f"{chrom}\t{a}\t{b}\tN\t1000\t{s}\n"
        for a, b, s in zip(reads.start.tolist(), reads.end.tolist(), strand, strict=True)
    )


def write_hic(path: Path, lengths: dict[str, int], pixels: pd.DataFrame) -> None:
    """Write raw contact counts (bin1_id, bin2_id, count; 5 kb bins) as .hic at four resolutions."""
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        writer = hictkpy.hic.FileWriter(
            path,
            lengths,
            RESOLUTIONS,
            assembly=ASSEMBLY,
            tmpdir=scratch,
            skip_all_vs_all_matrix=True,
        )
        # hictkpy needs columns it may write to; pandas hands out read-only ones of plain types.
        writer.add_pixels(pixels.astype("Int64"), validate=False)
        writer.finalize()
