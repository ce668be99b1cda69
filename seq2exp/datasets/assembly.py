"""Do the files of a data set speak of the same genome? Chromosome lengths tell."""

import os
from collections.abc import Mapping
from pathlib import Path

from seq2exp.errors import InputError
from seq2exp.genome.locus import resolve_chrom

# Lengths in bp of chr1-22, X (UCSC / GRC).
_HG19 = (
    "249250621 243199373 198022430 191154276 180915260 171115067 159138663 146364022 141213431 "
    "135534747 135006516 133851895 115169878 107349540 102531392 90354753 81195210 78077248 "
    "59128983 63025520 48129895 51304566 155270560"
)
_HG38 = (
    "248956422 242193529 198295559 190214555 181538259 170805979 159345973 145138636 138394717 "
    "133797422 135086622 133275309 114364328 107043718 101991189 90338345 83257441 80373285 "
    "58617616 64444167 46709983 50818468 156040895"
)
_SYNONYMS = {"grch37": "hg19", "grch38": "hg38", "b37": "hg19"}
_KNOWN = {
    (chrom, int(length)): name
    for name, lengths in (("hg19", _HG19), ("hg38", _HG38))
    for chrom, length in zip([*map(str, range(1, 23)), "X"], lengths.split(), strict=True)
}


def recognise(lengths: Mapping[str, int]) -> str | None:
    """Return "hg19" or "hg38" where a human chromosome's length gives it away, else None."""
    for name, length in lengths.items():
        assembly = _KNOWN.get((name.removeprefix("chr"), length))
        if assembly is not None:
            return assembly
    return None


def read_chrom_sizes(path: str | os.PathLike[str]) -> dict[str, int]:
    """Read a two-column table of chromosome names and lengths in bp.

    Raises
    ------
    InputError
        For a line that is something else.
    """
    sizes: dict[str, int] = {}
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        try:
            sizes[fields[0]] = int(fields[1])
        except (IndexError, ValueError):
            raise InputError(
                f"Line {number} of {path} is no chromosome size; write a name and a length."
            ) from None
    return sizes


def check_assembly(name: str, genome: Path, lengths: Mapping[str, int]) -> None:
    """Refuse a genome that is not the assembly the data set names.

    Raises
    ------
    InputError
        Where `lengths` are those of the other human assembly.
    """
    wanted = _SYNONYMS.get(name.lower(), name.lower())
    found = recognise(lengths)
    if found is not None and wanted in _KNOWN.values() and found != wanted:
        raise InputError(
            f"Wrong assembly: {genome} is {found} by its chromosome lengths, but the data set says "
            f"{name}; give the {name} genome or correct 'assembly'."
        )


def check_lengths(
    path: Path, lengths: Mapping[str, int], genome: Path, expected: Mapping[str, int]
) -> None:
    """Refuse a file whose chromosomes are not those of the genome.

    Chromosomes that only one of the two has do not matter, as long as they share one.

    Raises
    ------
    InputError
        Where a shared chromosome's lengths disagree, or none is shared.
    """
    shared = 0
    for name, length in lengths.items():
        chrom = resolve_chrom(name, expected)
        if chrom is None:
            continue
        shared += 1
        if length != expected[chrom]:
            theirs, ours = recognise(lengths), recognise(expected)
            hint = f" ({theirs})" if theirs else ""
            assembly = f"{ours} " if ours else ""
            raise InputError(
                f"Wrong assembly: {path} has {name} with {length:,} bp{hint}, but {genome} has "
                f"{expected[chrom]:,}; give a file made on the {assembly}genome of this data set."
            )
    if not shared:
        raise InputError(
            f"{path} shares no chromosome with {genome} (it has {', '.join(list(lengths)[:3])}); "
            "give files of one genome."
        )
