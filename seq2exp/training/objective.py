"""What is minimised, and how the step size runs: the paper's objective, schedule and decay groups.

The loss is smooth-L1 (beta 1) on log10(expression + 1) plus the KL divergence from the mask's Beta
posterior to its Beta prior (Seq2Exp, Eq. 3 and its supplement's training settings).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from seq2exp.model.beta import kl_beta

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
    total : smooth-L1 + ``kl_weight`` · KL; what is minimised.
    prediction : smooth-L1 of the predicted expression.
    kl : mean KL divergence per position (nats), before its weight.
    continuity : mean absolute step of the mask between neighbours; logged, never minimised.
    """

    total: Tensor
    prediction: Tensor
    kl: Tensor
    continuity: Tensor


def objective(
    prediction: Tensor,
    label: Tensor,
    alpha: Tensor,
    beta: Tensor,
    mask: Tensor,
    *,
    prior: tuple[float, float],
    kl_weight: float,
) -> Loss:
    """Return the training loss of a batch.

    Parameters
    ----------
    prediction, label : predicted and measured log10(expression + 1), [B, 1].
    alpha, beta : parameters of the mask's posterior at every position, [B, L]. All positions count,
        padding, blacklist and promoter too, as published: the edits come after the posterior.
    mask : the mask that was applied, [B, L].
    prior : (a0, b0) of the Beta prior.
    kl_weight : weight of the KL term (published: 0.01).
    """
    fit = functional.smooth_l1_loss(prediction.float(), label.float(), beta=1.0)
    kl = kl_beta(alpha.float(), beta.float(), *prior).mean()
    return Loss(fit + kl_weight * kl, fit, kl, continuity(mask.detach()))


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
