"""Genes, transcripts and exons from a GTF, and finding a gene by what people call it."""

import difflib
import gzip
import hashlib
import json
import os
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from seq2exp.errors import InputError
from seq2exp.files import atomic_path, cache_dir
from seq2exp.genome.locus import Interval, from_one_based, resolve_chrom

Strand = Literal["+", "-"]


@dataclass(frozen=True, slots=True)
class Transcript:
    """One transcript of a gene.

    Attributes
    ----------
    id
        Transcript id as in the GTF.
    start, end
        0-based half-open bounds in bp.
    exons
        (start, end) of each exon in ascending order, 0-based half-open.
    cds
        First and last coding base as a 0-based half-open span, or None (non-coding).
    canonical
        True for the one transcript that stands for the gene.
    """

    id: str
    start: int
    end: int
    exons: tuple[tuple[int, int], ...]
    cds: tuple[int, int] | None
    canonical: bool


@dataclass(frozen=True, slots=True)
class Gene:
    """A gene with its transcripts.

    Attributes
    ----------
    id, name
        Gene id (without the version) and symbol.
    chrom, start, end
        0-based half-open bounds in bp over all transcripts.
    strand
        "+" or "-".
    tss
        0-based position of the first transcribed base of the canonical transcript.
    biotype
        e.g. "protein_coding"; "" where the GTF has none.
    transcripts
        The canonical one first, then by length, longest first.
    """

    id: str
    name: str
    chrom: str
    start: int
    end: int
    strand: Strand
    tss: int
    biotype: str
    transcripts: tuple[Transcript, ...]

    @property
    def interval(self) -> Interval:
        """The span of all transcripts."""
        return Interval(self.chrom, self.start, self.end)

    def from_tss(self, position: Any) -> Any:
        """Return how far a 0-based position (or an array of them) lies from the TSS.

        In bp along the gene; negative upstream.
        """
        return (position - self.tss) * (1 if self.strand == "+" else -1)


_ATTRIBUTE = re.compile(r'\s*([\w.]+)\s+(?:"([^"]*)"|([^";\s]+))\s*;?')
_GENE_ID = re.compile(r'(?:^|[;\s])gene_id\s+"?([^";]+)')
_TRANSCRIPT_ID = re.compile(r'(?:^|[;\s])transcript_id\s+"?([^";]+)')
_VERSIONED = re.compile(r"^([A-Z]{3,}\d{11})\.\d+(_PAR_Y)?$")
_REMEMBERED_BYTES = 5_000_000  # a larger GTF takes many seconds to parse, so its genes are kept
_RANKS = {"MANE_Select": 2, "Ensembl_canonical": 1}


def without_version(identifier: str) -> str:
    """Return an id without its version: ``ENSG00000100316.17`` → ``ENSG00000100316``.

    Ids of Ensembl's form have one (letters and eleven digits); other names may hold a dot.
    """
    return _VERSIONED.sub(r"\1\2", identifier)


@dataclass(slots=True)
class _Draft:
    """What the lines of one transcript have said so far."""

    chrom: str
    strand: Strand
    start: int
    end: int
    name: str = ""
    biotype: str = ""
    rank: int = 0  # 2 MANE Select, 1 Ensembl canonical, 0 neither
    exons: list[tuple[int, int]] = field(default_factory=list)
    cds: tuple[int, int] | None = None


