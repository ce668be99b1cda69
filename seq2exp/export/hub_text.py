"""The words of a track hub: names and labels as UCSC wants them, and stanzas.

Rules: https://genome.ucsc.edu/goldenPath/help/hgTrackHubHelp.html and trackDb/trackDbHub.html.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SHORT, LONG = 17, 80
"""Most characters of a short and of a long label."""

#: Assemblies that genome browsers have, by the names that people give them.
_DATABASES = {
    **dict.fromkeys(("hg38", "grch38", "grch38.p13", "grch38.p14"), "hg38"),
    **dict.fromkeys(("hg19", "grch37", "b37", "hs37d5", "grch37.p13"), "hg19"),
    **dict.fromkeys(("hs1", "t2t-chm13v2.0", "chm13v2.0", "chm13"), "hs1"),
    **dict.fromkeys(("mm39", "grcm39"), "mm39"),
    **dict.fromkeys(("mm10", "grcm38"), "mm10"),
    **{name: name for name in ("mm9", "rn6", "rn7", "danRer11", "dm6", "ce11", "sacCer3")},
}
_SIGNS = str.maketrans({"≤": "<=", "≥": ">=", "±": "+/-", "–": "-", "α": "alpha"})
_BARE = re.compile(r"(\d{1,2}|[XYM]|MT|[IVX]+)")


def database(assembly: str, simulated: bool = False) -> str | None:
    """Return what UCSC and IGV call an assembly; None where they do not have it."""
    if simulated:
        return None
    return {key.lower(): name for key, name in _DATABASES.items()}.get(assembly.lower())


def database_chrom(chrom: str) -> str:
    """Return what UCSC calls a chromosome of one of its assemblies: ``22`` is ``chr22``."""
    if not _BARE.fullmatch(chrom):
        return chrom
    return "chrM" if chrom in ("M", "MT") else f"chr{chrom}"


def label(text: str, most: int) -> str:
    """Return a text as one line of plain characters, at most `most`, cut between words if need be.

    A word is cut where there would be little left otherwise.
    """
    plain = "".join(c if c.isascii() and c.isprintable() else " " for c in text.translate(_SIGNS))
    whole = " ".join(plain.split())
    if len(whole) > most:
        cut = whole[: most + 1].rpartition(" ")[0].rstrip(" ,;:(")
        whole = cut if 3 * len(cut) > most else whole[:most].strip()
    return whole or "-"


def short_label(what: str, name: str) -> str:
    """Return a short label that ends in `what`; the name before it is cut to make room."""
    head = label(name, 999)[: SHORT - len(what) - 1].strip()
    return f"{head} {what}"


def identifier(text: str) -> str:
    """Return a text as letters, digits and underscores, beginning with a letter."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    return plain if plain[:1].isalpha() else f"t_{plain}"


def file_name(text: str) -> str:
    """Return a text as a file's name that every system and URL takes as it stands."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-") or "unnamed"


@dataclass
class Unique:
    """Hands out every name once; file systems that ignore case must not mix two up."""

    taken: set[str] = field(default_factory=set)

    def __call__(self, name: str) -> str:
        """Return `name`, or with a number behind it where it is taken."""
        number, candidate = 1, name
        while candidate.lower() in self.taken:
            number += 1
            candidate = f"{name}_{number}"
        self.taken.add(candidate.lower())
        return candidate


@dataclass(frozen=True)
class Track:
    """One stanza of trackDb.txt.

    Attributes
    ----------
    name
        Unique within the hub.
    short, long
        Labels.
    kind
        The ``type`` setting; empty for a super track.
    file
        Data file beside trackDb.txt; empty for containers.
    parent
        Name of the container it belongs to; empty for none.
    settings
        The others, in their order.
    """

    name: str
    short: str
    long: str
    kind: str = ""
    file: str = ""
    parent: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The stanza."""
        values = {"track": self.name}
        if self.parent:
            values["parent"] = self.parent
        values |= {"shortLabel": label(self.short, SHORT), "longLabel": label(self.long, LONG)}
        if self.kind:
            values["type"] = self.kind
        if self.file:
            values["bigDataUrl"] = self.file
        return stanza(values | dict(self.settings))


def stanza(values: Mapping[str, str]) -> str:
    """Return settings as lines; a line break inside a value would begin another setting."""
    return "".join(f"{key} {' '.join(value.split())}\n" for key, value in values.items())


def stanzas(tracks: Iterable[Track]) -> str:
    """Return the text of trackDb.txt."""
    return "\n".join(track.text for track in tracks)
