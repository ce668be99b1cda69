"""Checks of reads and of peaks."""

import gzip
import itertools
import re
import struct
from pathlib import Path

import pandas as pd

from seq2exp import files
from seq2exp.datasets.adding.given import ROLES
from seq2exp.datasets.adding.report import Check
from seq2exp.datasets.adding.store import Store
from seq2exp.datasets.adding.tracks import FEW_WINDOWS, counted, genome_checks, size_text
from seq2exp.datasets.adding.windows import GeneSet
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.files import atomic_path
from seq2exp.genome.locus import Interval, resolve_chrom
from seq2exp.tracks.narrowpeak import (
    NO_SUMMIT,
    data_lines,
    format_narrowpeak,
    frame_of,
    read_narrowpeak,
    read_text,
)
from seq2exp.tracks.peaks import PeakCaller, PeakParameters
from seq2exp.tracks.reads import check_reads

MOST_LINES = 200_000
"""Lines of reads that are looked at; a file has hundreds of millions."""

_HEADER = re.compile(r"(track|browser)(\s|$)|#|\s*$")
_UNPROVEN = "such a file names no assembly, so make sure that it is"


def reads_checks(path: Path, dataset: Dataset, genes: GeneSet) -> list[Check]:
    """Check a BAM by its head, or BED reads by their first lines.

    Raises
    ------
    InputError
        Where MACS3 could not use the file, or its head is damaged.
    """
    title = ROLES["reads"].title
    kind = check_reads(path)
    checks = [Check(title, "File", "pass", f"{kind} reads, {size_text(path)}.")]
    if kind == "BAM":
        return checks + genome_checks(title, path, bam_lengths(path), dataset, genes)
    return checks + _places(title, path, _ends_of_lines(path), dataset)


def bam_lengths(path: Path) -> dict[str, int]:
    """Return the chromosome lengths in bp that the head of a BAM file has.

    Raises
    ------
    InputError
        Where it is damaged, or has none.
    """
    lengths = {}
    try:
        with gzip.open(path, "rb") as file:

            def number() -> int:
                return int(struct.unpack("<i", file.read(4))[0])

            file.read(4)
            file.read(number())
            for _ in range(number()):
                name = file.read(number()).rstrip(b"\0").decode()
                lengths[name] = number()
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise InputError(f"The head of {path} is damaged ({error}); fetch it again.") from None
    if not lengths:
        raise InputError(f"{path} names no chromosome, as unaligned reads do; align them first.")
    return lengths


def _ends_of_lines(path: Path) -> dict[str, int]:
    """Return the largest end, in bp, that the first lines of BED reads have on each chromosome."""
    ends: dict[str, int] = {}
    with open(path, "rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path, "rt") if packed else open(path) as file:
            for line in itertools.islice(file, MOST_LINES):
                if not _HEADER.match(line):
                    chrom, _, end = line.split(maxsplit=3)[:3]
                    ends[chrom] = max(ends.get(chrom, 0), int(end))
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path} has a damaged line ({error}); fetch it again.") from None
    return ends


def _places(title: str, path: Path, ends: dict[str, int], dataset: Dataset) -> list[Check]:
    """Check that intervals lie on the genome's chromosomes; `ends` has the last of each in bp."""
    shared = {name: resolve_chrom(name, dataset.lengths) for name in ends}
    known = {name: chrom for name, chrom in shared.items() if chrom is not None}
    if not known:
        return [
            Check(
                title,
                "Chromosome names",
                "fail",
                f"{path.name} has no chromosome of {dataset.spec.genome.name} (it has "
                f"{', '.join(list(ends)[:3])}).",
                f"Give a file of {dataset.assembly}.",
            )
        ]
    for name, chrom in known.items():
        if ends[name] > dataset.lengths[chrom]:
            return [
                Check(
                    title,
                    "Assembly",
                    "fail",
                    f"{path.name} reaches {name}:{ends[name]:,}, beyond the "
                    f"{dataset.lengths[chrom]:,} bp of {dataset.spec.genome.name}.",
                    f"Give a file of {dataset.assembly}.",
                )
            ]
    other = [f"{name} for {chrom}" for name, chrom in known.items() if name != chrom]
    said = f"; named otherwise and understood: {other[0]}" if other else ""
    return [
        Check(
            title,
            "Assembly",
            "pass",
            f"Nothing lies beyond a chromosome's end, but {_UNPROVEN} {dataset.assembly}.",
        ),
        Check(
            title,
            "Chromosome names",
            "pass",
            f"{len(known):,} of its {counted(len(ends), 'chromosome')} found in the genome{said}.",
        ),
    ]


