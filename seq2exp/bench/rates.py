"""How fast this machine multiplies and adds, takes exponentials and moves memory, at most.

Measured on as many threads as the kernels use, by ``rates_kernel.cpp``: float32 multiply-adds,
float32 exponentials (the kernels' own polynomial, relative error 5e-7) and copying of arrays far
larger than the caches.
"""

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from seq2exp.model.scan.build import Library

_COPIED = 256 << 20  # bytes of either array that is copied
_SECONDS = 0.1  # of one measurement, about


class _Kernel(NamedTuple):
    library: ctypes.CDLL
    lanes: int
    per_power: int  # multiply-adds beside each exponential in `both`


def _bind(library: ctypes.CDLL) -> _Kernel:
    for name in ("multiply_adds", "exponentials", "both"):
        function = getattr(library, f"seq2exp_rates_{name}")
        function.argtypes = [ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
        function.restype = ctypes.c_int64
    library.seq2exp_rates_copy.argtypes = [ctypes.c_int64, ctypes.c_int64, *[ctypes.c_void_p] * 2]
    library.seq2exp_rates_copy.restype = ctypes.c_int64
    return _Kernel(library, library.seq2exp_rates_lanes(), library.seq2exp_rates_per_power())


LIBRARY = Library(
    Path(__file__).with_name("rates_kernel.cpp"),
    "rates",
    _bind,
    headers=Path(__file__).parents[1] / "model" / "scan",
)


@dataclass(frozen=True)
class Rates:
    """Peak rates of a machine on `threads` threads, per second.

    Attributes
    ----------
    multiply_adds, exponentials
        Operations in float32; a multiply-add is two FLOP.
    bandwidth
        Bytes read and written, together, by copying.
    both
        Exponentials with `per_power` multiply-adds beside each.
    """

    threads: int
    multiply_adds: float
    exponentials: float
    bandwidth: float
    both: float
    per_power: int

    @property
    def together(self) -> float:
        """How long exponentials and multiply-adds take together, over the sum of either alone.

        1 where they wait for the same units, 0.5 at best where they do not.
        """
        return 1 / self.both / (1 / self.exponentials + self.per_power / self.multiply_adds)


def measure_rates(threads: int | None = None, repeats: int = 5) -> Rates:
    """Return this machine's rates: the best of several measurements of a tenth of a second.

    Parameters
    ----------
    threads : as many as torch uses, where None
    repeats : measurements of each rate, in turns

    Raises
    ------
    RuntimeError
        There is no C++ compiler, or it failed.
    """
    kernel = LIBRARY.get()
    threads = torch.get_num_threads() if threads is None else threads
    sums = np.zeros(threads * kernel.lanes, np.float32)
    source, target = np.ones(_COPIED, np.uint8), np.ones(_COPIED, np.uint8)

    def copy(times: int) -> int:
        addresses = source.ctypes.data, target.ctypes.data
        function = kernel.library.seq2exp_rates_copy
        return sum(function(threads, _COPIED, *addresses) for _ in range(times))

    def compute(name: str, bursts: int) -> int:
        return getattr(kernel.library, f"seq2exp_rates_{name}")(threads, bursts, sums.ctypes.data)

    works: dict[str, Callable[[int], int]] = {
        name: partial(compute, name) for name in ("multiply_adds", "exponentials", "both")
    }
    works["copy"] = copy
    sizes = {name: _size_for(work, _SECONDS) for name, work in works.items()}
    best = dict.fromkeys(works, 0.0)
    for _ in range(repeats):
        for name, work in works.items():
            best[name] = max(best[name], _rate(work, sizes[name])[0])
    return Rates(
        threads,
        best["multiply_adds"],
        best["exponentials"],
        best["copy"],
        best["both"],
        kernel.per_power,
    )


def _rate(work: Callable[[int], int], size: int) -> tuple[float, float]:
    """Return operations per second, and the seconds."""
    begun = time.perf_counter()
    done = work(size)
    elapsed = time.perf_counter() - begun
    return done / elapsed, elapsed


def _size_for(work: Callable[[int], int], seconds: float) -> int:
    """Return how much of a work takes about so long."""
    size = 1
    while (elapsed := _rate(work, size)[1]) < seconds / 4:
        size *= 2
    return max(1, round(size * seconds / elapsed))


def best_of(first: Rates, second: Rates) -> Rates:
    """Return the better of two measurements of one machine, rate by rate."""
    return Rates(
        first.threads,
        max(first.multiply_adds, second.multiply_adds),
        max(first.exponentials, second.exponentials),
        max(first.bandwidth, second.bandwidth),
        max(first.both, second.both),
        first.per_power,
    )


def device_bandwidth(device: torch.device | str, size: int = 1 << 30, repeats: int = 20) -> float:
    """Return the bytes per second that a GPU reads and writes in copying `size` bytes, at best."""
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    best = 0.0
    for _ in range(repeats):
        torch.cuda.synchronize(device)
        begun = time.perf_counter()
        target.copy_(source)
        torch.cuda.synchronize(device)
        best = max(best, 2 * size / (time.perf_counter() - begun))
    return best
