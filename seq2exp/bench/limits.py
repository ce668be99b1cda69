"""The least seconds that a network takes on this machine: what there is to do, over peak rates.

What is counted, for every base and layer of a network of width d, inner channels e, states n, taps
k and rank r (`layer_work`):

multiply-adds (a product or a sum alone takes a multiplier as long, and counts as one)
    ``2·d·e`` in-projection, once for both directions; ``e·d`` out-projection; and for each
    direction ``k·e`` convolution, ``e·(r + 2n)`` to dt, B and C, ``r·e`` to the step sizes,
    ``4·e·n`` scan (dt·A, u·B, decay, readout) and ``2·e`` (dt·x, D·x).
exponentials
    ``e`` silu of the gate; for each direction ``e·n`` decays, ``e`` silu of the convolution and
    ``2·e`` softplus: one exponential and one logarithm, which costs about as much.
bytes
    Input, residual, their sum and output, ``4·d`` floats; without a residual, in the first layer,
    ``2·d``.

Around the layers (`model_work`): both embeddings, the last norm's two inputs, the mask's two
logits. Not counted: norms, additions of the residual, divisions, gates' products, the mask's
arithmetic, the predictor's head; together about a hundredth. Every layer counts for all bases,
though of the predictor's last one the promoter's alone are asked for. A kernel may do more than is
counted, as the fused one does: it computes half of the in-projection twice and moves the reverse
scan's result through memory.

Multiply-adds and exponentials use the same vector units, so their seconds are added (`Rates` has
how far the measured machine agrees); memory works beside them, so the larger of the two is the
limit. Of a GPU only the bandwidth is measured, and the limit is its part alone.
"""

from dataclasses import dataclass

import torch

from seq2exp.bench.rates import Rates, best_of, device_bandwidth, measure_rates
from seq2exp.bench.report import Row, Section
from seq2exp.model.config import ModelConfig

_FLOAT = 4  # bytes


@dataclass(frozen=True)
class Work:
    """How many multiply-adds, exponentials and bytes in memory something takes."""

    multiply_adds: float = 0
    exponentials: float = 0
    moved: float = 0

    def __add__(self, other: "Work") -> "Work":
        """Return what both take."""
        return Work(
            self.multiply_adds + other.multiply_adds,
            self.exponentials + other.exponentials,
            self.moved + other.moved,
        )

    def __mul__(self, times: float) -> "Work":
        """Return what it takes so many times."""
        return Work(self.multiply_adds * times, self.exponentials * times, self.moved * times)


@dataclass(frozen=True)
class Limit:
    """The least seconds of some work at a machine's rates, and of its three parts."""

    multiply_adds: float
    exponentials: float
    memory: float

    @property
    def seconds(self) -> float:
        """Multiply-adds and exponentials after each other, memory beside them."""
        return max(self.multiply_adds + self.exponentials, self.memory)


def limit(work: Work, rates: Rates) -> Limit:
    """Return the least seconds that `work` takes."""
    return Limit(
        work.multiply_adds / rates.multiply_adds,
        work.exponentials / rates.exponentials,
        work.moved / rates.bandwidth,
    )


def scan_work(length: int, channels: int, state: int, batch: int = 1) -> Work:
    """Return what one selective scan takes, forward: it reads x, dt, B and C and writes y."""
    entries, positions = channels * state, batch * length
    return Work(
        (4 * entries + 2 * channels) * positions,
        entries * positions,
        (3 * channels + 2 * state) * _FLOAT * positions,
    )


def scan_gradient_bytes(length: int, channels: int, state: int, batch: int = 1) -> float:
    """Return the bytes of a scan forward and backward: all six arrays' values and gradients.

    Forward as in `scan_work`; backward reads x, dt, B, C and y's gradient, and writes the other
    four's.
    """
    forward = scan_work(length, channels, state, batch).moved
    return forward + (5 * channels + 4 * state) * _FLOAT * batch * length


def layer_work(config: ModelConfig, *, residual: bool = True) -> Work:
    """Return what a bidirectional layer takes for one base; without `residual`, the first."""
    width, state, rank = config.width, config.state, config.dt_rank
    inner = config.expand * width
    scan = scan_work(1, inner, state)
    direction = config.conv * inner + inner * (rank + 2 * state) + rank * inner + scan.multiply_adds
    return Work(
        3 * width * inner + 2 * direction,
        inner + 2 * (scan.exponentials + 3 * inner),
        (4 if residual else 2) * width * _FLOAT,
    )


