"""Hi-C contact with a TSS, as in the published pipeline.

Counts of one resolution are normalised by vanilla coverage (VC), looked up for the pair of bins of
a base and the TSS, checked at the promoter, and given a pseudocount from a power law of distance.
The network reads log10(1 + contact), which `seq2exp.datasets.catalog.Dataset.window` applies.
"""

import hashlib
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2exp.errors import InputError
from seq2exp.files import atomic_path, cache_dir
from seq2exp.genome.locus import Interval, resolve_chrom
from seq2exp.genome.window import pad_to
from seq2exp.tracks.handle import Handle

if TYPE_CHECKING:
    import hictkpy

GAMMA = 0.87
"""Exponent of contact against distance in the ABC model."""
SCALE = -4.80 + 11.63 * GAMMA
PSEUDOCOUNT_DISTANCE = 1_000_000
SELF_PROMOTER_BP = 500
SELF_PROMOTER_MINIMUM = 0.01

NORMALISATIONS = ("VC", "VC_SQRT", "ICE", "KR", "none")

_BLOCK_BP = 10_000_000  # rows of a chromosome read at once, to bound memory on deep maps


def power_law(distance: ArrayLike) -> NDArray[np.float64]:
    """Return the contact the ABC power law expects at `distance` bp (any shape, same shape back).

    exp(scale - gamma · ln(max(d, 5000) + 1)), gamma 0.87, scale 5.3181: flat up to 5 kb.
    """
    d = np.maximum(np.asarray(distance, dtype=np.float64), 5000)
    return np.exp(SCALE - GAMMA * np.log(d + 1))


