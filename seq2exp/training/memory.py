"""How a process that trains on a CPU deals with memory."""

import ctypes
import sys

# Parameters of glibc's mallopt.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


def keep_freed_memory() -> bool:
    """Make this process keep the memory that it frees, and return whether it will.

    A training step frees and asks again for arrays of some 100 MB. The C library returns them to
    the system each time, which then has to clear every page of the next: about a quarter of a
    step's time at 200,000 bp. Kept, they cost address space that the process has had before. Known
    to glibc only; elsewhere nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_TRIM_THRESHOLD, -1) and mallopt(_MMAP_MAX, 0))
