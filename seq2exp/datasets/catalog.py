"""A data set: the files that go together, opened, checked, and read as the model's windows."""

import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp import files
from seq2exp.datasets.assembly import check_assembly, check_lengths, read_chrom_sizes
from seq2exp.datasets.expression import Expression
from seq2exp.datasets.extended import open_spec
from seq2exp.datasets.released import ContactProfiles
from seq2exp.datasets.schema import CellSpec, DatasetSpec, ProfilesSpec
from seq2exp.errors import InputError, nearest
from seq2exp.genome.annotation import Annotation, Gene
from seq2exp.genome.locus import Interval, parse_locus, resolve_chrom
from seq2exp.genome.window import FEATURES, WINDOW, Window, pad_to
from seq2exp.tracks.contact import ContactMap, power_law_profile
from seq2exp.tracks.crispr import read_crispr
from seq2exp.tracks.intervals import IntervalMask
from seq2exp.tracks.sequence import Genome
from seq2exp.tracks.signal import Signal


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell type's tracks, open.

    Attributes
    ----------
    name
        As in the dataset.yaml.
    dnase, h3k27ac
        Signals.
    contact
        Hi-C map, or profiles made from one beforehand; None where there is none.
    reads, peaks_path
        DNase reads to call peaks on, or peaks already called; None where there are none.
    table
        The expression table, None where there is none.
    crispr_path
        CRISPRi-tested pairs, None where there are none.
    """

    name: str
    dnase: Signal
    h3k27ac: Signal
    contact: ContactMap | ContactProfiles | None
    reads: Path | None
    peaks_path: Path | None
    table: Expression | None
    crispr_path: Path | None

    @classmethod
    def open(cls, spec: CellSpec) -> "Cell":
        """Open the files of one cell type."""
        hic = spec.contact
        contact: ContactMap | ContactProfiles | None = None
        if isinstance(hic, ProfilesSpec):
            contact = ContactProfiles(hic.path, hic.lengths, hic.padding)
        elif hic is not None:
            contact = ContactMap(hic.path, hic.resolution, hic.normalisation)
        return cls(
            name=spec.name,
            dnase=Signal(spec.dnase),
            h3k27ac=Signal(spec.h3k27ac),
            contact=contact,
            reads=spec.reads,
            peaks_path=spec.peaks,
            table=None if spec.expression is None else Expression(spec.expression),
            crispr_path=spec.crispr,
        )

    @property
    def expression(self) -> pd.DataFrame | None:
        """The expression table as in its file."""
        return None if self.table is None else self.table.table

    @property
    def label_name(self) -> str:
        """What the measured expression is, e.g. "CAGE"."""
        return "CAGE" if self.table is None else self.table.spec.label_name

    @cached_property
    def crispr(self) -> pd.DataFrame | None:
        """The CRISPRi-tested pairs as `read_crispr` gives them; read at first use."""
        return None if self.crispr_path is None else read_crispr(self.crispr_path)


class Dataset:
    """The files of one data set, opened and checked against each other.

    Threads may share one object, and it travels to worker processes by its files' paths.

    Attributes
    ----------
    name, assembly : str
    simulated : bool
        True for made-up data; whoever shows them must say so.
    cells : dict of str to Cell
    genome : Genome
    annotation : Annotation
    lengths : dict of str to int
        Chromosome lengths in bp, as the FASTA has them.
    splits : dict of str to tuple of str
        Chromosomes of "validation" and "test", named as in `lengths`.
    default_gene : str
        A gene worth showing first.
    truth_path : Path or None
        Planted elements of simulated data.
    spec : DatasetSpec
        The dataset.yaml.
    """

    def __init__(self, spec: DatasetSpec) -> None:
        self.spec = spec
        self.name, self.assembly, self.simulated = spec.name, spec.assembly, spec.simulated
        self.truth_path = spec.truth
        self.genome = Genome(spec.genome)
        self.lengths = self.genome.lengths
        check_assembly(spec.assembly, spec.genome, self.lengths)
        if spec.chrom_sizes is not None:
            self._check(spec.chrom_sizes, read_chrom_sizes(spec.chrom_sizes))
        self.annotation = Annotation.from_gtf(spec.annotation)
        self.cells = {name: Cell.open(cell) for name, cell in spec.cells.items()}
        for cell in self.cells.values():
            for track in (cell.dnase, cell.h3k27ac, cell.contact):
                if track is not None:
                    self._check(track.path, track.lengths)
        self.splits = {
            name: tuple(self._chrom(chrom) for chrom in chroms)
            for name, chroms in spec.splits.items()
        }
        if spec.default_gene is not None:
            self.gene(spec.default_gene)
        self._blacklist = None if spec.blacklist is None else IntervalMask(spec.blacklist)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
    ) -> "Dataset":
        """Open the data set that a dataset.yaml describes, or the authors' data folder.

        Parameters
        ----------
        path
            The YAML file; `seq2exp.datasets.schema` has its keys. Or the folder that the authors
            published, or a YAML that points there: `seq2exp.datasets.released`. Or a YAML that adds
            cell types to any of these: `seq2exp.datasets.extended`.
        root
            Folder its paths are relative to, where that is not its own.

        Raises
        ------
        InputError
            For anything wrong with the YAML or its files, naming the file and the fix.
        """
        return cls(open_spec(path, root))

    def _check(self, path: Path, lengths: dict[str, int]) -> None:
        check_lengths(path, lengths, self.spec.genome, self.lengths)

    def _chrom(self, name: str) -> str:
        chrom = resolve_chrom(name, self.lengths)
        if chrom is None:
            raise InputError(f"{self.spec.path}: 'splits' names {name}, which the genome lacks.")
        return chrom

    @cached_property
    def default_gene(self) -> str:
        """The gene the YAML names, else the first with a whole window."""
        if self.spec.default_gene is not None:
            return self.gene(self.spec.default_gene).name
        whole = (gene for gene in self.annotation.genes.values() if self.whole(self._placed(gene)))
        first = next(whole, None) or next(iter(self.annotation.genes.values()))
        return first.name

    @cached_property
    def digest(self) -> str:
        """Sha256 (hex) over the YAML and the content of every file, not where they lie."""
        return content_digest(self.spec)

    @cached_property
    def cell_digests(self) -> dict[str, str]:
        """By cell type, the digest of the data set as if no other one had been added to it.

        What was found in a cell type stays good when others are added or removed.
        """
        return {
            name: self.digest if spec is self.spec else content_digest(spec)
            for name in self.cells
            for spec in [self.spec.of_cell(name)]
        }

    def cell(self, name: str) -> Cell:
        """Return a cell type.

        Raises
        ------
        InputError
            For an unknown one, naming the nearest.
        """
        if name in self.cells:
            return self.cells[name]
        same = [known for known in self.cells if known.lower() == name.strip().lower()]
        if same:
            return self.cells[same[0]]
        raise InputError(f"{self.name} has no cell type '{name}'; {nearest(name, self.cells)}")

    def measured_cells(self, asked: Iterable[str] | None = None) -> list[str]:
        """Return the names of cell types, each once; None: of all that have an expression table.

        Raises
        ------
        InputError
            For an unknown one, naming the nearest.
        """
        if asked is None:
            return [name for name, cell in self.cells.items() if cell.table is not None]
        return list(dict.fromkeys(self.cell(name).name for name in asked))

    def _placed(self, gene: Gene) -> Gene:
        """Return the gene with the TSS an expression table gives it."""
        for cell in self.cells.values():
            if cell.table is not None:
                row = cell.table.of(gene)
                tss = None if row is None else cell.table.tss(row)
                if tss is not None:
                    return replace(gene, tss=tss)
        return gene

    def _lookup(self, text: str) -> Gene | None:
        gene = self.annotation.get(text)
        if gene is not None:
            return self._placed(gene)
        # An id that only the expression table has, or a symbol that the two write differently.
        for cell in self.cells.values():
            row = None if cell.table is None else cell.table.row([text])
            if cell.table is not None and row is not None:
                for name in cell.table.names(row):
                    gene = self.annotation.get(name)
                    if gene is not None:
                        return self._placed(gene)
        return None

    def gene(self, text: str) -> Gene:
        """Return the gene with this symbol or id, its TSS as an expression table has it.

        Raises
        ------
        InputError
            For an unknown gene, offering the nearest names.
        """
        return self._lookup(text) or self.annotation.find(text)

    def locate(self, text: str) -> Gene | Interval:
        """Return what a search means: a gene, a locus, or a whole chromosome.

        Raises
        ------
        InputError
            For an unknown gene, a malformed locus, or one off the chromosome.
        """
        gene = self._lookup(text)
        if gene is not None:
            return gene
        if ":" in text or re.search(r"\s\d", text.strip()):
            return parse_locus(text, self.lengths)
        chrom = resolve_chrom(text, self.lengths)
        if chrom is not None:
            return Interval(chrom, 0, self.lengths[chrom])
        return self.annotation.find(text)

    def window_interval(self, gene: Gene, length: int = WINDOW) -> Interval:
        """Return the unclipped [tss - length/2, tss + length/2), named as the genome names it.

        Raises
        ------
        InputError
            Where the genome lacks the chromosome or it ends before the TSS.
        """
        chrom = resolve_chrom(gene.chrom, self.lengths)
        if chrom is None:
            raise InputError(
                f"{gene.name} is on {gene.chrom}, which {self.spec.genome} lacks; "
                "choose another gene or a genome with that chromosome."
            )
        if not 0 <= gene.tss < self.lengths[chrom]:
            raise InputError(
                f"The TSS of {gene.name} ({gene.tss + 1:,}) lies off {chrom}, which ends at "
                f"{self.lengths[chrom]:,}; give genes of the assembly {self.assembly}."
            )
        return Interval(chrom, gene.tss - length // 2, gene.tss + length // 2)

    def whole(self, gene: Gene) -> bool:
        """Tell whether the gene's 200 kb window lies fully inside its chromosome."""
        chrom = resolve_chrom(gene.chrom, self.lengths)
        half = WINDOW // 2
        return chrom is not None and half <= gene.tss <= self.lengths[chrom] - half

    def window(self, gene: Gene | str, cell: str) -> Window:
        """Return the 200 kb the model reads for a gene in a cell type.

        Raises
        ------
        InputError
            For an unknown gene or cell type, or a file that lacks the chromosome or cannot be read.
        """
        if isinstance(gene, str):
            gene = self.gene(gene)
        tracks = self.cell(cell)
        interval = self.window_interval(gene)
        clipped = interval.clip(self.lengths[interval.chrom])
        notes: list[str] = []
        if clipped != interval:
            notes.append(
                f"{interval.width - clipped.width:,} of {interval.width:,} bp lie off "
                f"{interval.chrom} and are padding."
            )
        contact, source = self._contact(gene, tracks, interval, notes)
        signals = np.stack(
            [
                tracks.h3k27ac.values(interval),
                tracks.dnase.values(interval),
                np.log10(1 + contact).astype(np.float32),
            ],
            axis=1,
        )
        features = np.zeros(len(FEATURES), dtype=np.float32)
        label: float | None = None
        if tracks.table is None:
            notes.append(f"{tracks.name} has no expression table; its features count as 0.")
        else:
            row = tracks.table.of(gene)
            if row is None:
                notes.append(
                    f"{tracks.table.spec.path.name} has no {gene.name}: no measured expression, "
                    "and its features count as 0."
                )
            else:
                features, label = tracks.table.features(row), tracks.table.label(row)
                notes += _table_notes(tracks.table, label)
        return Window(
            gene=gene,
            cell=tracks.name,
            interval=interval,
            codes=self.genome.codes(interval),
            signals=signals,
            blacklist=self.blacklist(interval),
            features=features,
            label=label,
            label_name=tracks.label_name,
            pad_left=clipped.start - interval.start,
            pad_right=interval.end - clipped.end,
            contact_source=source,
            notes=tuple(notes),
        )

    def _contact(
        self, gene: Gene, cell: Cell, interval: Interval, notes: list[str]
    ) -> tuple[NDArray[np.floating], str]:
        if cell.contact is None:
            notes.append(
                f"{cell.name} has no Hi-C map; contact is the ABC power law of distance, whose "
                "scale is not that of Hi-C counts."
            )
            length = self.lengths[interval.chrom]
            return power_law_profile(gene.tss, interval, length), "power law (no Hi-C)"
        contact: NDArray[np.floating] = cell.contact.profile(interval.chrom, gene.tss, interval)
        if isinstance(cell.contact, ContactProfiles):
            notes += cell.contact.notes(interval.chrom, gene.tss)
        if not contact.any():
            notes.append(
                f"The Hi-C map has next to no contacts at the TSS of {gene.name}, so contact "
                "counts as 0, as published."
            )
        return contact, cell.contact.source

    def blacklist(self, interval: Interval) -> NDArray[np.bool_]:
        """Return bool [interval.width]: True at blacklisted bases, False off the chromosome."""
        if self._blacklist is None:
            return np.zeros(interval.width, dtype=np.bool_)
        clipped = interval.clip(self.lengths[interval.chrom])
        return pad_to(self._blacklist.covered(clipped), interval, clipped, False)

    def example_genes(self, cell: str, split: str | None = None) -> list[str]:
        """Return the ids of the genes that have a measured expression in a cell type.

        Parameters
        ----------
        cell
            Cell type.
        split
            "validation" or "test": genes on those chromosomes; "train": on all the others (or those
            that the YAML lists); None: all.
        """
        table = self.cell(cell).table
        if table is None:
            return []
        chroms = None if split is None else self.split_chroms(split)
        return [
            gene.id
            for gene in self.annotation.genes.values()
            if (chrom := resolve_chrom(gene.chrom, self.lengths)) is not None
            and (chroms is None or chrom in chroms)
            and (row := table.of(gene)) is not None
            and table.measured(row) is not None
        ]

    def split_chroms(self, split: str) -> tuple[str, ...]:
        """Return the chromosomes of "train", "validation" or "test"."""
        if split in self.splits:
            return self.splits[split]
        if split != "train":
            raise InputError(
                f"{self.spec.path} names no {split} chromosomes; add 'splits: {{{split}: [...]}}'."
            )
        held_out = {chrom for chroms in self.splits.values() for chrom in chroms}
        return tuple(chrom for chrom in self.lengths if chrom not in held_out)


