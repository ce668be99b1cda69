"""In-silico experiments on one gene's window: the reference once, then a run for every edit.

Results are kept by content, the model's weights and the window's values included, so asking again
costs nothing in the same process, whoever asks.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seq2exp.genome.window import Window
from seq2exp.inference.perturb.edits import Edit, apply_edits
from seq2exp.inference.perturb.memory import Kept, weights_digest, window_digest
from seq2exp.inference.predictor import MaskRule, Prediction, Predictor
from seq2exp.inference.progress import Progress, part_of
from seq2exp.model.beta import BetaPrior, MaskPosterior

#: How many effects (some hundred bytes each) and predictions (6 MB each) a process keeps.
EFFECTS, PREDICTIONS = 20_000, 8


class Effect(NamedTuple):
    """What edits do to a prediction.

    Attributes
    ----------
    reference, altered
        Predicted log10(CAGE + 1) without and with the edits.
    elsewhere
        How much the mask changed at bases that no edit covers, Σ |Δ mask| in bp: exactly 0 where
        the mask alone was closed.
    mask
        Mean of the mask over the bases that edits cover, before them.
    """

    reference: float
    altered: float
    elsewhere: float
    mask: float

    @property
    def delta(self) -> float:
        """Δ log10(CAGE + 1), altered minus reference."""
        return self.altered - self.reference

    @property
    def share(self) -> float:
        """Share of the predicted CAGE that is lost (negative: gained); NaN where there is none.

        Also where a prediction is so far out of range that it is no number of reads.
        """
        try:
            before, after = (max(10**value - 1, 0.0) for value in (self.reference, self.altered))
        except OverflowError:
            return float("nan")
        return 1 - after / before if before > 0 else float("nan")


_effects, _predictions, _posteriors = Kept(EFFECTS), Kept(PREDICTIONS), Kept(PREDICTIONS)


class Experiment:
    """A window under one mask rule and prior: what it predicts, and what edits change of it.

    Parameters
    ----------
    predictor, window
        The network and what it reads.
    rule
        How the mask is made; None: the network's own. `rule` and `notes` have what is applied.
    prior
        What the posterior is tilted to; None: as it was trained.
    posterior
        What `predictor.posterior` returned for this window, to spare the generator's run.
    """

    def __init__(
        self,
        predictor: Predictor,
        window: Window,
        rule: MaskRule | None = None,
        prior: BetaPrior | None = None,
        posterior: MaskPosterior | None = None,
    ) -> None:
        self.predictor, self.window, self.prior = predictor, window, prior
        self.rule, self.notes = predictor.applied(rule or predictor.default_rule)
        self._inputs = (weights_digest(predictor), window_digest(window))
        if posterior is not None:
            _posteriors.put(self._inputs, posterior)

    def key(self, edits: Sequence[Edit]) -> tuple[Hashable, ...]:
        """Return all that the results of edits depend on, by content."""
        return (*self._inputs, self.rule, self.prior, tuple(edits))

    def posterior(self, progress: Progress | None = None) -> MaskPosterior:
        """Return the posterior of the window without edits, under the prior of training."""
        found = _posteriors.get(self._inputs)
        if found is None:
            found = self.predictor.posterior(self.window, progress)
            _posteriors.put(self._inputs, found)
        return found

    def reference(self, progress: Progress | None = None) -> Prediction:
        """Return the prediction without edits."""
        return self.altered((), progress)

    def altered(self, edits: Sequence[Edit], progress: Progress | None = None) -> Prediction:
        """Return the prediction with edits applied in their order.

        Closing the mask leaves the posterior as it is, and the mask outside bit for bit. Edits of
        bases or signals run the generator again, so the mask may change anywhere.

        Raises
        ------
        InputError
            For an edit outside the window; as `Predictor.predict`.
        """
        key = self.key(edits)
        found = _predictions.get(key)
        if found is None:
            found = self._predict(edits, progress)
            _predictions.put(key, found)
        return found

    def _predict(self, edits: Sequence[Edit], progress: Progress | None) -> Prediction:
        edited = apply_edits(self.window, edits)
        known = None if edited.on_inputs else self.posterior(part_of(progress, 0.0, 0.5))
        return self.predictor.predict(
            edited.window,
            self.rule,
            self.prior,
            known,
            progress if known is None else part_of(progress, 0.5, 1.0),
            closed=edited.closed,
        )

    def effect(self, edits: Sequence[Edit], progress: Progress | None = None) -> Effect:
        """Return what edits, applied together, do to the prediction."""
        return next(self.effects([edits], progress))

    def effects(
        self,
        experiments: Sequence[Sequence[Edit]],
        progress: Progress | None = None,
        what: str = "",
    ) -> Iterator[Effect]:
        """Yield the effect of each of several lists of edits, every one on the window itself.

        Parameters
        ----------
        experiments
            Lists of edits.
        progress
            Told of the share of the network's runs that are done; an exception it raises ends the
            work, and what was yielded before stays valid.
        what
            What progress calls them, e.g. "Deleting elements".

        Raises
        ------
        InputError
            As `altered`.
        """
        keys = [self.key(edits) for edits in experiments]
        # Runs of a half of the network that each experiment still needs.
        runs = [
            0 if _effects.get(key) is not None else 1 + any(edit.on_inputs for edit in edits)
            for key, edits in zip(keys, experiments, strict=True)
        ]
        before = 2 * any(runs)
        total = max(before + sum(runs), 1)
        count = len(experiments)

        def step(low: int, high: int, text: str) -> Progress | None:
            if progress is None:
                return None
            return lambda fraction, _: progress((low + (high - low) * fraction) / total, text)

        reference = None
        if any(runs):
            reference = self.reference(step(0, before, f"{what or 'Edits'}: reference"))
        done = before
        for i, (key, edits) in enumerate(zip(keys, experiments, strict=True)):
            found = _effects.get(key)
            if found is None:
                reference = reference or self.reference()
                told = step(done, done + runs[i], f"{what or 'Edits'}: {i + 1:,} of {count:,}")
                found = self._run(edits, reference, told)
                _effects.put(key, found)
            done += runs[i]
            yield found
        if progress is not None:
            progress(1.0, f"{what or 'Edits'}: {count:,} of {count:,}")

    def _run(
        self, edits: Sequence[Edit], reference: Prediction, progress: Progress | None
    ) -> Effect:
        edited = apply_edits(self.window, edits)
        other = _others(self.window, edits)
        before = reference.mask
        mean = float(before[~other].mean(dtype=np.float64)) if edits else 0.0
        if edited.on_inputs:
            found = _predictions.get(self.key(edits)) or self._predict(edits, progress)
            moved = float(np.abs(found.mask[other] - before[other]).sum(dtype=np.float64))
            return Effect(reference.expression, found.expression, moved, mean)
        # The mask is known but for its closed bases: nothing else has to be made again or kept.
        mask = np.where(edited.closed, np.float32(0), before)
        expression = reference.expression
        if not np.array_equal(mask, before):
            expression = self.predictor.express(self.window, mask, progress)
        return Effect(reference.expression, expression, 0.0, mean)


def _others(window: Window, edits: Sequence[Edit]) -> NDArray[np.bool_]:
    """Return bool [L]: True at bases that no edit covers."""
    other = np.ones(window.length, np.bool_)
    for edit in edits:
        span = np.array([edit.interval.start, edit.interval.end]) - window.interval.start
        first, last = span.clip(0, window.length)
        other[first:last] = False
    return other
