"""What a user gives for a new cell type, and turning it into files on this computer."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seq2exp.datasets.adding.kinds import CALLED, file_kind
from seq2exp.datasets.adding.store import Store
from seq2exp.datasets.fetch import download, is_url
from seq2exp.errors import InputError


@dataclass(frozen=True)
class Role:
    """What a file is for.

    Attributes
    ----------
    title
        What it is called on screen.
    kinds
        What it may be, of `seq2exp.datasets.adding.kinds.CALLED`.
    needed
        Whether a cell type must have it.
    about
        What to give, in a sentence.
    without
        What happens without it; empty where it is needed.
    """

    title: str
    kinds: tuple[str, ...]
    needed: bool
    about: str
    without: str = ""


ROLES: dict[str, Role] = {
    "dnase": Role(
        "DNase signal",
        ("bigWig",),
        True,
        "A bigWig of DNase-seq (or ATAC-seq) signal along the genome, best in the unit of the "
        "data that the model was trained on.",
    ),
    "h3k27ac": Role(
        "H3K27ac signal",
        ("bigWig",),
        True,
        "A bigWig of H3K27ac ChIP-seq signal along the genome, best in the unit of the data that "
        "the model was trained on.",
    ),
    "contact": Role(
        "Hi-C contact map",
        (".hic", "cooler"),
        False,
        "A .hic, .cool or .mcool file.",
        "Contact is the ABC power law of distance.",
    ),
    "reads": Role(
        "DNase reads",
        ("BAM", "BED"),
        False,
        "A BAM, or BED (tagAlign) with one read a line and its strand; MACS3 calls peaks on them.",
        "Peaks are imported, or called on the DNase signal.",
    ),
    "peaks": Role(
        "DNase peaks",
        ("narrowPeak", "BED", "bedGraph"),
        False,
        "A narrowPeak or BED file of peaks already called; it is shown instead of calling.",
        "MACS3 calls peaks on the reads, or else on the DNase signal.",
    ),
    "expression": Role(
        "Expression table",
        ("table",),
        False,
        "A table with a head line, tab-separated (or .csv): one gene a row, with its id or symbol "
        "and its expression, not as a logarithm.",
        "There is no measured expression to compare predictions with.",
    ),
}

_ADVICE = {
    "web page": "Give the address of the file itself, not of the page that shows it.",
    "empty": "Fetch or upload the file again.",
    "bedGraph": "Turn it into a bigWig first, with bedGraphToBigWig.",
    "wiggle": "Turn it into a bigWig first, with wigToBigWig.",
    "bigBed": "Give the signal (bigWig) of the experiment, not its intervals.",
    "BAM": "Give it as reads; for the signal, make a bigWig of it (bamCoverage of deepTools).",
    "SAM": "Turn it into BAM first, with samtools view -b.",
    "CRAM": "Turn it into BAM first, with samtools view -b.",
    "zip or Excel": "Unpack it, or save the sheet as tab-separated text.",
}


@dataclass(frozen=True)
class Given:
    """The fields of the form, or the options of the command.

    Attributes
    ----------
    name
        What the cell type shall be called.
    dnase, h3k27ac, contact, reads, peaks, expression
        Paths on this computer or web addresses; empty where there is none.
    resolution, normalisation
        Bin size in bp and normalisation of the contact map.
    gene, value
        Columns of the expression table; empty: found by their names and contents.
    unit
        What the expression is measured in, e.g. "RNA-seq TPM".
    """

    name: str
    dnase: str
    h3k27ac: str
    contact: str = ""
    reads: str = ""
    peaks: str = ""
    expression: str = ""
    resolution: int = 5000
    normalisation: str = "VC"
    gene: str = ""
    value: str = ""
    unit: str = ""

    def files(self) -> dict[str, str]:
        """Return the paths and addresses that are given, by role."""
        return {role: text for role in ROLES if (text := getattr(self, role).strip())}


def local_file(text: str, store: Store, report: Callable[[float, str], object]) -> Path:
    """Return the file that a path or address names, fetching it where it is on the web.

    Raises
    ------
    InputError
        Where it cannot be fetched, or is not there.
    """
    if is_url(text):
        name = hashlib.sha256(text.strip().encode()).hexdigest()[:16]
        return download(text.strip(), store.folder_of(name), report)
    path = Path(text.strip()).expanduser()
    if not path.is_absolute():
        raise InputError(f"{text} does not begin at the root folder; write the whole path.")
    return path


def check_kind(role: str, path: Path) -> str:
    """Return what a file is.

    Raises
    ------
    InputError
        Where it is not what it is given for.
    """
    kind = file_kind(path)
    wanted = ROLES[role]
    if kind not in wanted.kinds:
        need = " or ".join(CALLED[each].removeprefix("a ") for each in wanted.kinds[:2])
        advice = _ADVICE.get(kind, f"Give a {need}.")
        if kind == "BAM" and role not in ("dnase", "h3k27ac"):
            advice = f"Give a {need}."
        raise InputError(f"{path.name} is {CALLED[kind]}, no {need}; {advice}")
    return kind
