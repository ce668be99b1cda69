"""Which variants are tested: typed ones and those of a VCF, checked against window and genome."""

import gzip
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from pages.parts.experiments_subject import Subject
from pages.parts.models_table import Column, table
from seq2exp.analysis.variants import (
    Refused,
    Variant,
    parse_variant,
    parse_vcf,
    reference_problem,
)
from seq2exp.errors import InputError
from seq2exp.genome.locus import to_one_based
from seq2exp.genome.window import BASES, PADDING_CODE

TYPED, _UPLOAD, _VCF = "variants", "variant-file", "variant-vcf"
#: Variants in one window that are tested at once.
MOST = 1_000
#: A transition of each base, for the example.
_OTHER = {"A": "G", "G": "A", "C": "T", "T": "C"}
_REFUSED = {
    "variant": Column("Variant", "as it is written, 1-based", pinned=True),
    "source": Column("From", "the line of the VCF, or typed"),
    "reason": Column("Why it is not tested"),
}


@dataclass(frozen=True)
class Listed:
    """What was asked for: variants inside the window, how many lie outside, and what is refused."""

    inside: tuple[Variant, ...]
    outside: int
    refused: tuple[Refused, ...]


def listed_variants(subject: Subject) -> Listed | None:
    """Ask for variants; None where there are none yet, or where the text is wrong (said)."""
    lengths = subject.dataset.lengths
    left, right = st.columns([3, 2])
    typed = left.text_area(
        "Variants, one a line",
        key=TYPED,
        bind="query-params",
        placeholder="chr22:39,319,000 A>G",
        height=110,
        help="Chromosome, 1-based position, reference allele > alternative allele, on the plus "
        "strand. Several bases may be replaced by as many others. Ids such as rs123 are not known "
        "here.",
    )
    right.file_uploader(
        "or a VCF (plain or gzipped)",
        type=["vcf", "gz"],
        key=_UPLOAD,
        on_change=_take,
        help="Genotypes are not looked at; variants outside the gene's window are counted and "
        "left out.",
    )
    if example := _example(subject):
        left.button(
            "Try an example",
            on_click=_fill,
            args=(example,),
            type="tertiary",
            icon=":material/lightbulb:",
            help="A substitution at the summit of this gene's strongest element.",
        )
    asked, refused = _parsed(typed or "", lengths)
    try:
        vcf = _uploaded()
        if vcf is not None:
            more, wrong = parse_vcf(vcf[1], vcf[0], lengths, subject.dataset.genome)
            asked, refused = asked + more, refused + wrong
        found = _checked(asked, refused, subject)
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        return None
    _say(found, bool(asked), subject)
    return found if asked or refused else None


def _parsed(typed: str, lengths: Mapping[str, int]) -> tuple[list[Variant], list[Refused]]:
    """Return the variants of typed lines, and the lines that are none with the reason."""
    asked: list[Variant] = []
    refused: list[Refused] = []
    for line in filter(None, map(str.strip, typed.splitlines())):
        try:
            asked.append(parse_variant(line, lengths))
        except InputError as error:
            refused.append(Refused(0, line, str(error)))
    return asked, refused


def _take() -> None:
    """Keep what was uploaded: Streamlit forgets it when another tab or page is opened."""
    upload = st.session_state[_UPLOAD]
    if upload is None:
        st.session_state.pop(_VCF, None)
    else:
        st.session_state[_VCF] = (upload.name, upload.getvalue())


def _uploaded() -> tuple[str, str] | None:
    """Return name and text of the VCF that was uploaded last, and offer to leave it out.

    Raises
    ------
    InputError
        As `_text`.
    """
    if _VCF not in st.session_state:
        return None
    name, content = st.session_state[_VCF]
    if st.session_state[_UPLOAD] is None:  # its own cross has gone with it
        row = st.container(horizontal=True, vertical_alignment="center")
        row.caption(f":material/draft: {name} is still used.")
        row.button("Leave it out", on_click=st.session_state.pop, args=(_VCF, None))
    return name, _text(name, content)


def _text(name: str, content: bytes) -> str:
    """Return an uploaded file's text.

    Raises
    ------
    InputError
        Where it says that it is gzipped and is not.
    """
    if name.endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            raise InputError(f"{name} is no whole gzip file; upload it again.") from None
    return content.decode("utf-8", errors="replace")


def _checked(asked: Iterable[Variant], refused: Iterable[Refused], subject: Subject) -> Listed:
    """Take apart what lies in the window and agrees with the genome, and the rest.

    Raises
    ------
    InputError
        For more variants in the window than are tested at once.
    """
    inside: dict[Variant, None] = {}
    wrong = list(refused)
    outside = 0
    for variant in asked:
        if not variant.interval.overlaps(subject.window.interval):
            outside += 1
            continue
        if reason := _problem(variant, subject):
            wrong.append(Refused(0, str(variant), reason))
        else:
            inside[variant] = None
    if len(inside) > MOST:
        raise InputError(
            f"{len(inside):,} variants lie in this window; test at most {MOST:,} at once."
        )
    return Listed(tuple(inside), outside, tuple(wrong))


def _problem(variant: Variant, subject: Subject) -> str:
    """Return why a variant in the window cannot be tested; "" where it can."""
    problem = reference_problem(variant, subject.dataset.genome)
    if problem:
        return problem
    replaced = (edit for edit in subject.edits if edit.action in ("substitute", "neutralise"))
    if any(edit.interval.overlaps(variant.interval) for edit in replaced):
        return "An edit of the inputs has replaced this base; undo it first."
    return ""


def _say(found: Listed, any_asked: bool, subject: Subject) -> None:
    """Say what is not tested and why."""
    if found.outside:
        window = subject.window.interval.clip(
            subject.dataset.lengths[subject.window.interval.chrom]
        )
        st.warning(
            f"{found.outside:,} {'variant lies' if found.outside == 1 else 'variants lie'} outside "
            f"the window of {subject.window.gene.name} ({window}), so the network does not read "
            "them for this gene.",
            icon=":material/location_off:",
        )
    if found.refused:
        rows = pd.DataFrame(
            {
                "variant": [one.variant for one in found.refused],
                "source": [f"line {one.line}" if one.line else "" for one in found.refused],
                "reason": [one.reason for one in found.refused],
            }
        )
        count = f"{len(rows):,} {'variant is' if len(rows) == 1 else 'variants are'}"
        st.warning(f"{count} not tested; the table says why.", icon=":material/error:")
        table(rows, "One row an allele that is not tested.", "variants-refused", _REFUSED)
    if not any_asked and not found.refused:
        st.info("Type a variant, or upload a VCF.", icon=":material/info:")


def _example(subject: Subject) -> str:
    """Return a substitution at the summit of the strongest element; "" where there is none."""
    elements = sorted(subject.mask.elements, key=lambda one: -one.max_mask)
    for element in elements:
        code = int(subject.window.codes[element.summit - subject.window.interval.start])
        if code != PADDING_CODE:
            base = BASES[code]
            place = f"{element.interval.chrom}:{to_one_based(element.summit):,}"
            return f"{place} {base}>{_OTHER[base]}"
    return ""


def _fill(text: str) -> None:
    st.session_state[TYPED] = text