class Annotation:
    """The genes of a genome.

    Attributes
    ----------
    genes : dict of str to Gene
        By gene id (without version), in the order of the GTF.
    """

    def __init__(self, genes: Iterable[Gene]) -> None:
        self.genes: dict[str, Gene] = {gene.id: gene for gene in genes}

    @classmethod
    def from_gtf(cls, path: str | os.PathLike[str]) -> "Annotation":
        """Read a GTF (plain or gzip).

        ``transcript``, ``exon`` and ``CDS`` lines are used; ``gene`` lines are not needed. The
        canonical transcript is the one tagged ``MANE_Select``, else ``Ensembl_canonical``, else the
        longest.

        Raises
        ------
        InputError
            Where the file is missing, not a GTF, or cut short.
        """
        path = Path(path)
        if not path.is_file() or path.stat().st_size < _REMEMBERED_BYTES:
            return cls(_genes(_drafts(path)))
        return cls(_remembered(path))

    @cached_property
    def _by_text(self) -> dict[str, Gene]:
        table: dict[str, Gene] = {}
        # Ids win over symbols, and of two genes with one symbol the first wins.
        for gene in self.genes.values():
            table.setdefault(gene.id.upper(), gene)
        for gene in self.genes.values():
            table.setdefault(gene.name.upper(), gene)
        return table

    @cached_property
    def _sorted(self) -> dict[str, tuple[list[int], list[Gene], int]]:
        by_chrom: dict[str, list[Gene]] = defaultdict(list)
        for gene in self.genes.values():
            by_chrom[gene.chrom].append(gene)
        table = {}
        for chrom, genes in by_chrom.items():
            genes.sort(key=lambda gene: (gene.start, gene.end))
            longest = max(gene.end - gene.start for gene in genes)
            table[chrom] = ([gene.start for gene in genes], genes, longest)
        return table

    def find(self, text: str) -> Gene:
        """Return the gene with this symbol (any case) or id (with or without version).

        Raises
        ------
        InputError
            For an unknown gene, offering the nearest names.
        """
        gene = self.get(text)
        if gene is not None:
            return gene
        near = self.suggest(text)
        hint = f"did you mean {', '.join(near)}?" if near else "check the spelling or give its id."
        asked = " ".join(text.split())
        raise InputError(f"There is no gene '{asked}' in this annotation; {hint}")

    def get(self, text: str) -> Gene | None:
        """Return the gene as `find` does, or None where there is none."""
        return self._by_text.get(without_version(text.strip().upper()))

    def suggest(self, text: str, n: int = 5) -> list[str]:
        """Return up to `n` symbols or ids near `text`: first those that begin with it."""
        wanted = without_version(text.strip().upper())
        if not wanted:
            return []
        begins = sorted((key for key in self._by_text if key.startswith(wanted)), key=len)
        keys = begins[:n]
        if len(keys) < n:
            near = difflib.get_close_matches(wanted, self._by_text, n=n, cutoff=0.5)
            # Somebody who is far off still learns what names look like here.
            keys += near or difflib.get_close_matches(wanted, self._by_text, n=3, cutoff=0.0)
        names: dict[str, None] = {}
        for key in keys:
            gene = self._by_text[key]
            names[gene.id if key == gene.id.upper() else gene.name] = None
        return list(names)[:n]

    def overlapping(self, interval: Interval) -> list[Gene]:
        """Return the genes that share a base with `interval`, by start."""
        chrom = resolve_chrom(interval.chrom, self._sorted)
        if chrom is None:
            return []
        starts, genes, longest = self._sorted[chrom]
        first = bisect_left(starts, interval.start - longest)
        last = bisect_left(starts, interval.end)
        return [gene for gene in genes[first:last] if gene.end > interval.start]

    def symbols(self) -> list[str]:
        """Return all gene symbols, sorted, each once."""
        return sorted({gene.name for gene in self.genes.values()})


def _remembered(path: Path) -> list[Gene]:
    """Return a GTF's genes from the cache folder, parsing it where they are not there yet."""
    stat = path.stat()
    key = f"2|{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
    name = hashlib.sha256(key.encode()).hexdigest()[:24]
    cached = cache_dir() / "genes" / f"{name}.json"
    if not cached.is_file():
        genes = list(_genes(_drafts(path)))
        with atomic_path(cached) as draft:
            draft.write_text(json.dumps([astuple(gene) for gene in genes]))
        return genes
    rows: list[list[Any]] = json.loads(cached.read_text())
    return [Gene(*[*row[:-1], tuple(map(_transcript, row[-1]))]) for row in rows]


def _transcript(row: list[Any]) -> Transcript:
    """Return a transcript from JSON, which has lists where it has tuples."""
    identifier, start, end, exons, cds, canonical = row
    return Transcript(
        identifier, start, end, tuple(map(tuple, exons)), tuple(cds) if cds else None, canonical
    )


