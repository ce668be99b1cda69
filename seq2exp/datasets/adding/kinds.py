"""What a file is by its content, whatever it is called."""

import gzip
import os
import re
import zlib
from pathlib import Path

from seq2exp.errors import InputError
from seq2exp.tracks.narrowpeak import data_lines

_HEAD_BYTES = 65_536
_MAGIC = {
    b"\x26\xfc\x8f\x88": "bigWig",
    b"\x88\x8f\xfc\x26": "bigWig",
    b"\xeb\xf2\x89\x87": "bigBed",
    b"\x87\x89\xf2\xeb": "bigBed",
    b"HIC\0": ".hic",
    b"\x89HDF": "cooler",
    b"CRAM": "CRAM",
    b"PK\x03\x04": "zip or Excel",
    b"%PDF": "PDF",
}
_WIGGLE = re.compile(r"^(fixedStep|variableStep)\b", re.MULTILINE)
_BEDGRAPH = re.compile(r"^track\b.*\btype=\"?bedGraph", re.MULTILINE)
_SAM = re.compile(r"@(HD|SQ|RG|PG)\t")

#: How kinds are called in a sentence, with their article.
CALLED = {
    "bigWig": "a bigWig",
    "bigBed": "a bigBed (intervals, no signal)",
    ".hic": "a .hic contact map",
    "cooler": "a .cool or .mcool contact map",
    "CRAM": "a CRAM file of reads",
    "BAM": "a BAM file of reads",
    "SAM": "a SAM file of reads",
    "zip or Excel": "a zip archive or an Excel sheet",
    "PDF": "a PDF",
    "web page": "a web page",
    "wiggle": "a wiggle text",
    "bedGraph": "a bedGraph text",
    "narrowPeak": "a narrowPeak file",
    "BED": "a BED file",
    "GTF": "a GTF or GFF file",
    "table": "a table with a head line",
    "empty": "empty",
    "text": "some other text",
    "unknown": "no format that is known here",
}


def file_kind(path: str | os.PathLike[str]) -> str:
    """Return what a file is: one of the keys of `CALLED`.

    It looks at the first bytes only, unpacked where they are gzipped.

    Raises
    ------
    InputError
        Where there is no such file, or it cannot be read.
    """
    place = Path(path)
    if place.is_dir():
        raise InputError(f"{place} is a folder; name the file in it.")
    try:
        with open(place, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise InputError(
            f"There is no file {place} on the computer the app runs on; "
            "check the path, or upload the file."
        ) from None
    except OSError as error:
        raise InputError(
            f"{place} cannot be read ({error.strerror}); give this account the right to read it."
        ) from None
    if head[:2] == b"\x1f\x8b":
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, _HEAD_BYTES)
        except (zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{place} is a damaged gzip file ({error}); fetch it again.") from None
        if head[:4] == b"BAM\x01":
            return "BAM"
    if not head.strip():
        return "empty"
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    return _text_kind(head)


def _text_kind(head: bytes) -> str:
    if b"\0" in head:
        return "unknown"
    text = head.decode("utf-8", errors="replace")
    if len(head) == _HEAD_BYTES:
        text = text[: text.rfind("\n") + 1] or text
    start = text.lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<!doctype html", "<html")):
        return "web page"
    if _SAM.match(text):
        return "SAM"
    if _WIGGLE.search(text):
        return "wiggle"
    if _BEDGRAPH.search(text):
        return "bedGraph"
    lines = data_lines(text)
    if not lines:
        return "text"
    fields = lines[0][1]
    if _is_number(fields, 1) and _is_number(fields, 2):
        if len(fields) == 4 and all(_is_float(row, 3) for _, row in lines[:50]):
            return "bedGraph"
        if len(fields) == 10 and all(
            _is_float(row, i) for _, row in lines[:50] for i in range(6, 10)
        ):
            return "narrowPeak"
        return "BED"
    if len(fields) == 9 and _is_number(fields, 3) and _is_number(fields, 4):
        return "GTF"
    return "table" if len(fields) > 1 or "," in fields[0] else "text"


def _is_number(fields: list[str], index: int) -> bool:
    return len(fields) > index and fields[index].strip().isdigit()


def _is_float(fields: list[str], index: int) -> bool:
    try:
        float(fields[index])
    except (IndexError, ValueError):
        return False
    return True
