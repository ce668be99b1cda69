"""The authors' blacklist, a pickle of one boolean array a chromosome, read without running it.

A pickle can call any function when it is loaded. Here every name that it may hold stands for a
class of this module, and any other name is refused; numpy itself is not called by the file.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2exp.errors import InputError


class _Dtype:
    """Stands for a numpy data type; only that of booleans will do."""

    def __init__(self, name: object = "", *_: object) -> None:
        self.is_bool = name in ("b1", "?", "bool")

    def __setstate__(self, state: object) -> None:
        """Byte order and the like do not matter to booleans."""


class _Array:
    """Stands for a numpy array: of its booleans only the runs of True are kept.

    Attributes
    ----------
    length : int
        Number of elements; -1 until they are known.
    runs : ndarray
        int64 [n, 2], first and one past the last index of each run.
    """

    length = -1
    runs: NDArray[np.int64]

    def __init__(self, *_: object) -> None:
        """Make an array that is filled by `__setstate__`."""

    def __setstate__(self, state: object) -> None:
        """Take what numpy stores: version, shape, data type, order and the bytes."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise pickle.UnpicklingError("an array without data")
        self._take(state[4], state[2], state[1])

    def _take(self, data: Any, dtype: object, shape: object) -> None:
        if not (isinstance(dtype, _Dtype) and dtype.is_bool):
            raise pickle.UnpicklingError("an array of something else than booleans")
        if shape != (len(data),):
            raise pickle.UnpicklingError(f"an array of shape {shape} with {len(data)} values")
        bits = np.frombuffer(data, dtype=np.uint8) != 0
        edges = np.flatnonzero(bits[1:] != bits[:-1]) + 1
        ends = [np.zeros(int(bits[:1].any()), np.int64), edges]
        ends.append(np.full(int(bits[-1:].any()), len(bits)))
        self.length, self.runs = len(bits), np.concatenate(ends).reshape(-1, 2)


class _Buffer(_Array):
    """Stands for an array as protocol 5 stores it."""

    def __init__(self, data: Any, dtype: object, shape: object, *_: object) -> None:
        self._take(data, dtype, shape)


_KNOWN = {("numpy", "ndarray"): _Array, ("numpy", "dtype"): _Dtype} | {
    (f"numpy.{core}.{module}", name): kind
    for core in ("core", "_core")
    for module, name, kind in (
        ("multiarray", "_reconstruct", _Array),
        ("numeric", "_frombuffer", _Buffer),
    )
}


class _Refused(pickle.UnpicklingError):
    """A name that no blacklist needs."""


class _Reader(pickle.Unpickler):
    """Reads the blacklist's pickle; no name in it is looked up anywhere."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise _Refused(f"{module}.{name}")
        return _KNOWN[module, name]


def write_blacklist(path: Path, lengths: dict[str, int], out: Path) -> None:
    """Write the bases that a blacklist pickle marks as a BED file.

    Parameters
    ----------
    path
        Pickle of a dict: chromosome to bool array of its length.
    lengths
        Chromosome lengths in bp, which the arrays must have.
    out
        The BED file.

    Raises
    ------
    InputError
        For a file that holds anything else. Nothing that it names is imported or called.
    """
    try:
        with open(path, "rb") as file:
            content = _Reader(file).load()
        if not isinstance(content, dict) or not content:
            raise pickle.UnpicklingError("no dict of arrays")
        for chrom, array in content.items():
            if not isinstance(chrom, str) or not isinstance(array, _Array) or array.length < 0:
                raise pickle.UnpicklingError(f"{chrom!r} is not a chromosome with its array")
    except _Refused as error:
        raise InputError(
            f"{path} was refused: it asks for {error}, which no blacklist needs; do not trust it, "
            "put the ENCODE blacklist (hg38-blacklist.bed.gz) in its place."
        ) from error
    except Exception as error:  # a pickle can fail in any way, and all mean the same
        raise InputError(
            f"{path} is not a blacklist that can be read ({error}); fetch it again, or put the "
            "ENCODE blacklist (hg38-blacklist.bed.gz) in its place."
        ) from error
    lines = []
    for chrom, array in content.items():
        if lengths.get(chrom, array.length) != array.length:
            raise InputError(
                f"Wrong assembly: {path} has {chrom} with {array.length:,} bp, but chr_length.json "
                f"has {lengths[chrom]:,}; fetch both again."
            )
        lines += [f"{chrom}\t{start}\t{end}\n" for start, end in array.runs.tolist()]
    out.write_text("".join(lines))