def _lines(path: Path) -> Iterator[str]:
    try:
        with open(path, "rb") as probe:
            zipped = probe.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rt") if zipped else open(path) as file:
            yield from file
    except FileNotFoundError:
        raise InputError(f"There is no annotation at {path}; give the path of a GTF.") from None
    except (EOFError, OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The annotation {path} cannot be read ({error}); it may be cut short, fetch it again."
        ) from None


def _attributes(text: str) -> tuple[dict[str, str], int]:
    """Return a line's attributes (the first of each name) and how canonical its tags make it."""
    values: dict[str, str] = {}
    rank = 0
    for key, quoted, bare in _ATTRIBUTE.findall(text):
        if key == "tag":
            rank = max(rank, _RANKS.get(quoted or bare, 0))
        else:
            values.setdefault(key, quoted or bare)
    return values, rank


def _drafts(path: Path) -> dict[tuple[str, str, str], _Draft]:
    drafts: dict[tuple[str, str, str], _Draft] = {}
    for number, line in enumerate(_lines(path), 1):
        if line.startswith("#") or not line.strip():
            continue
        fields = line.rstrip("\n").split("\t")
        try:
            chrom, _, feature, first, last, _, strand, _, text = fields[:9]
            start, end = from_one_based(int(first)), int(last)
        except ValueError:
            raise InputError(
                f"Line {number} of {path} is not GTF; nine tab-separated columns are needed."
            ) from None
        if feature not in ("transcript", "exon", "CDS"):
            continue
        ids = _GENE_ID.search(text), _TRANSCRIPT_ID.search(text)
        if not all(ids) or strand not in ("+", "-") or start >= end or start < 0:
            raise InputError(
                f"Line {number} of {path} needs a gene_id, a transcript_id, a strand (+ or -) and "
                "1 <= start <= end."
            )
        gene, transcript = (match[1] for match in ids if match)
        # refGene lists one accession at several places, so the place is part of the key.
        key = (gene, transcript, chrom + strand)
        draft = drafts.get(key)
        # All of a transcript's lines repeat its attributes, so most lines need only the two ids.
        if draft is None or feature == "transcript":
            values, rank = _attributes(text)
            name = values.get("gene_name") or values.get("gene") or gene
            biotype = values.get("gene_type") or values.get("gene_biotype") or ""
            if draft is None:
                draft = _Draft(chrom, "+" if strand == "+" else "-", start, end)
                drafts[key] = draft
            draft.name, draft.biotype = name, biotype
            draft.rank = max(draft.rank, rank)
        draft.start, draft.end = min(draft.start, start), max(draft.end, end)
        if feature == "exon":
            draft.exons.append((start, end))
        elif feature == "CDS":
            old = draft.cds or (start, end)
            draft.cds = (min(old[0], start), max(old[1], end))
    if not drafts:
        raise InputError(f"{path} has no transcript, exon or CDS lines; give a GTF of genes.")
    return drafts


def _genes(drafts: dict[tuple[str, str, str], _Draft]) -> Iterator[Gene]:
    by_gene: dict[tuple[str, str], list[tuple[str, _Draft]]] = defaultdict(list)
    for (gene, transcript, place), draft in drafts.items():
        by_gene[gene, place].append((transcript, draft))
    seen: set[str] = set()
    for (gene, _), members in by_gene.items():
        identifier = without_version(gene)
        if identifier in seen:
            # The same id on chrX and chrY, or at a second place: the first place keeps the id.
            continue
        seen.add(identifier)
        members.sort(key=lambda item: (-item[1].rank, item[1].start - item[1].end, item[0]))
        first = members[0][1]
        yield Gene(
            id=identifier,
            name=first.name,
            chrom=first.chrom,
            start=min(draft.start for _, draft in members),
            end=max(draft.end for _, draft in members),
            strand=first.strand,
            tss=first.start if first.strand == "+" else first.end - 1,
            biotype=first.biotype,
            transcripts=tuple(
                Transcript(
                    id=transcript,
                    start=draft.start,
                    end=draft.end,
                    exons=tuple(sorted(draft.exons)) or ((draft.start, draft.end),),
                    cds=draft.cds,
                    canonical=index == 0,
                )
                for index, (transcript, draft) in enumerate(members)
            ),
        )
