"""Where everything is in the authors' data folder, and the data set that it makes.

The folder itself can be given wherever a dataset.yaml can. A short YAML can point at it instead and
choose what differs from the published way::

    released: GeneExp             # the folder; relative to this file, or to --root
    name: ...                     # optional, as are all the others
    cells: [K562]                 # default: all that the expression table and the folder have
    hic_padding: fixed            # default: release
    annotation: genes.gtf.gz      # gene models with exons; the folder has none
    default_gene: MYC
    crispr: {K562: crispri.tsv.gz}
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from seq2exp.datasets.assembly import check_lengths
from seq2exp.datasets.released import tables
from seq2exp.datasets.released.blacklist import write_blacklist
from seq2exp.datasets.released.contact import PADDINGS, Padding, fingerprint
from seq2exp.datasets.released.peaks import write_peaks
from seq2exp.datasets.schema import CellSpec, DatasetSpec, ProfilesSpec, Reader, read_yaml
from seq2exp.errors import InputError, nearest
from seq2exp.files import atomic_path, cache_dir
from seq2exp.tracks.sequence import Genome

NAME = "GeneExp, the authors' data"
ASSEMBLY = "hg38"
#: H3K27ac and DNase of the published cell types, where a folder has more than one file.
ACCESSIONS = {
    "K562": ("ENCFF465GBD", "ENCFF414OGC"),
    "GM12878": ("ENCFF798KYP", "ENCFF960FMM"),
}

_LENGTHS = "chr_length.json"
_PART = "promo_enhan_inter"
_KEYS = (
    "released",
    "root",
    "name",
    "cells",
    "hic_padding",
    "annotation",
    "default_gene",
    "crispr",
)
# On a test chromosome, and its enhancers in K562 are known from CRISPRi.
_SHOWN_FIRST = "GATA1"
# Goes up when the derived files change: those in the cache are then made anew.
_DERIVED = 1


@dataclass(frozen=True)
class _Options:
    """What the YAML says; `source` is named in messages."""

    source: Path
    folder: Path
    name: str = NAME
    cells: tuple[str, ...] = ()
    padding: Padding = "release"
    annotation: Path | None = None
    default_gene: str | None = None
    crispr: dict[str, Path] = field(default_factory=dict)


def is_released(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is the authors' folder, or a YAML that points at it.

    Raises
    ------
    InputError
        Where it is neither a folder nor YAML.
    """
    path = Path(path)
    if path.is_dir():
        return (path / _LENGTHS).exists() or (path / _PART).exists()
    return "released" in read_yaml(path)


def released_spec(
    path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
) -> DatasetSpec:
    """Find the files of the authors' folder and derive what is stored otherwise there.

    Parameters
    ----------
    path
        The folder, or a YAML that points at it.
    root
        Folder the YAML's paths are relative to, where that is not its own.

    Raises
    ------
    InputError
        For anything missing or wrong, naming the file and the fix.
    """
    options = _options(Path(path), root)
    folder, part = options.folder, options.folder / _PART
    lengths = _lengths(_need(folder / _LENGTHS))
    fasta = _need(folder / "hg38" / "hg38.ml.fa")
    check_lengths(folder / _LENGTHS, lengths, fasta, Genome(fasta).lengths)
    expression = _need(part / "GM12878_K562_18377_gene_expr_fromXpresso.csv")
    split = _need(part / "leave_chrom_out_crossvalidation_split_18377genes.csv")
    splits, split_genes = tables.read_splits(split)
    found = [_find_cell(part, name) for name in _cells(options, part, expression)]
    blacklist = _blacklist(folder)
    derived = _derive(found, expression, split, split_genes, blacklist, lengths)
    annotation = options.annotation or derived / "genes.gtf"
    default = options.default_gene
    if default is None and options.annotation is None:
        known = f'gene_name "{_SHOWN_FIRST}"' in annotation.read_text(encoding="utf-8")
        default = _SHOWN_FIRST if known else None
    return DatasetSpec(
        path=options.source,
        root=folder,
        name=options.name,
        assembly=ASSEMBLY,
        genome=fasta,
        annotation=annotation,
        blacklist=derived / "blacklist.bed" if blacklist.suffix == ".pkl" else blacklist,
        default_gene=default,
        splits=splits,
        cells={cell.name: cell.spec(derived, lengths, options) for cell in found},
        content={
            "layout": "released",
            "name": options.name,
            "hic_padding": options.padding,
            "contact": {cell.name: fingerprint(cell.contact) for cell in found},
        },
    )


