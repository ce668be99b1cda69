"""What the checks of a new cell type found."""

from dataclasses import dataclass, field
from typing import Any, Literal

from seq2exp.datasets.adding.scale import Distribution
from seq2exp.datasets.schema import CellSpec
from seq2exp.errors import InputError

Verdict = Literal["pass", "note", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    file
        What the file is for, e.g. "DNase signal"; "Cell type" for what is not about one file.
    what
        What was looked at, e.g. "Assembly".
    verdict
        "pass"; "note": good to know; "warn": it can be added, but read this first; "fail": it
        cannot be added.
    found, fix
        What is so, and what to do; nothing has to be done where `fix` is empty.
    """

    file: str
    what: str
    verdict: Verdict
    found: str
    fix: str = ""

    @classmethod
    def refused(cls, file: str, what: str, error: InputError) -> "Check":
        """Return the check that failed with `error`, whose last clause says what to do."""
        found, _, fix = str(error).rpartition("; ")
        if not found:
            found, fix = fix, "Give another file."
        return cls(file, what, "fail", f"{found.rstrip('.')}.", fix[:1].upper() + fix[1:])


@dataclass(frozen=True)
class Report:
    """Everything that was found of a new cell type.

    Attributes
    ----------
    spec
        Its files, ready to be kept; None where a needed one cannot be used.
    checks
        In the order of the files.
    scales
        By track, its distribution over the windows of genes (first) and those of the cell types
        that it was compared with.
    compared
        With what the signals were compared, and over which windows, in a sentence.
    """

    spec: CellSpec | None
    checks: tuple[Check, ...]
    scales: dict[str, tuple[Distribution, ...]] = field(default_factory=dict)
    compared: str = ""

    def count(self, verdict: Verdict) -> int:
        """Return how many checks came to a verdict."""
        return sum(check.verdict == verdict for check in self.checks)

    @property
    def accepted(self) -> bool:
        """Whether the cell type can be added."""
        return self.spec is not None and not self.count("fail")

    @property
    def there(self) -> bool:
        """Whether all files that the cell type would have are still there."""
        spec = self.spec
        if spec is None:
            return True
        parts = (spec.contact, spec.expression)
        paths = [spec.dnase, spec.h3k27ac, spec.reads, spec.peaks]
        paths += [None if part is None else part.path for part in parts]
        return all(path.is_file() for path in paths if path is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "accepted": self.accepted,
            "compared": self.compared,
            "checks": [vars(check) for check in self.checks],
            "scales": {
                track: [each.to_dict() for each in distributions]
                for track, distributions in self.scales.items()
            },
        }