def _pseudocount(distance: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.minimum(power_law(distance), power_law(PSEUDOCOUNT_DISTANCE))


def power_law_profile(tss: int, interval: Interval, length: int) -> NDArray[np.float64]:
    """Return the contact with `tss` that distance alone predicts, where a cell type has no Hi-C.

    Parameters
    ----------
    tss
        0-based position in bp.
    interval
        The bases wanted; it may reach over the chromosome's ends.
    length
        The chromosome's length in bp.

    Returns
    -------
    ndarray
        float64 [interval.width], power law plus the pseudocount; 0 off the chromosome. Its scale is
        the ABC model's (0.123 at the TSS), not that of VC-normalised counts.
    """
    clipped = interval.clip(length)
    distance = np.abs(np.arange(clipped.start, clipped.end) - tss)
    return pad_to(power_law(distance) + _pseudocount(distance), interval, clipped, 0)


def vanilla_coverage(
    bin1: NDArray[np.integer], bin2: NDArray[np.integer], count: NDArray[np.number], n: int
) -> NDArray[np.float64]:
    """Return the VC vector of a symmetric contact matrix, as Juicer stores it.

    VC is the row sum r (a diagonal count once) times k, where k makes the sum of the normalised
    matrix c_ij / (VC_i VC_j) equal the sum of the raw one: k² = Σ c_ij / (r_i r_j) / Σ c_ij, both
    over the whole symmetric matrix.

    Parameters
    ----------
    bin1, bin2, count
        The upper triangle with diagonal: bins 0..n-1 of one chromosome and their counts, [pixels].
    n
        Number of bins.

    Returns
    -------
    ndarray
        float64 [n]; divide a count by VC[bin1] · VC[bin2]. 0 for bins without counts.
    """
    counts = np.asarray(count, dtype=np.float64)
    rows = _row_sums(bin1, bin2, counts, n)
    return rows * _vc_scale(_normalised_sum(bin1, bin2, counts, rows), rows)


def _row_sums(
    bin1: NDArray[np.integer], bin2: NDArray[np.integer], count: NDArray[np.float64], n: int
) -> NDArray[np.float64]:
    off = bin1 != bin2
    rows = np.zeros(n)
    rows += np.bincount(bin1, weights=count, minlength=n)
    rows += np.bincount(bin2[off], weights=count[off], minlength=n)
    return rows


def _normalised_sum(
    bin1: NDArray[np.integer],
    bin2: NDArray[np.integer],
    count: NDArray[np.float64],
    rows: NDArray[np.float64],
) -> float:
    normalised = count / (rows[bin1] * rows[bin2])
    return float(2 * normalised.sum() - normalised[bin1 == bin2].sum())


def _vc_scale(normalised: float, rows: NDArray[np.float64]) -> float:
    total = float(rows.sum())
    return float(np.sqrt(normalised / total)) if total > 0 else 0.0


class ContactMap:
    """One Hi-C map at one resolution.

    Threads may share one object, and it travels to other processes as its path. Start those by
    spawn or forkserver: hictkpy's logger hangs in a forked process.

    Parameters
    ----------
    path
        ``.hic``, ``.cool`` or ``.mcool``.
    resolution
        Bin size in bp.
    normalisation
        "VC" (published; computed from the marginals where the file has no such vector), "VC_SQRT"
        or "KR" (from the file), "ICE" (the file's ``weight`` column), or "none" (raw counts).

    Attributes
    ----------
    path : Path
    lengths : dict of str to int
        Chromosome lengths in bp.
    source : str
        What the numbers are, e.g. "Hi-C VC 5 kb".

    Raises
    ------
    InputError
        Where the file is missing, cut short, no contact map, or lacks the resolution or vector.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        resolution: int = 5000,
        normalisation: str = "VC",
    ) -> None:
        self.path = Path(path)
        self.resolution = resolution
        self.normalisation = _normalisation_name(normalisation)
        _check(self.path)
        self._file: Handle[hictkpy.File] = Handle(self._open)
        with self._file.use() as file:
            self.lengths: dict[str, int] = {
                str(name): int(length) for name, length in file.chromosomes().items()
            }
            available = list(file.avail_normalizations())
        stored = {"none": None, "ICE": "weight"}.get(self.normalisation, self.normalisation)
        self._computed = self.normalisation == "VC" and "VC" not in available
        if stored == "weight" and "weight" not in available and "ICE" in available:
            stored = "ICE"
        if stored is not None and stored not in available and not self._computed:
            has = ", ".join(available) or "none"
            raise InputError(
                f"{self.path} has no {self.normalisation} normalisation (it has: {has}); "
                "choose VC, which can be computed, or none."
            )
        self._stored = None if self._computed else stored
        self._vectors: dict[str, NDArray[np.float64]] = {}
        bins = f"{resolution / 1000:g} kb"
        kind = "raw" if self.normalisation == "none" else self.normalisation
        self.source = f"Hi-C {kind} {bins}"

    def __reduce__(self) -> tuple[type["ContactMap"], tuple[Path, int, str]]:
        """Travel to another process as the path alone."""
        return ContactMap, (self.path, self.resolution, self.normalisation)

    def _open(self) -> "hictkpy.File":
        import hictkpy  # here, since it warns at every fork once it is loaded

        try:
            return hictkpy.File(str(self.path), self.resolution)
        except RuntimeError as error:
            problem = error
        try:
            resolutions = hictkpy.MultiResFile(str(self.path)).resolutions()
            has = np.asarray(resolutions, dtype=np.int64).tolist()
        except RuntimeError:
            has = []
        if has and self.resolution not in has:
            raise InputError(
                f"{self.path} has no resolution of {self.resolution:,} bp; choose one of "
                f"{', '.join(f'{r:,}' for r in has)}."
            )
        raise self._unreadable(problem)

    def _unreadable(self, why: Exception) -> InputError:
        text = str(why).splitlines()[0].rstrip(":. ") if str(why) else "unknown reason"
        return InputError(
            f"The contact map {self.path} cannot be read ({text}); it may be cut short or have "
            "another bin size, fetch it again or check its resolution."
        )

    def _chrom(self, name: str) -> str:
        chrom = resolve_chrom(name, self.lengths)
        if chrom is None:
            raise InputError(
                f"{self.path} has no chromosome {name}; choose a gene elsewhere or a file with it."
            )
        return chrom

    def _range(self, chrom: str, first: int, last: int) -> str:
        """Return bins first..last-1 as the 1-based text hictkpy reads."""
        end = min(last * self.resolution, self.lengths[chrom])
        return f"{chrom}:{first * self.resolution + 1}-{end}"

    def _dense(self, rows: str, columns: str) -> NDArray[np.float64]:
        """Return counts [rows, columns], normalised if the file has the vectors; NaN is 0."""
        try:
            with self._file.use() as file:
                selector = file.fetch(
                    rows, columns, normalization=self._stored, count_type="float64"
                )
                values = selector.to_numpy()
        except RuntimeError as error:
            raise self._unreadable(error) from None
        return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)

    def _divide(
        self, values: NDArray[np.float64], chrom: str, rows: slice, columns: slice
    ) -> NDArray[np.float64]:
        if not self._computed:
            return values
        vector = self._vector(chrom)
        scale = np.outer(vector[rows], vector[columns])
        return np.divide(values, scale, out=np.zeros_like(values), where=scale > 0)

    def _vector(self, chrom: str) -> NDArray[np.float64]:
        """Return the computed VC vector of a whole chromosome, remembered on disk."""
        vector = self._vectors.get(chrom)
        if vector is not None:
            return vector
        stat = self.path.stat()
        key = f"{self.path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{self.resolution}|{chrom}"
        name = hashlib.sha256(key.encode()).hexdigest()[:24]
        cached = cache_dir() / "vc" / f"{name}.npy"
        if cached.is_file():
            vector = np.load(cached)
        else:
            vector = self._compute_vector(chrom)
            with atomic_path(cached) as draft:
                np.save(draft, vector)
        self._vectors[chrom] = vector
        return vector

    def _compute_vector(self, chrom: str) -> NDArray[np.float64]:
        n = -(-self.lengths[chrom] // self.resolution)
        step = max(1, _BLOCK_BP // self.resolution)
        blocks = [(first, min(first + step, n)) for first in range(0, n, step)]
        rows = np.zeros(n)
        for block in blocks:
            rows += _row_sums(*self._pixels(chrom, *block, n), n)
        normalised = sum(_normalised_sum(*self._pixels(chrom, *b, n), rows) for b in blocks)
        return rows * _vc_scale(normalised, rows)

    def _pixels(
        self, chrom: str, first: int, last: int, n: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return the raw upper-triangle pixels of rows first..last-1, bins from 0."""
        try:
            with self._file.use() as file:
                frame = file.fetch(
                    self._range(chrom, first, last), self._range(chrom, first, n)
                ).to_df()
        except RuntimeError as error:
            raise self._unreadable(error) from None
        names = list(self.lengths)
        offset = sum(
            -(-self.lengths[name] // self.resolution) for name in names[: names.index(chrom)]
        )
        return (
            frame["bin1_id"].to_numpy(np.int64) - offset,
            frame["bin2_id"].to_numpy(np.int64) - offset,
            frame["count"].to_numpy(np.float64),
        )

    def row(self, chrom: str, tss: int, first: int, last: int) -> NDArray[np.float64]:
        """Return the normalised contact of bins first..last-1 with the bin of `tss`, [last-first].

        Bins are numbered from the chromosome's start and must lie on it.
        """
        chrom = self._chrom(chrom)
        at = tss // self.resolution
        here = self._range(chrom, at, at + 1)
        values = np.zeros(last - first)
        # hictkpy reads the upper triangle only, so the row is a column up to the TSS's bin.
        if first <= at:
            end = min(last, at + 1)
            values[: end - first] = self._dense(self._range(chrom, first, end), here)[:, 0]
        if last > at + 1:
            start = max(first, at + 1)
            values[start - first :] = self._dense(here, self._range(chrom, start, last))[0]
        columns = slice(first, last)
        return self._divide(values[None], chrom, slice(at, at + 1), columns)[0]

    def profile(self, chrom: str, tss: int, interval: Interval) -> NDArray[np.float64]:
        """Return the contact of every base with the TSS, before the logarithm.

        For a base p it is the normalised count of the bins of p and of the TSS (absent or NaN is 0)
        plus the pseudocount min(power law(|p - tss|), power law(1 Mb)), which within 100 kb is
        always 0.0012292. Where the contact summed over the bases with |p - tss| < 500 is below 0.01
        the promoter cannot be seen in the map, and the whole profile is 0, as published.

        Parameters
        ----------
        chrom
            Chromosome, with or without "chr".
        tss
            0-based position in bp.
        interval
            The bases wanted; it may reach over the chromosome's ends.

        Returns
        -------
        ndarray
            float64 [interval.width]; 0 off the chromosome.

        Raises
        ------
        InputError
            Where the map lacks the chromosome or cannot be read, or the TSS lies off it.
        """
        chrom = self._chrom(chrom)
        length = self.lengths[chrom]
        if not 0 <= tss < length:
            raise InputError(
                f"TSS {tss + 1:,} lies off {chrom} of {self.path}, which ends at {length:,}; "
                "give a map of the same assembly."
            )
        clipped = interval.clip(length)
        near = Interval(chrom, tss - SELF_PROMOTER_BP + 1, tss + SELF_PROMOTER_BP).clip(length)
        first = min(near.start, clipped.start) // self.resolution
        last = max(near.end - 1, clipped.end - 1) // self.resolution + 1
        row = self.row(chrom, tss, first, last)
        near_bins = np.arange(near.start, near.end) // self.resolution - first
        if row[near_bins].sum() < SELF_PROMOTER_MINIMUM:
            return np.zeros(interval.width)
        positions = np.arange(clipped.start, clipped.end)
        contact = row[positions // self.resolution - first]
        return pad_to(contact + _pseudocount(np.abs(positions - tss)), interval, clipped, 0)

    def matrix(self, interval: Interval) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the normalised contacts among the bins that touch `interval`.

        Returns
        -------
        matrix
            float64 [n, n], symmetric; absent or NaN is 0.
        bin_starts
            int64 [n], 0-based first base of each bin.
        """
        chrom = self._chrom(interval.chrom)
        clipped = interval.clip(self.lengths[chrom])
        first, last = clipped.start // self.resolution, -(-clipped.end // self.resolution)
        if clipped.width == 0:
            return np.zeros((0, 0)), np.zeros(0, dtype=np.int64)
        span = self._range(chrom, first, last)
        bins = slice(first, last)
        values = self._divide(self._dense(span, span), chrom, bins, bins)
        return values, np.arange(first, last, dtype=np.int64) * self.resolution


def _normalisation_name(text: str) -> str:
    aliases = {"raw": "none", "weight": "ice"}
    wanted = aliases.get(text.lower(), text.lower())
    for name in NORMALISATIONS:
        if name.lower() == wanted:
            return name
    raise InputError(
        f"'{text}' is not a Hi-C normalisation; choose one of {', '.join(NORMALISATIONS)}."
    )


def _check(path: Path) -> None:
    """Refuse a missing map, and a ``.hic`` that ends before its footer says (hictk reads on)."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(4096)
            if not head.startswith(b"HIC\0") or len(head) < 32:
                return
            version, footer = struct.unpack("<iq", head[4:16])
            end = footer
            if version >= 9:
                after_name = head.index(b"\0", 16) + 1
                end = sum(struct.unpack("<qq", head[after_name : after_name + 16]))
            if 0 < footer < size:
                file.seek(footer)
                width, form = (8, "<q") if version >= 9 else (4, "<i")
                end = max(end, footer + width + struct.unpack(form, file.read(width))[0])
    except OSError:
        raise InputError(
            f"There is no readable contact map at {path}; give a .hic, .cool or .mcool file."
        ) from None
    except (ValueError, struct.error):
        end = size + 1
    if end > size:
        raise InputError(f"The contact map {path} is cut short; fetch it again.")
