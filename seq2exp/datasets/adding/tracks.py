"""Checks of what lies along the genome: signals and the contact map."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from seq2exp.datasets.adding.given import ROLES
from seq2exp.datasets.adding.reader import Reader
from seq2exp.datasets.adding.report import Check
from seq2exp.datasets.adding.scale import (
    FAR_FOLD,
    SAME_UNIT,
    Distribution,
    brief,
    far_off,
    nearest_height,
)
from seq2exp.datasets.adding.windows import GeneSet
from seq2exp.datasets.assembly import check_lengths
from seq2exp.datasets.catalog import Cell, Dataset
from seq2exp.errors import InputError
from seq2exp.genome.locus import resolve_chrom
from seq2exp.tracks.contact import ContactMap
from seq2exp.tracks.signal import Signal

#: Below this share of windows with any signal there is a warning.
FEW_WINDOWS = 0.5
_SAME_MAP = "Choose the normalisation and bin size of the other cell types, or give another map."


def genome_checks(
    title: str, path: Path, lengths: Mapping[str, int], dataset: Dataset, genes: GeneSet
) -> list[Check]:
    """Check the chromosomes that a file names in its head.

    Parameters
    ----------
    title
        What the file is for.
    lengths
        Its chromosomes' lengths in bp.
    """
    genome = dataset.spec.genome.name
    try:
        check_lengths(path, dict(lengths), dataset.spec.genome, dataset.lengths)
    except InputError as error:
        # An upload lies in a folder that means nothing to who made it.
        said = str(error).replace(str(path), path.name).replace(str(dataset.spec.genome), genome)
        return [Check.refused(title, "Assembly", InputError(said))]
    found = {name: resolve_chrom(name, dataset.lengths) for name in lengths}
    shared = {name: chrom for name, chrom in found.items() if chrom is not None}
    count = f"{len(shared):,} of its {counted(len(lengths), 'chromosome')} found in {genome}"
    checks = [
        Check(title, "Assembly", "pass", f"{count}, with the same lengths ({dataset.assembly}).")
    ]
    other = [f"{name} for {chrom}" for name, chrom in shared.items() if name != chrom]
    said = f"Named otherwise and understood: {other[0]}. " if other else ""
    here = set(shared.values())
    missed = {chrom: n for chrom, n in genes.by_chrom.items() if resolve_chrom(chrom, here) is None}
    if missed:
        lost = sum(missed.values())
        names = ", ".join(list(missed)[:3]) + (" …" if len(missed) > 3 else "")
        checks.append(
            Check(
                title,
                "Chromosome names",
                "warn",
                f"{said}It lacks {names}, with {lost:,} of {len(genes.genes):,} genes, which "
                "cannot be opened in this cell type.",
                "Give a file of the whole genome if you need them.",
            )
        )
    else:
        kind = counted(len(genes.by_chrom), "chromosome")
        text = f"{said}It has all genes of the set: {len(genes.genes):,} on {kind}."
        checks.append(Check(title, "Chromosome names", "pass", text))
    return checks


def coverage_check(title: str, found: Distribution, what: str) -> Check:
    """Judge at how many genes there is anything."""
    seen, n = int(found.seen.sum()), found.windows
    text = f"{seen:,} of {n:,} genes' windows (200 kb, at least 1 bp) have {what}."
    if not seen:
        return Check(
            title,
            "Coverage of the genes",
            "fail",
            f"None of {n:,} genes' windows (200 kb) has {what}: every value is 0.",
            "Give a file with values on the chromosomes of this data set.",
        )
    if seen < FEW_WINDOWS * n:
        fix = "Give a file of the whole genome, or expect nothing to be learnt at the other genes."
        return Check(title, "Coverage of the genes", "warn", text, fix)
    return Check(title, "Coverage of the genes", "pass", text)


def scale_checks(
    title: str,
    new: Distribution,
    known: Sequence[Distribution],
    same_unit: str = SAME_UNIT,
) -> list[Check]:
    """Judge whether a track's values are of the size that models know; see `far_off`."""
    said = far_off(new, known, same_unit)
    if said:
        return [Check(title, "Scale", "warn", *each) for each in said]
    near = nearest_height(new, known)
    if near is None:
        return [Check(title, "Scale", "note", "There is nothing to compare its values with.")]
    text = (
        f"Mean of the top 1 % of bases {brief(new.top)}, in {near.label} {brief(near.top)}; "
        f"{new.covered:.1%} of the bases have a value, there {near.covered:.1%}."
    )
    return [Check(title, "Scale", "pass", text)]


