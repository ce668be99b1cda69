"""``seq2exp bench scan``: one selective scan by everyone who has one, forward and with gradient."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from seq2exp.bench.field import BATCHES, LENGTHS, OURS
from seq2exp.bench.limits import SCAN_COUNTED, Limits, Work, scan_gradient_bytes, scan_work
from seq2exp.bench.machine import available_memory, longest_that_fits
from seq2exp.bench.measure import Contender, Progress, Timing, stage, time_in_turns
from seq2exp.bench.peers import PEERS, TOLERANCE
from seq2exp.bench.report import Row, Section, compared, growth
from seq2exp.model.scan import implementations, resolve, selective_scan

CHANNELS, STATE = 256, 16  # of one direction of a layer of the paper's size
PARTS = ("forward", "gradient", "length", "batch")
_CHECKED = 512  # positions on which everyone must compute what ours does
_FLOAT = 4  # bytes
Scan = Callable[..., Tensor]


@dataclass(frozen=True)
class Options:
    """What is measured.

    Attributes
    ----------
    length, batch
        Positions, and sequences at once, of what is compared.
    repeats, slow_repeats
        Of ours, and of what takes many times as long.
    peers
        Whether other libraries are measured, too.
    device
        "cpu" or "cuda".
    lengths, batches
        Along which growth is measured.
    parts
        Of `PARTS`.
    """

    length: int = 200_000
    batch: int = 1
    repeats: int = 7
    slow_repeats: int = 3
    peers: bool = True
    device: str = "cpu"
    lengths: tuple[int, ...] = LENGTHS
    batches: tuple[int, ...] = BATCHES
    parts: tuple[str, ...] = PARTS


def problem(length: int, batch: int, device: str, gradient: bool = False) -> tuple[Tensor, ...]:
    """Return x, dt, A, B, C and D of a random scan, as `selective_scan` takes them."""
    generator = torch.Generator().manual_seed(length)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    drawn = (
        normal(batch, length, CHANNELS),
        torch.nn.functional.softplus(normal(batch, length, CHANNELS) - 4),
        -torch.arange(1.0, STATE + 1).repeat(CHANNELS, 1),
        normal(batch, length, STATE),
        normal(batch, length, STATE),
        torch.ones(CHANNELS),
    )
    return tuple(value.to(device).requires_grad_(gradient) for value in drawn)


def _transformers(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    library: Any = importlib.import_module("transformers.models.mamba.modeling_mamba")
    importlib.import_module("transformers.utils.logging").set_verbosity_error()
    x, dt, B, C = (value.transpose(1, 2) for value in (x, dt, B, C))
    return library.mamba_selective_scan(x, dt, A, B, C, D).transpose(1, 2)


def _mambapy(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    # The block's scan, which reads nothing else of the block.
    library: Any = importlib.import_module("mambapy.mamba")
    return library.MambaBlock.selective_scan(None, x, dt, A, B, C, D)


# How many times the arrays of its forward pass a gradient needs at once; measured: 1.6 to 2.0.
_GRADIENT_ARRAYS = 2.1


def scans_of_peers() -> dict[str, Scan]:
    """Return the scans of those peers that have one of their own, by the peer's name."""
    return {"transformers": _transformers, "mambapy": _mambapy}


def sections(options: Options, progress: Progress) -> Iterator[Section]:
    """Measure part by part and yield each part's tables as soon as they are ready."""
    limits = Limits(options.device)
    for part in PARTS:
        if part in options.parts:
            yield from _MEASURES[part](options, limits, stage(progress, part))


def _forward(scan: Scan, *tensors: Tensor) -> Tensor:
    with torch.no_grad():
        return scan(*tensors)


def _backward(scan: Scan, *tensors: Tensor) -> tuple[Tensor, ...]:
    y = scan(*tensors)
    return torch.autograd.grad(y, tensors, torch.ones_like(y))


