"""What a trained model's card says: the numbers, and the same in plain words made from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seq2exp.training.evaluation import Evaluation, Fit, MaskScores

# Differences below these are called no difference. They are judgements, not tests: a share of the
# mean squared error, and of the area under the precision-recall curve.
SAME_ERROR = 0.02
SAME_AREA = 0.01


@dataclass(frozen=True)
class SplitReport:
    """A model and the simplest predictors on one split.

    Attributes
    ----------
    examples : how many there are.
    fit, mean, linear : of the model, the training mean and a linear fit on the nine features.
    mask : what the model's mask is worth; None for networks without one.
    """

    examples: int
    fit: Fit
    mean: Fit
    linear: Fit
    mask: Evaluation | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the card's metrics of this split."""
        metrics: dict[str, Any] = {
            "examples": self.examples,
            **self.fit.to_dict(),
            "mean_predictor": self.mean.to_dict(),
            "linear_nine_features": self.linear.to_dict(),
        }
        if self.mask is not None:
            metrics["mask_ratio"] = self.mask.mask_ratio
            if self.mask.promoter_only is not None:
                metrics["promoter_only"] = self.mask.promoter_only.to_dict()
            if self.mask.mask_scores is not None:
                metrics["mask"] = self.mask.mask_scores.to_dict()
        return metrics


def summary(
    title: str,
    width: int,
    reports: Mapping[str, SplitReport],
    *,
    soft: bool,
    simulated: bool,
    trained: str,
    seed: int,
) -> str:
    """Return what the model learnt and did not learn, in words made from the numbers alone.

    Parameters
    ----------
    title, width : what system it is, and how wide its network.
    reports : by split, "validation" and, where there is one, "test".
    soft : whether its mask, if it has one, takes values between 0 and 1.
    trained : how it was trained, e.g. "1,000 steps of 8 windows of 16,384 bp".
    """
    kind = "simulated" if simulated else "measured"
    lines = [
        f"{title}, width {width}, trained for {trained} on {kind} data "
        f"(seed {seed}, one run: small differences mean nothing)."
    ]
    for split, report in reports.items():
        lines.append(_prediction(split, report))
    # Choices were made on validation; what generalises is read from the test split where there is.
    split = "test" if "test" in reports else "validation"
    found = reports[split].mask
    if found is None:
        return " ".join(lines)
    if found.promoter_only is not None:
        lines.append(_distal(split, reports[split], found.promoter_only))
    if found.mask_scores is not None:
        lines.append(_mask(split, found.mask_scores, soft, found.mask_ratio))
    else:
        lines.append(
            f"The mask keeps {found.mask_ratio:.1%} of the window on average ({split}); whether it "
            "finds regulatory bases is not known here, as these data have no planted truth."
        )
    return " ".join(lines)


def _number(r: float | None) -> str:
    return "undefined" if r is None else f"{r:.3f}"


def _compare(value: float, other: float, tolerance: float, lower_is_better: bool) -> str:
    """Return "better than", "no better than" or "worse than"."""
    gain = (other - value) if lower_is_better else (value - other)
    if abs(gain) <= tolerance:
        return "no better than"
    return "better than" if gain > 0 else "worse than"


def _prediction(split: str, report: SplitReport) -> str:
    fit = report.fit
    text = (
        f"On {report.examples:,} {split} examples (whole windows) its MSE of log10 "
        f"expression is {fit.mse:.3f}, Pearson r {_number(fit.pearson)}: "
    )
    parts = [
        f"{_compare(fit.mse, base.mse, SAME_ERROR * base.mse, True)} {name} ({base.mse:.3f})"
        for name, base in (
            ("predicting the training mean", report.mean),
            ("a linear fit on the nine features", report.linear),
        )
    ]
    return text + " and ".join(parts) + "."


def _distal(split: str, report: SplitReport, promoter_only: Fit) -> str:
    whole, closed = report.fit.mse, promoter_only.mse
    if closed > report.mean.mse:
        # Training never closed a whole window; such an error is no measure of what lies there.
        verdict = (
            "worse than the training mean: such a mask is foreign to it, so this does not tell how "
            "much the prediction owes to bases outside the promoter"
        )
    else:
        verdict = {
            "better than": "so the prediction uses bases outside the promoter",
            "no better than": "so the prediction does not rest on bases outside the promoter",
            "worse than": "so what it takes from bases outside the promoter does not help",
        }[_compare(whole, closed, SAME_ERROR * closed, True)]
    return (
        f"With everything outside the promoter masked, its {split} MSE is {closed:.3f} instead of "
        f"{whole:.3f}, {verdict}."
    )


def _mask(split: str, scores: MaskScores, soft: bool, ratio: float) -> str:
    kept = "mean mask value" if soft else "share of bases kept"
    anchors = [
        f"{_compare(scores.mask, area, SAME_AREA, False)} {name} alone ({area:.3f})"
        for name, area in scores.anchors.items()
    ]
    before = ""
    if scores.untrained is not None:
        versus = _compare(scores.mask, scores.untrained, SAME_AREA, False)
        before = f"{versus} the same network before training ({scores.untrained:.3f}), "
    return (
        f"The mask ({kept} {ratio:.1%}) as a map of the planted causal elements ({split}, "
        f"{scores.causal:.1%} of bases outside promoters): area under the precision-recall curve "
        f"{scores.mask:.3f}, {before}{' and '.join(anchors)}."
    )
