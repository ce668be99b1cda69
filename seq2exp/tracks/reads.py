"""Files of sequencing reads: what they are, and whether a peak caller can use them."""

import gzip
import os
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from seq2exp.errors import InputError
from seq2exp.tracks.narrowpeak import data_lines

# The empty block with which every whole BAM file ends (SAM/BAM specification, section 4.1.2).
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def check_reads(path: str | os.PathLike[str]) -> Literal["BED", "BAM"]:
    """Tell BED reads from BAM, and refuse files of which MACS3 would only print a traceback.

    Raises
    ------
    InputError
        Where the file is missing, empty, cut short, or neither BED nor BAM by name or content.
    """
    name = Path(path).name.lower().removesuffix(".gz")
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            head = file.read(65_536)
            file.seek(max(0, size - len(_BGZF_END)))
            tail = file.read()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); give a BED or BAM file of reads."
        ) from None
    if not head:
        raise InputError(f"{path} is empty; give a BED or BAM file of reads.")
    packed = head[:2] == b"\x1f\x8b"
    try:
        # Enough for the first lines; a damaged end is for MACS3 to find, which reads it all.
        start = zlib.decompressobj(wbits=31).decompress(head, 65_536) if packed else head
    except zlib.error as error:
        raise InputError(f"{path} is a damaged gzip file ({error}); fetch it again.") from None
    if name.endswith(".bam"):
        if start[:4] != b"BAM\x01":
            raise InputError(f"{path} is not a BAM file; give a BED or BAM file of reads.")
        if tail != _BGZF_END:
            raise InputError(f"{path} is cut short (its end mark is missing); fetch it again.")
        return "BAM"
    if not name.endswith((".bed", ".tagalign")):
        raise InputError(
            f"{path} is named neither .bed, .tagAlign (perhaps with .gz) nor .bam; "
            "rename it by its format."
        )
    _check_bed(path, start)
    return "BED"


def _check_bed(path: str | os.PathLike[str], start: bytes) -> None:
    """Look at the first reads of a BED file."""
    text = start.decode("utf-8", errors="replace")
    whole = text if len(start) < 65_536 else text[: text.rfind("\n") + 1]
    rows = data_lines(whole)
    if not rows:
        raise InputError(f"{path} holds no reads; give a BED file with one read a line.")
    for number, fields in rows[:100]:
        try:
            right = 0 <= int(fields[1]) < int(fields[2]) and fields[5] in ("+", "-")
        except (IndexError, ValueError):
            right = False
        if not right:
            raise InputError(
                f"{path}, line {number} is no read; MACS3 needs chromosome, start, end, name, "
                "score and strand (+ or -), separated by tabs."
            )


def count_bases(fasta: str | os.PathLike[str]) -> int:
    """Count the A, C, G and T of a FASTA file (plain or .gz): the genome that reads can map to."""
    with open(fasta, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    stat = os.stat(fasta)
    return _count_bases(os.fspath(fasta), packed, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=32)
def _count_bases(fasta: str, packed: bool, size: int, mtime_ns: int) -> int:
    total, in_header = 0, False
    with gzip.open(fasta, "rb") if packed else open(fasta, "rb") as file:
        while block := file.read(1 << 22):
            # Headers may hold any letter; a block starts inside one where the last one ended in it.
            parts = block.split(b">")
            for i, part in enumerate(parts):
                if i or in_header:
                    _, line_end, part = part.partition(b"\n")
                    in_header = not line_end
                total += len(part) - len(part.translate(None, b"ACGTacgt"))
    return total
