"""Measuring: contenders in turns, their medians, and the most memory that one takes."""

import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

Progress = Callable[[float, str], None]


def stage(progress: Progress, name: str) -> Progress:
    """Return a progress callback for one stage of several, each with a bar of its own."""
    return lambda fraction, text: progress(fraction, f"{name}: {text}")


@dataclass(frozen=True)
class Contender:
    """One of those that are measured against each other.

    Attributes
    ----------
    name
        Unique among those it stands beside.
    run
        What is timed; its result is dropped after the clock has stopped.
    repeats
        How often.
    warm_up
        What runs once before, untimed; None: `run`.
    scale
        What its seconds count for, where `run` is a known fraction of the work.
    device
        Where `run` works: on a GPU the clock waits for it at both ends.
    note
        What a reader must know of it.
    """

    name: str
    run: Callable[[], object]
    repeats: int
    warm_up: Callable[[], object] | None = None
    scale: float = 1.0
    device: str = "cpu"
    note: str = ""


@dataclass(frozen=True)
class Timing:
    """A contender's seconds, one for each repeat, in order."""

    name: str
    seconds: tuple[float, ...]
    scale: float = 1.0
    note: str = ""

    @property
    def median(self) -> float:
        """Median seconds of the whole work, `scale` included."""
        return statistics.median(self.seconds) * self.scale

    @property
    def quartiles(self) -> tuple[float, float]:
        """Lower and upper quartile of the same; the least and the most of fewer than four."""
        if len(self.seconds) < 4:
            return min(self.seconds) * self.scale, max(self.seconds) * self.scale
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low * self.scale, high * self.scale


def time_in_turns(
    contenders: Sequence[Contender], progress: Progress = lambda fraction, text: None
) -> dict[str, Timing]:
    """Time contenders in turns, A B C A B C …, so that what disturbs one disturbs all.

    All warm up first. Those with fewer repeats drop out after as many rounds.

    Parameters
    ----------
    contenders : with different names
    progress : called with the fraction done and what is next

    Returns
    -------
    Timings by name, in the contenders' order.
    """
    if len({contender.name for contender in contenders}) < len(contenders):
        raise ValueError("two contenders have the same name")
    total = sum(contender.repeats + 1 for contender in contenders)
    done = 0
    for contender in contenders:
        progress(done / total, f"{contender.name}, warming up")
        (contender.warm_up or contender.run)()
        done += 1
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for turn in range(max((contender.repeats for contender in contenders), default=0)):
        for contender in contenders:
            if turn >= contender.repeats:
                continue
            progress(done / total, f"{contender.name}, {turn + 1} of {contender.repeats}")
            seconds[contender.name].append(_timed(contender))
            done += 1
    progress(1.0, "measured")
    return {
        contender.name: Timing(
            contender.name, tuple(seconds[contender.name]), contender.scale, contender.note
        )
        for contender in contenders
    }


def _timed(contender: Contender) -> float:
    _synchronise(contender.device)
    begun = time.perf_counter()
    result = contender.run()
    _synchronise(contender.device)
    elapsed = time.perf_counter() - begun
    del result  # giving its memory back is not part of it
    return elapsed


def _synchronise(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


# ---- Memory --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Peak:
    """The most memory that a task took, in bytes.

    Attributes
    ----------
    total
        On a CPU, of the whole process (resident set): interpreter, libraries, weights and inputs
        too. On a GPU, what torch had allocated there, weights and inputs too.
    before
        The same when the task was about to begin, with only the interpreter and torch loaded.
    """

    total: int
    before: int


def peak_memory(task: Callable[..., object], **arguments: Any) -> Peak | None:
    """Run a task in a process of its own and return the most memory that it took.

    Parameters
    ----------
    task : a module's function
    **arguments : its arguments, plain values

    Returns
    -------
    Peak, or None where the system ended the process for the memory it wanted.

    Raises
    ------
    RuntimeError
        The task failed; its last words are in the message.
    """
    code = "import sys; from seq2exp.bench.measure import run_alone; run_alone(*sys.argv[1:])"
    name = f"{task.__module__}:{task.__qualname__}"
    call = json.dumps({"threads": torch.get_num_threads(), "arguments": arguments})
    done = subprocess.run(
        [sys.executable, "-c", code, name, call], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return Peak(**json.loads(done.stdout.splitlines()[-1]))
    said = done.stderr.strip().splitlines() or ["no message"]
    if done.returncode == -9 or "out of memory" in done.stderr or "allocate memory" in done.stderr:
        return None
    raise RuntimeError(f"{name} failed when run alone: {said[-1]}")


def run_alone(name: str, call: str) -> None:
    """Run the task ``module:function`` and print its `Peak` as JSON: the process's entry."""
    module, function = name.split(":")
    request = json.loads(call)
    torch.set_num_threads(request["threads"])
    task = getattr(importlib.import_module(module), function)
    before = _most_resident()
    task(**request["arguments"])
    on_gpu = torch.cuda.is_available() and torch.cuda.is_initialized()
    if on_gpu:
        found = {"total": torch.cuda.max_memory_allocated(), "before": 0}
    else:
        found = {"total": _most_resident(), "before": before}
    print(json.dumps(found))


def _most_resident() -> int:
    """Return the most bytes that this process has had in memory.

    Linux tells it of the program that runs (VmHWM); what getrusage tells there is handed down by
    the process that started this one, whose memory it then counts.
    """
    if os.path.exists("/proc/self/status"):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
