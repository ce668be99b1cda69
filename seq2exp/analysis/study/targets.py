"""What the coupled model was to reach, and whether it did: computed, seed by seed and over seeds.

Every target is a number of the model, or by how much it exceeds a reference's. Intervals are over
genes; those of differences are paired, as all scores were resampled with the same genes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seq2exp.analysis.evaluate.planted import OPEN_DECOYS
from seq2exp.analysis.evaluate.scores import LEARNED, SIGNAL_ONLY
from seq2exp.analysis.study.plan import Run
from seq2exp.analysis.study.resamples import Resamples, Sample
from seq2exp.tracks.peaks import PeakParameters

#: The system that has the targets.
COUPLED = "seq2exp-coupled"
#: The system whose constants are the published ones.
SOFT = "seq2exp-soft"
MACS3 = f"MACS3 q {PeakParameters().q:g}"

_AUC_OPEN, _AUC_BROKEN = f"element_auc:{OPEN_DECOYS}", "element_auc:broken_motif"
_PRODUCT = "DNase × H3K27ac × contact"


@dataclass(frozen=True)
class Given:
    """What targets are computed from.

    Attributes
    ----------
    resamples : of all scores.
    others : the runs of other systems that are there, by system.
    macs3_ratio : the share of bases in MACS3's peaks.
    """

    resamples: Resamples
    others: dict[str, list[Run]]
    macs3_ratio: float | None

    def fit_of(self, system: str, seed: int) -> Sample | None:
        """Return Pearson's r of a system's run of a seed."""
        for run in self.others.get(system, ()):
            if run.seed == seed:
                return self.resamples.fit(run.id)
        return None

    def mask(self, run: Run, metric: str, smoothed: bool = False) -> Sample | None:
        """Return a number of a run's learned mask."""
        form = "smoothed" if smoothed else "raw"
        ratio = self.macs3_ratio if metric == "f1_at_ratio" else None
        return self.resamples.bases(LEARNED, metric, form, run.id, ratio)  # type: ignore[arg-type]


Ours = Callable[[Given, Run], Sample | None]


@dataclass(frozen=True, kw_only=True)
class Target:
    """One target.

    Attributes
    ----------
    text : what is measured; a difference where there is a reference.
    least : the number that has to be reached (exceeded, where `above`).
    ours, reference : the numbers of a run; `reference` None: there is none.
    disjoint : the intervals of both must not overlap, either; `least` is then 0.
    stretch : beyond what was promised.
    """

    text: str
    least: float
    ours: Ours
    reference: Ours | None = None
    above: bool = True
    disjoint: bool = False
    stretch: bool = False

    @property
    def needed(self) -> str:
        """What has to be reached, in words."""
        text = f"{'>' if self.above else '≥'} {self.least:g}"
        return f"{text}, intervals disjoint" if self.disjoint else text


def _fit(given: Given, run: Run) -> Sample | None:
    return given.resamples.fit(run.id)


def _fit_of(system: str) -> Ours:
    return lambda given, run: given.fit_of(system, run.seed)


def _mask(metric: str, smoothed: bool = False) -> Ours:
    return lambda given, run: given.mask(run, metric, smoothed)


def _signal_only(given: Given, run: Run) -> Sample | None:
    return given.resamples.bases(SIGNAL_ONLY, _AUC_OPEN, "raw", run.id)


def _published_signal_only(given: Given, run: Run) -> Sample | None:
    """Return the number of the published constants, which no seed changes."""
    soft = given.others.get(SOFT, ())
    return _signal_only(given, soft[0]) if soft else None


def _best(score: str) -> Ours:
    return lambda given, run: given.resamples.best(score, "auprc")


def _macs3(given: Given, run: Run) -> Sample | None:
    ratio = given.macs3_ratio
    return given.resamples.bases(MACS3, "f1_at_ratio", "raw", None, ratio)


TARGETS = (
    Target(
        text="Element AUC, causal against open decoys, above that of the signal-only mask with the "
        "published constants",
        least=0.05,
        ours=_mask(_AUC_OPEN),
        reference=_published_signal_only,
        above=False,
    ),
    Target(
        text="Element AUC, causal against open decoys",
        least=0.78,
        ours=_mask(_AUC_OPEN),
    ),
    Target(
        text="AUPRC, smoothed, above that of DNase (raw or smoothed, whichever is better)",
        least=0.10,
        ours=_mask("auprc", smoothed=True),
        reference=_best("DNase"),
        above=False,
    ),
    Target(
        text="F1, smoothed, at the mask ratio of MACS3, above that of MACS3",
        least=0,
        ours=_mask("f1_at_ratio", smoothed=True),
        reference=_macs3,
    ),
    Target(
        text="Pearson r, above that of Caduceus with signals",
        least=-0.02,
        ours=_fit,
        reference=_fit_of("caduceus-signals"),
        above=False,
    ),
    Target(
        text="Element AUC, causal against open decoys, above that of the signal-only mask with the "
        "coupled model's constants",
        least=0.05,
        ours=_mask(_AUC_OPEN),
        reference=_signal_only,
        above=False,
    ),
    Target(
        text=f"AUPRC, smoothed, above that of {_PRODUCT} (raw or smoothed, whichever is better)",
        least=0,
        ours=_mask("auprc", smoothed=True),
        reference=_best(_PRODUCT),
        stretch=True,
    ),
    Target(
        text="Pearson r, above that of Caduceus with signals",
        least=0,
        ours=_fit,
        reference=_fit_of("caduceus-signals"),
        disjoint=True,
        stretch=True,
    ),
    Target(
        text="Pearson r, above that of Caduceus with signals on 2 kb",
        least=0,
        ours=_fit,
        reference=_fit_of("caduceus-signals-2kb"),
        disjoint=True,
        stretch=True,
    ),
    Target(
        text="Element AUC, causal against broken motifs",
        least=0.75,
        ours=_mask(_AUC_BROKEN),
        stretch=True,
    ),
)


@dataclass(frozen=True)
class Outcome:
    """What came of a target: the number with its interval, and whether it is reached."""

    value: float
    low: float
    high: float
    reached: bool


def outcome(target: Target, given: Given, runs: Sequence[Run]) -> Outcome | None:
    """Return what came of a target over the runs of several seeds, or of one.

    Only runs count that have both numbers; None where none does.
    """
    ours, others = [], []
    for run in runs:
        own = target.ours(given, run)
        other = None if target.reference is None else target.reference(given, run)
        if own is None or (target.reference is not None and other is None):
            continue
        ours.append(own)
        if other is not None:
            others.append(other)
    if not ours:
        return None
    mean = Sample.mean(ours)
    sample = mean - Sample.mean(others) if others else mean
    low, high = sample.bounds
    value = round(sample.value, 9)  # what is just reached is not missed by rounding
    reached = value > target.least if target.above else value >= target.least
    if target.disjoint:
        reached = reached and mean.bounds[0] > Sample.mean(others).bounds[1]
    return Outcome(sample.value, low, high, bool(reached))
