"""Running a trained network on one gene's window: the mask's posterior, and the expression.

The two halves are apart because they cost alike and are needed differently: the generator runs
once for a gene, while every move of a slider asks for the expression under another mask.
"""

import logging
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from seq2exp.errors import InputError
from seq2exp.genome.window import Window
from seq2exp.inference.progress import Progress, part_of
from seq2exp.model.beta import BetaPrior, MaskPosterior
from seq2exp.model.checkpoint import load_model, suggested_threshold
from seq2exp.model.retrain import TOP, Retrained

logger = logging.getLogger(__name__)

Mode = Literal["soft", "hard", "top"]
MODES = ("soft", "hard", "top")


@dataclass(frozen=True)
class MaskRule:
    """How a posterior becomes the mask that the predictor reads under.

    Attributes
    ----------
    mode
        "soft": the means. "hard": 1 where the mean is at least `threshold`, else 0. "top": 1 for
        the `fraction` of the window's bases with the highest means (the paper's retraining rule).
    threshold
        In (0, 1]. Under "soft" it decides on elements only, see `analysis.elements.selection`.
    fraction
        In (0, 1].

    Raises
    ------
    InputError
        For an unknown mode or a number out of range.
    """

    mode: Mode = "soft"
    threshold: float = 0.5
    fraction: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what is no rule."""
        if self.mode not in MODES:
            raise InputError(f"There is no mask rule {self.mode!r}; use soft, hard or top.")
        for name, value in (("threshold", self.threshold), ("fraction", self.fraction)):
            if not 0 < value <= 1:
                raise InputError(
                    f"The mask's {name} {value:g} is out of range; use a number above 0, at most 1."
                )

    def mask(self, posterior: MaskPosterior) -> NDArray[np.float32]:
        """Return the mask [L] in [0, 1], the blacklist closed and the promoter open."""
        if self.mode == "soft":
            return posterior.soft()
        if self.mode == "hard":
            return posterior.hard(self.threshold)
        return posterior.top(self.fraction)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network says about one gene in one cell type.

    Attributes
    ----------
    expression
        Predicted log10(x + 1) of what the model was trained on (CAGE as published).
    posterior
        The mask's posterior under the prior asked for.
    mask
        float32 [L], what the predictor read under.
    rule
        How `mask` came from `posterior`. A hard network cannot weigh bases: asked for a soft mask
        it applies the rule's threshold, and `rule` and `notes` say so.
    seconds
        Time the network ran; what was handed in finished costs nothing.
    device, implementation
        Where it ran, and by what: a selective scan's name, or "cpu-fused".
    model_id
        Of the model's card.
    notes
        Sentences to show beside the numbers.
    warning
        Why the expression must not be read as one; empty where it may be.
    """

    expression: float
    posterior: MaskPosterior
    mask: NDArray[np.float32]
    rule: MaskRule
    seconds: float
    device: str
    model_id: str
    implementation: str
    notes: tuple[str, ...] = ()
    warning: str = ""

    @property
    def ratio(self) -> float:
        """Mask ratio Σ mask / L: the share of the window that is read, the promoter included."""
        return float(self.mask.mean(dtype=np.float64))