def signal_checks(
    role: str, path: Path, name: str, reader: Reader, known: Sequence[Cell]
) -> tuple[list[Check], tuple[Distribution, ...]]:
    """Check a bigWig from its head to its values.

    Parameters
    ----------
    role
        "dnase" or "h3k27ac".
    name
        The new cell type's.
    known
        Cell types to compare it with.

    Returns
    -------
    checks, distributions
        The new one's distribution first; none where the file cannot be read.
    """
    title = ROLES[role].title
    try:
        signal = Signal(path)
        checks = [Check(title, "File", "pass", f"A whole bigWig, {size_text(path)}.")]
        checks += genome_checks(title, path, signal.lengths, reader.dataset, reader.genes)
        if any(check.verdict == "fail" for check in checks):
            return checks, ()
        new = reader.signal(name, signal)
    except InputError as error:
        return [Check.refused(title, "File", error)], ()
    others = tuple(reader.signal(cell.name, getattr(cell, role)) for cell in known)
    checks.append(coverage_check(title, new, "any signal"))
    if new.seen.any():
        checks += scale_checks(title, new, others)
    return checks, (new, *others)


def contact_checks(
    map: ContactMap | None, name: str, reader: Reader, known: Sequence[Cell]
) -> tuple[list[Check], tuple[Distribution, ...]]:
    """Check a contact map, or what stands for it; see `signal_checks`.

    Raises
    ------
    InputError
        Where the map's contacts cannot be read.
    """
    title, reader = ROLES["contact"].title, reader.fewer
    if map is None:
        checks = [Check(title, "File", "note", f"Not given. {ROLES['contact'].without}")]
    else:
        text = f"{map.source}, {size_text(map.path)}."
        checks = [Check(title, "File", "pass", text)]
        checks += genome_checks(title, map.path, map.lengths, reader.dataset, reader.genes)
        if any(check.verdict == "fail" for check in checks):
            return checks, ()
    label = name if map is not None else f"{name} (power law)"
    new = reader.contact(label, map)
    others = []
    for cell in known:
        # The authors' profiles are of some genes only.
        with suppress(InputError):
            others.append(reader.contact(cell.name, cell.contact))
    if map is None:
        checks += _distance_checks(title, new, others)
        return checks, (new, *others)
    checks.append(coverage_check(title, new, "contact with the TSS"))
    if new.seen.any():
        checks += scale_checks(title, new, others, _SAME_MAP)
    return checks, (new, *others)


def _distance_checks(title: str, new: Distribution, known: Sequence[Distribution]) -> list[Check]:
    """Warn where contact by distance alone is far from the contact that models know."""
    near = nearest_height(new, known)
    if near is None or 1 / FAR_FOLD <= new.top / near.top <= FAR_FOLD:
        return []
    return [
        Check(
            title,
            "Scale",
            "warn",
            f"The power law's height (mean of the top 1 % of bases) is {brief(new.top)}, that of "
            f"{near.label} {brief(near.top)}: a model trained on such maps reads it as hardly any "
            "contact.",
            "Give a Hi-C map; that of another cell type is better than none.",
        )
    ]


def counted(n: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def size_text(path: Path) -> str:
    """Return a file's size for reading."""
    size = float(path.stat().st_size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    raise AssertionError