def _contenders(
    options: Options, run: Callable[..., object], gradient: bool
) -> tuple[list[Contender], list[Row]]:
    """Return who takes part, ours first, and the rows of those who do not."""
    left_out: list[Row] = []
    scans: dict[str, tuple[Scan, Callable[[int], float]]] = {
        OURS: (selective_scan, lambda length: 0.0)
    }
    for name, able in implementations().items():
        if name == resolve("auto", options.device):
            continue  # that is ours
        try:
            resolve(name, options.device)
        except ValueError as error:
            left_out.append(Row(f"{name} scan", note=str(error) if able else "cannot run here"))
        else:
            ours = partial(selective_scan, implementation=name)
            scans[f"{name} scan"] = (ours, lambda length: 0.0)
    for name, theirs in scans_of_peers().items() if options.peers else ():
        peer = PEERS[name]
        if gradient and name == "transformers":
            # Each of its steps reads a slice, and the gradient of a slice is as large as the whole.
            left_out.append(Row(peer.title, note="not timed: its gradient is quadratic in length"))
        elif missing := peer.missing(options.device):
            left_out.append(Row(peer.title, note=missing))
        else:
            scans[peer.title] = (theirs, partial(_need, name, options.batch, gradient))
    contenders = []
    short = problem(_CHECKED, options.batch, options.device, gradient)
    whole = problem(options.length, options.batch, options.device, gradient)
    expected = _forward(selective_scan, *short)
    for name, (scan, need) in scans.items():
        apart = float((_forward(scan, *short) - expected).abs().max() / expected.abs().max())
        if not apart <= TOLERANCE:
            left_out.append(Row(name, note=f"not timed: it differs by {apart:.1g} from ours"))
            continue
        length = longest_that_fits(need, options.length, options.device)
        fits = length == options.length
        tensors = whole if fits else problem(length, options.batch, options.device, gradient)
        contenders.append(
            Contender(
                name,
                partial(run, scan, *tensors),
                options.repeats if name == OURS else options.slow_repeats,
                warm_up=partial(run, scan, *(whole if name == OURS else short)),
                scale=options.length / length,
                device=options.device,
                note="" if fits else f"measured at {length:,}, as more does not fit, and scaled",
            )
        )
    return contenders, left_out


def _need(name: str, batch: int, gradient: bool, length: int) -> float:
    array = batch * length * CHANNELS * STATE * _FLOAT
    return array * PEERS[name].arrays(length) * (_GRADIENT_ARRAYS if gradient else 1)


def _compare(
    gradient: bool, options: Options, limits: Limits, progress: Progress
) -> Iterator[Section]:
    length, batch = options.length, options.batch
    progress(0.0, "the machine's rates")
    limits.measure()
    contenders, left_out = _contenders(options, _backward if gradient else _forward, gradient)
    timings = time_in_turns(contenders, progress)
    work = scan_work(length, CHANNELS, STATE, batch)
    if gradient:
        work = Work(moved=scan_gradient_bytes(length, CHANNELS, STATE, batch))
    least = limits.seconds(work)
    rows = compared(timings, OURS, least, "floor" if gradient else "limit") + left_out
    if least is not None:
        rows.append(Row("bandwidth floor" if gradient else "limit", {"median": least}))
    what = "forward and backward" if gradient else "forward"
    yield Section(
        "gradient" if gradient else "forward",
        f"A selective scan, {CHANNELS} channels of {STATE} states, {length:,} positions"
        + (f", batch {batch}" if batch > 1 else "")
        + f": {what}",
        "Scan by",
        rows,
        [
            f"{OURS} runs as {resolve('auto', options.device)}. Measured in turns; everyone's "
            f"result is within {TOLERANCE:g} of ours, relative to the largest, on {_CHECKED} "
            "positions."
        ],
    )
    if not gradient:
        yield limits.section(work, "The limit: least seconds of one scan forward", SCAN_COUNTED)


def _growth(along: str, options: Options, limits: Limits, progress: Progress) -> Iterator[Section]:
    contenders: dict[int, Contender] = {}
    for size in sorted(options.lengths if along == "length" else options.batches):
        length, batch = (size, options.batch) if along == "length" else (options.length, size)
        if 4 * scan_work(length, CHANNELS, STATE, batch).moved > available_memory(options.device):
            continue
        run = partial(_forward, selective_scan, *problem(length, batch, options.device))
        contenders[size] = Contender(f"scan, {size:,}", run, options.repeats, device=options.device)
    timings: dict[str, Timing] = time_in_turns(list(contenders.values()), progress)
    yield growth(
        along,
        f"Growth of one scan, forward, with {along}",
        along,
        {size: timings[contender.name] for size, contender in contenders.items()},
    )


_MEASURES: dict[str, Callable[[Options, Limits, Progress], Iterator[Section]]] = {
    "forward": partial(_compare, False),
    "gradient": partial(_compare, True),
    "length": partial(_growth, "length"),
    "batch": partial(_growth, "batch"),
}
