"""What is minimised, and how the step size runs: the paper's objective, schedule and decay groups.

The loss is smooth-L1 (beta 1) on log10(expression + 1) plus the KL divergence from the mask's Beta
posterior to its Beta prior (Seq2Exp, Eq. 3 and its supplement's training settings).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from seq2exp.model.beta import kl_beta
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Output

# Constants of the published training: see `schedule` and `parameter_groups`.
PEAK_LR = 5e-4
WEIGHT_DECAY = 1e-6
ADAM_BETAS = (0.9, 0.95)
GRADIENT_CLIP = 1.0
WARM_UP = 0.1
START_OVER_PEAK = 0.02
FLOOR_OVER_PEAK = 0.2


@dataclass(frozen=True)
class Loss:
    """One batch's loss and its parts, each a scalar tensor.

    Attributes
    ----------
    total : what is minimised: `prediction` + `sparsity`.
    prediction : smooth-L1 of the predicted expression.
    sparsity : what the mask's sparsity costs, with its weight; None for networks without a mask.
    continuity : mean absolute step of the mask between neighbours; logged, never minimised.
    """

    total: Tensor
    prediction: Tensor
    sparsity: Tensor | None = None
    continuity: Tensor | None = None


def objective(
    output: Output,
    label: Tensor,
    config: Any,
    progress: float = 1.0,
    weight: Tensor | None = None,
) -> Loss:
    """Return the training loss of a batch.

    Parameters
    ----------
    output : what the network gave. All positions of its posterior count, padding, blacklist and
        promoter too, as published: the edits come after the posterior.
    label : measured log10(expression + 1), [B, 1].
    config : the network's `ModelConfig`; not read where the network has no mask.
    progress : how far the phase of training is, 0 to 1; the published objective is the same
        throughout.
    weight : [B, L], how many bases each position stands for; None: one each.
    """
    fit = functional.smooth_l1_loss(output.prediction.float(), label.float(), beta=1.0)
    if output.mask is None:
        return Loss(fit, fit)
    cost = sparsity(output, config, progress, weight)
    return Loss(fit + cost, fit, cost, continuity(output.mask.detach()))


def sparsity(
    output: Output, config: ModelConfig, progress: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Return what the mask's sparsity costs, a scalar.

    `config.kl_weight` times the mean KL divergence per position (nats) from the posterior to its
    prior (Eq. 3; published weight 0.01). Under ``sparsity="ratio"`` instead `config.ratio_weight`
    times the square of how far the mean of the mask is from its target, as a share of the target;
    the target falls from `config.ratio_start` to `config.ratio` while the ramp lasts.

    The ramp is the stretch `config.ramp` of a phase of training. Before it there is no KL; along it
    the KL's weight rises to its full value. The published one has no ramp.
    """
    assert output.alpha is not None and output.beta is not None
    alpha, beta = output.alpha.float(), output.beta.float()
    begin, end = config.ramp
    along = 1.0 if progress >= end else max(0.0, (progress - begin) / (end - begin))
    if config.sparsity == "kl":
        return config.kl_weight * along * _mean(kl_beta(alpha, beta, *config.prior), weight)
    target = config.ratio_start * (config.ratio / config.ratio_start) ** along
    return config.ratio_weight * (_mean(alpha / (alpha + beta), weight) / target - 1) ** 2


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    return values.mean() if weight is None else (values * weight).sum() / weight.sum()


def continuity(mask: Tensor) -> Tensor:
    """Return the mean of abs(m_i - m_(i+1)) over B and L + 1 steps, the ends being replicated.

    The two steps at the ends are 0 and count in the mean, as in the released code.
    """
    return mask.diff(dim=-1).abs().sum(-1).div(mask.shape[-1] + 1).mean()


def schedule(
    step: int,
    steps: int = 50_000,
    peak: float = PEAK_LR,
    start: float | None = None,
    floor: float | None = None,
    warm_up: float = WARM_UP,
) -> float:
    """Return the learning rate of optimiser step `step` (0, 1, …): linear warm-up, then a cosine.

    Parameters
    ----------
    steps : length of the run; warm-up takes the first ``warm_up * steps`` of them.
    peak, start, floor : rate at the end of the warm-up, at step 0, and at the end; `start` and
        `floor` default to the published proportions of the peak (1e-5 and 1e-4 of 5e-4).
    """
    start = peak * START_OVER_PEAK if start is None else start
    floor = peak * FLOOR_OVER_PEAK if floor is None else floor
    rise = int(warm_up * steps)
    if step < rise:
        return start + step * (peak - start) / rise
    if step >= steps:
        return floor
    return floor + 0.5 * (peak - floor) * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


def parameter_groups(model: nn.Module, weight_decay: float = WEIGHT_DECAY) -> list[dict]:
    """Return AdamW's two groups: what decays, and what does not.

    Every parameter named ``*bias``, ``A_log`` or ``D``, and the parameters of LayerNorm, BatchNorm
    and Embedding modules, do not decay; RMSNorm weights, convolutions and the position embedding
    do, as in the released training. Frozen parameters are in neither.
    """
    exempt = set(_undecayed(model))
    decayed: list[nn.Parameter] = []
    undecayed: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (undecayed if name in exempt else decayed).append(parameter)
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": undecayed, "weight_decay": 0.0},
    ]


def _undecayed(model: nn.Module) -> Iterator[str]:
    """Yield the names of the parameters without weight decay."""
    kinds = (nn.LayerNorm, nn.Embedding, nn.modules.batchnorm._BatchNorm)
    for prefix, module in model.named_modules():
        for leaf, _ in module.named_parameters(recurse=False):
            if leaf.endswith("bias") or leaf in ("A_log", "D") or isinstance(module, kinds):
                yield f"{prefix}.{leaf}" if prefix else leaf