def _options(path: Path, root: str | os.PathLike[str] | None) -> _Options:
    if path.is_dir():
        return _Options(path, path)
    read = Reader(path)
    top = read.mapping(read_yaml(path), "", _KEYS)
    read.start_at(root, top)
    folder = read.root / Path(read.text(read.need(top, "released", ""), "released")).expanduser()
    if not folder.is_dir():
        raise read.error(f"'released' names {folder}, which is no folder; correct it there.")
    padding = top.get("hic_padding", "release")
    if padding not in PADDINGS:
        raise read.error(f"'hic_padding' must be one of {', '.join(PADDINGS)}, not '{padding}'.")
    crispr = read.mapping(top.get("crispr", {}), "crispr", None)
    return _Options(
        source=path,
        folder=folder,
        name=read.text(top.get("name", NAME), "name"),
        cells=read.texts(top.get("cells", []), "cells"),
        padding=padding,
        annotation=read.file(top["annotation"], "annotation") if "annotation" in top else None,
        default_gene=(
            read.text(top["default_gene"], "default_gene") if "default_gene" in top else None
        ),
        crispr={name: read.file(value, f"crispr.{name}") for name, value in crispr.items()},
    )


def _missing(path: Path) -> InputError:
    return InputError(
        f"The authors' data folder lacks {path}; fetch it from the Hugging Face data set "
        "xingyusu/GeneExp."
    )


def _need(path: Path) -> Path:
    if not path.exists():
        raise _missing(path)
    return path


def _lengths(path: Path) -> dict[str, int]:
    try:
        lengths = json.loads(path.read_text(encoding="utf-8"))[ASSEMBLY]
        if not all(isinstance(n, int) and n > 0 for n in lengths.values()):
            raise ValueError("a length is no whole number above 0")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} must hold chromosome lengths, as {{'hg38': {{'chr1': 248956422, ...}}}} "
            f"({type(error).__name__}: {error}); fetch it again."
        ) from None
    return {str(chrom): length for chrom, length in lengths.items()}


def _blacklist(folder: Path) -> Path:
    """Return the blacklist: the authors' pickle of version 1, or else a BED file."""
    pickled = folder / "hg38_blacklist_dict_v1.pkl"
    if pickled.is_file():
        return pickled
    beds = sorted(p for p in folder.glob("*blacklist*") if ".bed" in p.suffixes)
    if not beds:
        raise InputError(
            f"The authors' data folder lacks {pickled}; fetch it from the Hugging Face data set "
            "xingyusu/GeneExp, or put the ENCODE blacklist (hg38-blacklist.bed.gz) in its place."
        )
    return beds[0]


@dataclass(frozen=True)
class _CellFiles:
    """The authors' files of one cell type; `peaks` and `encoded` may be missing."""

    name: str
    h3k27ac: Path
    dnase: Path
    contact: Path
    genes: Path
    peaks: Path | None
    encoded: Path | None

    def spec(self, derived: Path, lengths: dict[str, int], options: _Options) -> CellSpec:
        """Return the cell type with what was derived from its files."""
        return CellSpec(
            name=self.name,
            dnase=self.dnase,
            h3k27ac=self.h3k27ac,
            contact=ProfilesSpec(self.contact, lengths, options.padding),
            peaks=None if self.peaks is None else derived / f"{self.name}.narrowPeak",
            expression=tables.expression_spec(derived / f"{self.name}.expression.tsv", self.name),
            crispr=options.crispr.get(self.name),
        )