def network_work(config: ModelConfig, layers: int, inputs: int) -> Work:
    """Return what a backbone takes for one base, with the embedding of `inputs` numbers before.

    It reads those numbers, and its last norm reads the last layer's output and residual.
    """
    first, other = layer_work(config, residual=False), layer_work(config)
    ends = Work(inputs * config.width, 0, (inputs + 2 * config.width) * _FLOAT)
    return first + other * (layers - 1) + ends


def model_work(config: ModelConfig, length: int, kept: int | None = None) -> Work:
    """Return what one window takes, from its bases and signals to expression and mask.

    Parameters
    ----------
    config : the network
    length : bases
    kept : how many of them a hard mask leaves for the predictor; None: all
    """
    bases, signals = 4, 3
    seen = bases if config.generator_inputs == "sequence" else bases + signals
    generator = network_work(config, config.generator_layers, seen)
    layers = config.generator_layers if config.share_backbone else config.predictor_layers
    predictor = network_work(config, layers, bases + signals)
    mask = Work(2 * config.width)
    return (generator + mask) * length + predictor * (length if kept is None else kept)


#: `layer_work` for people.
LAYER_COUNTED = (
    "Counted for a base and layer (width d, inner e, states n, taps k, rank r): multiply-adds "
    "3·d·e + 2·(k·e + e·(r + 2n) + r·e + 4·e·n + 2·e); exponentials e + 2·(e·n + e + 2·e), a "
    "logarithm being one; bytes 4·(4·d), in the first layer 4·(2·d). Around the layers: both "
    "embeddings, the last norms' inputs and the mask's logits."
)
#: `scan_work` for people.
SCAN_COUNTED = (
    "Counted for a position (e channels, n states): multiply-adds 4·e·n + 2·e (dt·A, u·B, decay, "
    "readout; dt·x, D·x); exponentials e·n; bytes 4·(3·e + 2·n) for x, dt, y, B and C."
)


class Limits:
    """A machine's peak rates, measured when asked, and what follows from them.

    Attributes
    ----------
    rates
        Of the processor; None on a GPU, before `measure`, and where there is no compiler.
    bandwidth
        Bytes a second, of the GPU where the device is one.
    missing
        Why there is no limit, or "".
    """

    def __init__(self, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self.rates: Rates | None = None
        self.bandwidth: float | None = None
        self.missing = "not measured"

    def measure(self, repeats: int = 5) -> None:
        """Measure again, so many times, and keep the best of all measurements."""
        if self.device.type == "cuda":
            self.bandwidth = max(
                self.bandwidth or 0.0, device_bandwidth(self.device, repeats=4 * repeats)
            )
        else:
            try:
                found = measure_rates(repeats=repeats)
            except RuntimeError as error:
                self.missing = str(error)
                return
            self.rates = found if self.rates is None else best_of(self.rates, found)
            self.bandwidth = self.rates.bandwidth
        self.missing = ""

    def seconds(self, work: Work) -> float | None:
        """Return the least seconds that `work` takes, or None: not known."""
        if self.rates is not None:
            return limit(work, self.rates).seconds
        return None if self.bandwidth is None else work.moved / self.bandwidth

    def section(self, work: Work, title: str, counted: str) -> Section:
        """Return the table of rates, operations and the limit of `work`; `counted` says of what."""
        notes = [counted]
        if self.device.type == "cuda":
            notes.append("Limit: memory alone.")
        else:
            notes.append(
                "Limit: multiply-adds and exponentials after each other, as they use the same "
                "units, or memory beside them, whichever takes longer."
            )
        rows = []
        if self.rates is not None:
            found, rates = limit(work, self.rates), self.rates
            rows += [
                _rate_row("multiply-adds", work.multiply_adds, rates.multiply_adds),
                _rate_row("exponentials", work.exponentials, rates.exponentials),
                _rate_row("bytes", work.moved, rates.bandwidth),
                Row("limit", {"least": found.seconds}),
            ]
            notes.append(
                f"Rates are peaks on {rates.threads} core(s), measured in this run. "
                f"{rates.per_power} multiply-adds beside each exponential took "
                f"{rates.together:.0%} of the sum of either alone."
            )
        elif self.bandwidth is not None:
            rows += [
                _rate_row("bytes", work.moved, self.bandwidth),
                Row("limit", {"least": work.moved / self.bandwidth}),
            ]
        else:
            notes.append(f"There is no limit: {self.missing}.")
        return Section("limit", title, "What there is to do", rows, notes)


def _rate_row(name: str, count: float, rate: float) -> Row:
    return Row(name, {"count": count, "rate": rate, "least": count / rate})