def peaks_checks(
    path: Path, kind: str, store: Store, dataset: Dataset, genes: GeneSet
) -> tuple[list[Check], Path]:
    """Check peaks; turn BED into narrowPeak, which is what the app reads.

    Returns
    -------
    checks, narrowpeak
        The second is a file of the store where the given one is BED.

    Raises
    ------
    InputError
        Where the file is malformed.
    """
    title = ROLES["peaks"].title
    # The fourth column of a bedGraph is a value.
    target = path if kind == "narrowPeak" else as_narrowpeak(path, store, kind == "BED")
    every = read_narrowpeak(target)
    more = "" if target == path else " Kept as narrowPeak, without q-values and summits."
    text = f"{len(every):,} peaks, {size_text(path)}.{more}"
    checks = [Check(title, "File", "pass", text)]
    # A caller may let a peak hang over the chromosome's end, so its start is what counts.
    starts = {str(chrom): int(rows.max()) + 1 for chrom, rows in every.groupby("chrom")["start"]}
    checks += _places(title, path, starts, dataset)
    if any(check.verdict == "fail" for check in checks):
        return checks, target
    placed = PeakCaller(genome=dataset.genome, imported=target).peaks(PeakParameters(q=1.0))
    seen = _windows_with(placed, [interval for _, interval in genes.windows])
    n = len(genes.windows)
    text = f"{seen:,} of {n:,} genes' windows (200 kb) overlap a peak by at least 1 bp."
    if seen < FEW_WINDOWS * n:
        fix = "Give the peaks of the whole genome, or leave them out to have them called."
        checks.append(Check(title, "Coverage of the genes", "warn", text, fix))
    else:
        checks.append(Check(title, "Coverage of the genes", "pass", text))
    return checks, target


def as_narrowpeak(path: Path, store: Store, named: bool = True) -> Path:
    """Write the intervals of a BED file as narrowPeak into the store, and return where.

    Parameters
    ----------
    path, store
        The file, and where it goes.
    named
        Whether its fourth column holds names.

    Raises
    ------
    InputError
        For a line that is no BED.
    """
    stem = path.name.removesuffix(".gz").rsplit(".", maxsplit=1)[0]
    target = store.folder_of(files.digest(path)[:16]) / f"{stem}.narrowPeak"
    if target.is_file():
        return target
    rows: list[tuple] = []
    for number, fields in data_lines(read_text(path, "BED file")):
        try:
            start, end = int(fields[1]), int(fields[2])
            if not 0 <= start < end:
                raise ValueError
        except (IndexError, ValueError):
            raise InputError(
                f"{path}, line {number} is no BED; write chromosome, start and end (0-based)."
            ) from None
        name = fields[3] if named and len(fields) > 3 else f"peak_{len(rows) + 1}"
        rows.append((fields[0], start, end, name, 0, ".", 0.0, -1.0, -1.0, NO_SUMMIT))
    with atomic_path(target) as draft:
        draft.write_text(format_narrowpeak(frame_of(rows)), encoding="utf-8")
    return target


def _windows_with(peaks: pd.DataFrame, windows: list[Interval]) -> int:
    """Return how many windows overlap a peak."""
    found = 0
    spans = {str(chrom): rows for chrom, rows in peaks.groupby("chrom")}
    for window in windows:
        rows = spans.get(window.chrom)
        if rows is not None:
            found += bool(((rows["start"] < window.end) & (rows["end"] > window.start)).any())
    return found