class Predictor:
    """A trained network, loaded once and safe to share between threads.

    Every run of a half is logged at INFO: which half, for what, and for how long.

    Parameters
    ----------
    model_path
        A model's safetensors, its JSON card beside it.
    device
        "auto" (a CUDA device if there is one), "cpu", "cuda", "cuda:1", …
    scan
        What runs the layers: "auto" (the fastest there is), or a selective scan by its name.

    Attributes
    ----------
    model, card, model_id
        The network, its card, and the card's id.
    device, implementation
        Where it runs, and by what: a selective scan's name, or "cpu-fused".

    Raises
    ------
    InputError
        For a file that is no model, or a device or a scan that is not there.
    """

    def __init__(
        self, model_path: str | os.PathLike[str], device: str = "auto", scan: str = "auto"
    ) -> None:
        self._device = _device(device)
        model, self.card = load_model(Path(model_path))
        self.model = model.to(self._device).eval().requires_grad_(False)
        self.model.use_scan(scan)
        self.config = self.model.config
        self._threshold = suggested_threshold({"config": self.config.to_dict(), **self.card})
        self.model_id = str(self.card.get("id") or Path(model_path).stem)
        self.implementation = self.model.generator.implementation(self._device)
        self._lock = threading.Lock()

    @property
    def device(self) -> str:
        """Where the network runs, for the screen."""
        if self._device.type == "cuda":
            return f"{self._device} ({torch.cuda.get_device_name(self._device)})"
        return str(self._device)

    @property
    def default_rule(self) -> MaskRule:
        """The rule of the network's own evaluation, with the threshold that its card suggests."""
        if isinstance(self.model, Retrained):
            return MaskRule("top", threshold=self._threshold, fraction=TOP)
        return MaskRule(self.config.variant, threshold=self._threshold)

    def posterior(self, window: Window, progress: Progress | None = None) -> MaskPosterior:
        """Return the mask's posterior under the prior of training.

        Raises
        ------
        InputError
            Where the window's length does not fit, memory is short, or the result is no number.
        """
        with (
            self._running(self.model.generator, "Finding what regulates the gene", progress),
            self._logged("generator", window),
        ):
            found = self.model.posterior(
                self._tensor(window.one_hot),
                self._tensor(window.signals),
                self._tensor(window.blacklist),
            )
        if not (_positive(found.alpha) and _positive(found.beta)):
            raise self._broken("mask", window)
        return found

    def express(
        self, window: Window, mask: NDArray[np.floating], progress: Progress | None = None
    ) -> float:
        """Return the predicted log10(x + 1) of the window read under `mask` [L] as it stands.

        Raises
        ------
        InputError
            Where the window's length does not fit, memory is short, or the result is no number.
        """
        if mask.shape != (window.length,):
            raise ValueError(f"a mask {mask.shape} for a window of {window.length} bp")
        network = self.model.generator if self.model.encoder is None else self.model.encoder
        with (
            self._running(network, "Predicting the expression", progress),
            self._logged("predictor", window),
        ):
            value = float(
                self.model.predict(
                    self._tensor(window.one_hot),
                    self._tensor(window.signals),
                    self._tensor(window.features),
                    self._tensor(mask.astype(np.float32)),
                )
            )
        if not math.isfinite(value):
            raise self._broken("expression", window)
        return value

    def predict(
        self,
        window: Window,
        rule: MaskRule | None = None,
        prior: BetaPrior | None = None,
        posterior: MaskPosterior | None = None,
        progress: Progress | None = None,
        closed: NDArray[np.bool_] | None = None,
    ) -> Prediction:
        """Return mask and expression of one window.

        Parameters
        ----------
        window
            Of a length the network can take.
        rule
            How the mask is made; None: `default_rule`.
        prior
            Tilt the posterior to this prior (no further run of the generator); None: leave it.
        posterior
            What `posterior` returned for this window, to spare the generator's run.
        progress
            Told of every layer; an exception it raises ends the work.
        closed
            bool [L], where the mask is closed whatever the rule makes of it, in the promoter, too.

        Raises
        ------
        InputError
            As `posterior` and `express`.
        """
        begun = time.perf_counter()
        share = 0.5 if posterior is None else 0.0
        if posterior is None:
            posterior = self.posterior(window, part_of(progress, 0.0, share))
        rule, notes = self.applied(rule or self.default_rule)
        if prior is not None:
            lost = posterior.improper(prior)
            if lost >= 0.005:
                notes += (
                    f"At {lost:.0%} of the bases this prior outweighs all that was learned; their "
                    "mask stops at its end of the scale.",
                )
            posterior = posterior.retilt(prior)
        mask = rule.mask(posterior)
        if closed is not None:
            mask = np.where(closed, np.float32(0), mask)
        expression = self.express(window, mask, part_of(progress, share, 1.0))
        return Prediction(
            expression=expression,
            posterior=posterior,
            mask=mask,
            rule=rule,
            seconds=time.perf_counter() - begun,
            device=self.device,
            model_id=self.model_id,
            implementation=self.implementation,
            notes=notes,
            warning=self.out_of_range(expression),
        )

    def applied(self, rule: MaskRule) -> tuple[MaskRule, tuple[str, ...]]:
        """Return the rule that this network can follow, and what to say about it."""
        if self.config.variant == "hard" and rule.mode == "soft":
            return replace(rule, mode="hard"), (
                "A hard model keeps or drops whole bases; instead of the soft mask it read those "
                f"with a mean of at least {rule.threshold:g}.",
            )
        return rule, ()

    def out_of_range(self, expression: float) -> str:
        """Return what to say of a prediction far from every label of training; "" of others."""
        known = self.card.get("label_range")
        if not known or known[0] - 1 <= expression <= known[1] + 1:
            return ""
        return (
            f"The prediction {expression:.3g} is out of range: the model was trained on labels "
            f"from {known[0]:.3g} to {known[1]:.3g}. These inputs are unlike its training data; do "
            "not read it as an expression."
        )

    @contextmanager
    def alone(self) -> Iterator[torch.device]:
        """Hold `model` for runs of one's own, gradients off; yields where its inputs must be.

        Raises
        ------
        InputError
            Where memory is short.
        """
        with self._running(self.model.generator, "", None):
            yield self._device

    def _tensor(self, values: NDArray) -> torch.Tensor:
        """Return [1, ...] of an array, on the device."""
        return torch.from_numpy(np.ascontiguousarray(values))[None].to(self._device)

    @contextmanager
    def _running(
        self, network: torch.nn.Module, what: str, progress: Progress | None
    ) -> Iterator[None]:
        """Hold the lock, gradients off, and report each layer of `network` as it is done."""
        with self._lock, torch.inference_mode(), _reported(network, what, progress):
            try:
                yield
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                raise InputError(
                    f"{self.device} has too little free memory for {self.model_id}; close other "
                    "programs on it or choose the device cpu."
                ) from None

    @contextmanager
    def _logged(self, half: str, window: Window) -> Iterator[None]:
        """Log how long a half of the network ran, also where it was stopped or failed."""
        begun, end = time.perf_counter(), "ended after"
        try:
            yield
            end = "took"
        finally:
            what = f"{half} for {window.gene.name} in {window.cell}"
            logger.info("%s: %s %s %.3f s", self.model_id, what, end, time.perf_counter() - begun)

    def _broken(self, what: str, window: Window) -> InputError:
        return InputError(
            f"{self.model_id} gives no finite {what} for {window.gene.name} in {window.cell}; its "
            "weights are damaged or it was trained on signals of another scale: convert or train "
            "it again."
        )


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda"):
            raise RuntimeError
    except RuntimeError:
        raise InputError(f"There is no device {name!r}; use auto, cpu or cuda.") from None
    count = torch.cuda.device_count() if device.type == "cuda" else 1
    if (device.index or 0) >= count:
        raise InputError(f"This machine has no device {name!r}; use auto or cpu.")
    return device


def _positive(values: NDArray[np.float32]) -> bool:
    return bool(np.isfinite(values).all() and (values > 0).all())


@contextmanager
def _reported(network: torch.nn.Module, what: str, progress: Progress | None) -> Iterator[None]:
    """Call `progress` before the first and after every layer."""
    if progress is None:
        yield
        return
    layers = list(network.get_submodule("layers").children())
    done = 0

    def report(*_: object) -> None:
        nonlocal done
        progress(done / len(layers), f"{what}: layer {done + 1} of {len(layers)}")
        done += 1

    # Before each layer: hooks after it would be given results, which the fused layers then keep.
    hooks = [layer.register_forward_pre_hook(report) for layer in layers]
    try:
        yield
        progress(1.0, what)
    finally:
        for hook in hooks:
            hook.remove()