def _table_notes(table: Expression, label: float | None) -> list[str]:
    notes = []
    spec = table.spec
    if label is None:
        notes.append(f"{spec.path.name} has no measured value for this gene.")
    elif "CAGE" not in spec.label_name.upper():
        notes.append(f"The measured expression is {spec.label_name}, not CAGE.")
    if table.missing_features:
        notes.append(
            f"{spec.path.name} lacks {len(table.missing_features)} of the {len(FEATURES)} RNA and "
            "promoter features; they count as 0."
        )
    return notes


def content_digest(spec: DatasetSpec) -> str:
    """Return the digest that a data set has which is opened from `spec`: `Dataset.digest`."""
    content = {key: item for key, item in spec.content.items() if key != "root"}
    total = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode())
    for key, path in sorted(spec.files().items()):
        total.update(f"\n{key} {file_digest(path)}".encode())
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """Return a file's sha256 (hex), remembered on disk until its size or time changes.

    A genome of 3 GB takes seconds to hash; the app must not do that at every start.
    """
    stat = path.stat()
    key = hashlib.sha256(
        f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}".encode()
    ).hexdigest()
    cached = files.cache_dir() / "digests" / key
    if cached.is_file():
        return cached.read_text()
    result = files.digest(path)
    with files.atomic_path(cached) as draft:
        draft.write_text(result)
    return result
