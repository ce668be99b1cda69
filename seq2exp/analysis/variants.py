"""Variants: as people write them, from a VCF, checked against the genome.

A variant here replaces bases by as many others, because coordinates in a window never shift.
Insertions and deletions are refused, saying so.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval, from_one_based, resolve_chrom, to_one_based
from seq2exp.tracks.narrowpeak import read_text
from seq2exp.tracks.sequence import Genome

_WRITTEN = re.compile(
    r"(?P<chrom>[^\s:]+)\s*:\s*(?P<position>\d[\d,_]*)[\s:]*"
    r"(?P<reference>[a-z*.<]+)\s*(?:>|:|/)\s*(?P<alternative>[a-z*.<>,]+)",
    re.IGNORECASE,
)
_EXAMPLE = "chr22:39,319,000 A>G"
_BASES = set("ACGT")


@dataclass(frozen=True)
class Variant:
    """A substitution of as many bases.

    Attributes
    ----------
    interval
        The bases that differ, 0-based half-open.
    reference, alternative
        Those bases, in capitals.
    name
        Its id, or how it is written.
    """

    interval: Interval
    reference: str
    alternative: str
    name: str

    def __str__(self) -> str:
        """Return it as it is written, with a 1-based position."""
        place = f"{self.interval.chrom}:{to_one_based(self.interval.start):,}"
        return f"{place} {self.reference}>{self.alternative}"


class Refused(NamedTuple):
    """An allele of a VCF that cannot be tested: its line, how it is written, and why."""

    line: int
    variant: str
    reason: str


def _problem(reference: str, alternative: str) -> str:
    """Return why an allele cannot be tested, "" where it can."""
    if not reference or set(reference) - _BASES:
        return f"its reference allele '{reference}' is not made of A, C, G and T"
    if alternative in ("", "."):
        return "it names no alternative allele"
    if set(alternative) - _BASES:
        return f"its allele '{alternative}' is not made of A, C, G and T"
    if len(reference) != len(alternative):
        kind = "an insertion" if len(alternative) > len(reference) else "a deletion"
        return f"it is {kind}, and coordinates of a window never shift"
    if reference == alternative:
        return "both alleles are the same"
    return ""


def _placed(
    chrom: str,
    position: int,
    reference: str,
    alternative: str,
    lengths: Mapping[str, int] | None,
) -> Variant:
    """Return the variant at a 1-based position, without bases that both alleles share at an end."""
    differs = [i for i, (a, b) in enumerate(zip(reference, alternative, strict=True)) if a != b]
    left, end = differs[0], differs[-1] + 1
    if lengths is not None:
        length = lengths[chrom]
        if not 0 < position <= length - len(reference) + 1:
            raise InputError(
                f"'{chrom}:{position:,} {reference}>{alternative}' lies off {chrom}, which ends at "
                f"{length:,}; give positions of this assembly."
            )
    start = from_one_based(position)
    place = Interval(chrom, start + left, start + end)
    return Variant(place, reference[left:end], alternative[left:end], "")


def parse_variant(text: str, lengths: Mapping[str, int] | None = None) -> Variant:
    """Read a variant as people write it, e.g. ``chr22:39,319,000 A>G``; the position is 1-based.

    Parameters
    ----------
    text
        Also ``22:39319000:A:G``. Several bases may be replaced by as many others.
    lengths
        Chromosome lengths in bp; with them the chromosome takes the name it has there, and a
        position off it is refused.

    Raises
    ------
    InputError
        For text of another form, an insertion or deletion, or a place that is not there.
    """
    shown = " ".join(text.split())
    if re.fullmatch(r"rs\d+", shown, re.IGNORECASE):
        raise InputError(
            f"'{shown}' is an id of a database that is not here; write the variant as {_EXAMPLE}."
        )
    match = _WRITTEN.fullmatch(shown)
    if match is None:
        raise InputError(f"'{shown}' is not a variant; write it as {_EXAMPLE}.")
    reference, alternative = match["reference"].upper(), match["alternative"].upper()
    if problem := _problem(reference, alternative):
        raise InputError(
            f"'{shown}' cannot be tested: {problem}; write a substitution such as {_EXAMPLE}."
        )
    chrom: str | None = match["chrom"]
    if lengths is not None:
        chrom = resolve_chrom(match["chrom"], lengths)
        if chrom is None:
            raise InputError(f"This genome has no chromosome '{match['chrom']}' ('{shown}').")
    assert chrom is not None
    position = int(re.sub("[,_]", "", match["position"]))
    found = _placed(chrom, position, reference, alternative, lengths)
    return replace(found, name=str(found))


def parse_vcf(
    text: str,
    source: str = "VCF",
    lengths: Mapping[str, int] | None = None,
    genome: Genome | None = None,
) -> tuple[list[Variant], list[Refused]]:
    """Read the variants of a VCF; genotypes are not looked at.

    Each alternative allele is a variant of its own, named by the line's id (with ``:ALT`` where the
    line has several) or else by how it is written. Alleles that cannot be tested (insertions,
    deletions, symbolic ones, with `lengths` those on other chromosomes, and with `genome` those
    whose reference allele is another) are returned apart, with the reason.

    Raises
    ------
    InputError
        For text that is no VCF, or with `lengths` a position off its chromosome or a header that
        gives a chromosome another length, naming the line.
    """
    if not text.startswith("##fileformat=VCF"):
        raise InputError(
            f"{source} is no VCF (it does not begin with '##fileformat=VCF'); give one, or write a "
            f"variant as {_EXAMPLE}."
        )
    variants: list[Variant] = []
    refused: list[Refused] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("##contig=") and lengths is not None:
            _check_contig(line, f"{source}, line {number}", lengths)
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) < 5:
            raise InputError(
                f"{source}, line {number}: not CHROM, POS, ID, REF and ALT with tabs between."
            )
        chrom, position, name, reference, alleles = (field.strip() for field in fields[:5])
        reference, each = reference.upper(), alleles.upper().split(",")
        if not position.isdecimal():
            written = f"{chrom}:{position} {reference}>{','.join(each)}"
            refused.append(Refused(number, written, "its position is no number"))
            continue
        known = chrom if lengths is None else resolve_chrom(chrom, lengths)
        for alternative in each:
            problem = _problem(reference, alternative)
            if known is None:
                problem = f"this genome has no chromosome {chrom}"
            if problem:
                written = f"{chrom}:{int(position):,} {reference}>{alternative}"
                refused.append(Refused(number, written, problem))
                continue
            assert known is not None
            try:
                found = _placed(known, int(position), reference, alternative, lengths)
            except InputError as error:
                raise InputError(f"{source}, line {number}: {error}") from None
            if name in ("", "."):
                called = str(found)
            else:
                called = name if len(each) == 1 else f"{name}:{alternative}"
            found = replace(found, name=called)
            other = "" if genome is None else reference_problem(found, genome)
            if other:
                refused.append(Refused(number, str(found), other))
            else:
                variants.append(found)
    return variants, refused


def _check_contig(line: str, place: str, lengths: Mapping[str, int]) -> None:
    """Refuse a header that gives a chromosome another length: positions are of that assembly."""
    fields = dict(re.findall(r"[<,](ID|length)=([^,>]+)", line))
    known = resolve_chrom(fields.get("ID", ""), lengths)
    said = fields.get("length", "")
    if known is not None and said.isdecimal() and int(said) != lengths[known]:
        raise InputError(
            f"{place}: {fields['ID']} has {int(said):,} bp there and {lengths[known]:,} bp in this "
            "genome, so the VCF is of another assembly; lift it over first."
        )


def read_vcf(
    path: str | os.PathLike[str],
    lengths: Mapping[str, int] | None = None,
    genome: Genome | None = None,
) -> tuple[list[Variant], list[Refused]]:
    """Read a VCF, plain or gzipped; see `parse_vcf`."""
    return parse_vcf(read_text(path, "VCF"), os.fspath(path), lengths, genome)


def reference_problem(variant: Variant, genome: Genome) -> str:
    """Return in which way a variant's reference allele is not the genome's; "" where it is."""
    there = genome.fetch(variant.interval)
    if there == variant.reference:
        return ""
    return (
        f"{genome.path.name} has {there} there, not {variant.reference}; give the variant on the "
        "plus strand of this assembly, with a 1-based position."
    )


def check_reference(variant: Variant, genome: Genome) -> None:
    """Refuse a variant whose reference allele is not what the genome has there.

    Raises
    ------
    InputError
        Naming both alleles and what may be wrong.
    """
    problem = reference_problem(variant, genome)
    if problem:
        raise InputError(f"{variant}: {problem}")
