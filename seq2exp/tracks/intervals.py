"""Which bases a BED file covers."""

import gzip
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval, resolve_chrom


class IntervalMask:
    """The bases covered by a BED file (plain or gzip), e.g. the ENCODE blacklist.

    Raises
    ------
    InputError
        Where the file is missing, cut short, or a line is no BED.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
        number = 0  # of the line being read, for the message
        try:
            with open(self.path, "rb") as probe:
                zipped = probe.read(2) == b"\x1f\x8b"
            with gzip.open(self.path, "rt") if zipped else open(self.path) as file:
                for line in file:
                    number += 1
                    if line.strip() and not line.startswith(("#", "track", "browser")):
                        chrom, start, end = line.split()[:3]
                        spans[chrom].append((int(start), int(end)))
        except ValueError:
            raise InputError(
                f"Line {number} of {self.path} is not BED; write chromosome, start and end."
            ) from None
        except (OSError, EOFError) as error:
            raise InputError(
                f"The BED file {self.path} cannot be read ({error}); check its path."
            ) from None
        self._spans = {
            chrom: np.array(sorted(rows), dtype=np.int64) for chrom, rows in spans.items()
        }

    def covered(self, interval: Interval) -> NDArray[np.bool_]:
        """Return bool [interval.width]: True at the bases that a line of the file covers."""
        covered = np.zeros(interval.width, dtype=np.bool_)
        chrom = resolve_chrom(interval.chrom, self._spans)
        if chrom is not None:
            rows = self._spans[chrom]
            hit = rows[(rows[:, 0] < interval.end) & (rows[:, 1] > interval.start)]
            for start, end in hit - interval.start:
                covered[max(start, 0) : end] = True
        return covered