def _cells(options: _Options, part: Path, expression: Path) -> Sequence[str]:
    """Return the names of the cell types to open."""
    measured = tables.measured_cells(expression)
    for name in (*options.cells, *options.crispr):
        if name not in measured:
            raise InputError(
                f"{options.source}: {expression} measures no cell type '{name}'; "
                f"{nearest(name, measured)}"
            )
    names = options.cells or [name for name in measured if (part / "H3K27ac" / name).is_dir()]
    if not names:
        raise _missing(part / "H3K27ac" / (measured[0] if measured else "K562"))
    return names


def _find_cell(part: Path, name: str) -> _CellFiles:
    h3k27ac, dnase = ACCESSIONS.get(name, ("", ""))
    peaks = part / "DNase-seq" / name / "peaks" / "peaks_bigWig" / "macs3.bigWig"
    encoded = sorted(part.glob(f"{name}_*_encoding.h5"))
    gene_lists = sorted(part.glob(f"{name}_*_ABC_nominated/*Neighborhoods/GeneList.txt"))
    if not gene_lists:
        raise _missing(part / f"{name}_*_ABC_nominated" / "*_Neighborhoods" / "GeneList.txt")
    return _CellFiles(
        name=name,
        h3k27ac=_bigwig(part / "H3K27ac" / name, h3k27ac),
        dnase=_bigwig(part / "DNase-seq" / name, dnase),
        contact=_need(part / "HiC" / name),
        genes=gene_lists[0],
        peaks=peaks if peaks.is_file() else None,
        encoded=encoded[0] if encoded else None,
    )


def _bigwig(folder: Path, accession: str) -> Path:
    """Return the published bigWig of a folder, or its only one."""
    found = sorted(path for path in folder.glob("*") if path.suffix in (".bigWig", ".bw"))
    published = [path for path in found if path.stem == accession]
    if not found:
        raise _missing(folder / f"{accession or '*'}.bigWig")
    if len(found) > 1 and not published:
        raise InputError(f"{folder} has {len(found)} bigWigs; leave the one to use there.")
    return (published or found)[0]


def _derive(
    cells: Sequence[_CellFiles],
    expression: Path,
    split: Path,
    split_genes: set[str],
    blacklist: Path,
    lengths: dict[str, int],
) -> Path:
    """Return the folder of derived files in the cache, made anew when a source has changed."""
    sources = [expression, split, blacklist]
    for cell in cells:
        sources += [path for path in (cell.genes, cell.peaks, cell.encoded) if path is not None]
    marks: list[Any] = [_DERIVED, [cell.name for cell in cells]]
    for path in sources:
        stat = path.stat()
        marks.append([str(path.resolve()), stat.st_size, stat.st_mtime_ns])
    key = hashlib.sha256(json.dumps(marks).encode()).hexdigest()[:16]
    folder = cache_dir() / f"released-{key}"
    if folder.is_dir():
        return folder
    measured = tables.read_measured(expression, [cell.name for cell in cells])
    genes = {cell.name: (cell.genes, tables.read_genes(cell.genes)) for cell in cells}
    tables.check_same_tss(genes)
    with atomic_path(folder) as draft:
        draft.mkdir()
        everywhere = pd.concat([table for _, table in genes.values()])
        everywhere = everywhere.drop_duplicates("symbol", ignore_index=True)
        tables.write_annotation(everywhere, measured, draft / "genes.gtf")
        if blacklist.suffix == ".pkl":
            write_blacklist(blacklist, lengths, draft / "blacklist.bed")
        for cell in cells:
            counted = split_genes
            if cell.encoded is not None:
                counted = counted & tables.encoded_genes(cell.encoded)
            table = draft / f"{cell.name}.expression.tsv"
            tables.write_expression(genes[cell.name][1], measured, counted, cell.name, table)
            if cell.peaks is not None:
                write_peaks(cell.peaks, draft / f"{cell.name}.narrowPeak")
    return folder
