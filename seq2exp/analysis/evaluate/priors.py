"""How near tilting a trained mask to another prior comes to training with that prior."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2exp.analysis.evaluate.metrics import BaseCounts, Floats, bin_edges, estimate
from seq2exp.analysis.evaluate.outputs import Masks, Network
from seq2exp.analysis.evaluate.planted import Planted
from seq2exp.analysis.evaluate.truth import Tell
from seq2exp.datasets.catalog import Dataset
from seq2exp.genome.window import PROMOTER
from seq2exp.model.beta import BetaPrior
from seq2exp.training.examples import Examples

_OF_THE_PRIOR = ("prior_mean", "prior_strength")
_STRIDE = 16


@dataclass(frozen=True)
class Trained:
    """A network that was trained with some prior, and its masks."""

    network: Network
    masks: Masks

    @property
    def prior(self) -> BetaPrior:
        """The prior of its training."""
        config: Any = self.network.network.config
        return config.prior


def sweeps(networks: Sequence[Network]) -> list[list[Network]]:
    """Return the groups of networks that differ in their prior alone, by their cards.

    A group has one system, seed, data set and configuration but for the prior, and at least two
    priors.
    """
    groups: dict[str, list[Network]] = defaultdict(list)
    for network in networks:
        if not network.has_mask:
            continue
        config: Any = network.network.config
        rest = {k: value for k, value in config.to_dict().items() if k not in _OF_THE_PRIOR}
        dataset = (network.card.get("dataset") or {}).get("digest")
        groups[repr((network.model, network.seed, dataset, sorted(rest.items())))].append(network)

    def priors(group: Sequence[Network]) -> set[BetaPrior]:
        configs: list[Any] = [network.network.config for network in group]
        return {config.prior for config in configs}

    return [group for group in groups.values() if len(priors(group)) > 1]


def sweep_rows(
    group: Sequence[Trained],
    dataset: Dataset,
    examples: Examples,
    planted: Planted | None,
    split: str,
    progress: Tell,
) -> list[dict[str, Any]]:
    """Compare each network's mask, tilted to the prior of each other one, with that one's mask.

    A prior has a mean and a strength, a + b. Tilted is to both of the other network's, and, where
    its strength is another, to its mean alone, as the app's slider does.

    Returns
    -------
    list of dict
        One row an ordered pair and tilt, and one for each network with itself (no tilt): model,
        model_id, seed, prior_mean and prior_strength of the tilted network, other_id of the one it
        stands beside, to_mean and to_strength of the prior tilted to, split, correlation (Pearson's
        r of the means, over the bases on the chromosome outside promoters), untilted_correlation
        (before the tilt), tilted_ratio and trained_ratio (mean of the means there), auprc_tilted
        and auprc_trained (None without planted truth).
    """
    areas = {
        one.network.id: _area(one.masks, None, planted) for one in group if planted is not None
    }
    pairs = [(one, other) for one in group for other in group]
    rows = []
    for number, (one, other) in enumerate(pairs):
        priors = _priors(one.prior, other.prior)
        tilts = [None if one is other else (one.prior, to) for to in priors]
        # Of products of 1, the one's mean and the other's: before any tilt, and after each.
        before, *after = np.zeros((1 + len(tilts), 3, 3))
        for i in range(len(examples)):
            counted = _counted(dataset, examples, i)
            trained = other.masks.mean(i)[counted].astype(np.float64)
            for total, prior in zip((before, *after), (None, *tilts), strict=True):
                mean = one.masks.mean(i, prior)[counted].astype(np.float64)
                values = np.stack([np.ones_like(mean), mean, trained])
                total += values @ values.T
            progress((number + (i + 1) / len(examples)) / len(pairs))
        for to, tilt, sums in zip(priors, tilts, after, strict=True):
            rows.append(
                {
                    **one.network.label,
                    "prior_mean": one.prior.mean,
                    "prior_strength": one.prior.strength,
                    "other_id": other.network.id,
                    "to_mean": to.mean,
                    "to_strength": to.strength,
                    "split": split,
                    "correlation": _correlation(sums),
                    "untilted_correlation": _correlation(before),
                    "tilted_ratio": float(sums[0, 1] / sums[0, 0]),
                    "trained_ratio": float(sums[0, 2] / sums[0, 0]),
                    "auprc_tilted": None if planted is None else _area(one.masks, tilt, planted),
                    "auprc_trained": areas.get(other.network.id),
                }
            )
    return rows


def _priors(own: BetaPrior, other: BetaPrior) -> list[BetaPrior]:
    """Return what to tilt to: the other prior, and its mean at one's own strength."""
    if math.isclose(own.strength, other.strength):
        return [other]
    return [other, BetaPrior.from_mean(other.mean, own.strength)]


def _counted(dataset: Dataset, examples: Examples, i: int) -> NDArray[np.bool_]:
    """Return which bases of a window are on the chromosome and outside the promoter."""
    example, length = examples.table[i], examples.length
    counted = np.zeros(length, dtype=bool)
    counted[max(0, -example.start) : dataset.lengths[example.chrom] - example.start] = True
    counted[(length - PROMOTER) // 2 : (length + PROMOTER) // 2] = False
    return counted


def _correlation(sums: Floats) -> float | None:
    """Return Pearson's r from the sums of the products of 1, x and y."""
    n, x, y = sums[0]
    spread = (sums[1, 1] - x * x / n) * (sums[2, 2] - y * y / n)
    return float((sums[1, 2] - x * y / n) / np.sqrt(spread)) if spread > 0 else None


def _area(masks: Masks, tilt: tuple[BetaPrior, BetaPrior] | None, planted: Planted) -> float | None:
    """Return the AUPRC of a mask as a map of the planted causal bases."""
    count = len(planted.examples)
    sample = [
        masks.mean(i, tilt)[planted.bases(i)[1]][i % _STRIDE :: _STRIDE] for i in range(count)
    ]
    bases = BaseCounts.empty(bin_edges(np.concatenate(sample)), 1)
    for i in range(count):
        causal, counted = planted.bases(i)
        bases.add(0, masks.mean(i, tilt)[counted], causal[counted])
    return estimate(bases.average_precision(np.ones((1, 1)))).value
