"""What was measured on: processor, cores, memory, versions, and how much of it is free."""

import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

#: Packages whose versions belong with a measurement.
PACKAGES = ("torch", "transformers", "mambapy", "mamba-ssm", "causal-conv1d", "triton")


def describe(device: torch.device | str) -> dict[str, str | int | float | None]:
    """Return the machine in words and numbers, and when it was asked.

    ``threads`` is how many cores the kernels use; ``load`` the system's average over the minute
    before, which should be near 0 for a measurement to be quoted.
    """
    device = torch.device(device)
    found: dict[str, str | int | float | None] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory": total_memory(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
    }
    return found | {name: _version(name) for name in PACKAGES}


def total_memory() -> int:
    """Return the machine's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def available_memory(device: torch.device | str = "cpu") -> int:
    """Return the bytes that a process may still take on a device without swapping.

    In main memory, what Linux calls available, and no more than the control group leaves; where
    neither is told, half of all.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    left = [total_memory() // 2]
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            left = [int(line.split()[1]) * 1024]
    limit, used = (_read(f"/sys/fs/cgroup/memory.{name}").strip() for name in ("max", "current"))
    if limit.isdecimal() and used.isdecimal():
        left.append(int(limit) - int(used))
    return max(0, min(left))


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _processor() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def longest_that_fits(
    memory: Callable[[int], float], length: int, device: torch.device | str = "cpu"
) -> int:
    """Return `length`, halved until what it needs is at most 95 % of what is available.

    Parameters
    ----------
    memory : bytes that a length needs
    length : bases; results stay even

    Returns
    -------
    Bases, at least 2,000.
    """
    room = 0.95 * available_memory(device)
    while memory(length) > room and length >= 4_000:
        length = length // 4 * 2
    return length
