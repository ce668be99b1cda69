"""The Beta mask: how sources combine, the KL to the prior, sampling; the posterior as a result.

Every base's mask value m is Beta(alpha, beta); alpha counts for "open", beta for "closed". The
first half is differentiable torch code for the network; the second is numpy, for what follows it.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special
from torch import Tensor

from seq2exp.errors import InputError

Combine = Literal["sum", "sum_minus_one"]
Floats = NDArray[np.float32]

#: The smallest alpha or beta: below it a Beta is a point mass at 0 or 1 for every purpose here.
FLOOR = 1e-3

#: The columns of `MaskPosterior.evidence`.
SOURCES = ("sequence", "H3K27ac", "DNase", "Hi-C")


class BetaPrior(NamedTuple):
    """A Beta(a, b) prior of the mask, the same at every base."""

    a: float
    b: float

    @classmethod
    def from_mean(cls, mean: float, strength: float) -> "BetaPrior":
        """Return the prior with this mean and this strength a + b (pseudo-observations)."""
        if not 0 < mean < 1:
            raise InputError(f"The prior mean {mean:g} is not between 0 and 1; try 0.1.")
        if not 0 < strength < float("inf"):
            raise InputError(f"The prior strength {strength:g} is not above 0; try 100.")
        return cls(mean * strength, (1 - mean) * strength)

    @property
    def mean(self) -> float:
        """The share of bases that is expected to be open."""
        return self.a / (self.a + self.b)

    @property
    def strength(self) -> float:
        """Sum a + b: the larger, the harder the prior is to move."""
        return self.a + self.b


# --- torch: what the network is made of and trained with ------------------------------------------


def combine_betas(first: Tensor, second: Tensor, rule: Combine = "sum") -> Tensor:
    """Combine one parameter (alpha, or beta) of two Beta densities over the same mask.

    Parameters
    ----------
    first, second : Tensor, the same shape
        The parameter in either density, positive.
    rule : str
        "sum" is the released code. "sum_minus_one" is the paper (Eq. 6, Prop. 2): the parameter of
        the normalised product of the two densities, floored where the product has no integral.
    """
    if rule == "sum":
        return first + second
    return (first + second - 1).clamp(min=FLOOR)


def kl_beta(alpha: Tensor, beta: Tensor, a0: float, b0: float) -> Tensor:
    """Return KL(Beta(alpha, beta) ‖ Beta(a0, b0)) in nats, element by element.

    Its mean over all positions, padding and edited ones included, is the sparsity term of the
    objective (Eq. 3).
    """
    prior = torch.tensor([a0, b0], dtype=torch.float64)
    log_prior = (torch.lgamma(prior).sum() - torch.lgamma(prior.sum())).item()
    total = alpha + beta
    log_posterior = torch.lgamma(alpha) + torch.lgamma(beta) - torch.lgamma(total)
    return (
        log_prior
        - log_posterior
        + (alpha - a0) * torch.digamma(alpha)
        + (beta - b0) * torch.digamma(beta)
        + (a0 + b0 - total) * torch.digamma(total)
    )


def sample_beta(alpha: Tensor, beta: Tensor) -> Tensor:
    """Draw one m ~ Beta(alpha, beta) per element, differentiable (implicit reparameterisation)."""
    return torch.distributions.Beta(alpha, beta, validate_args=False).rsample()


def straight_through(soft: Tensor, threshold: float) -> Tensor:
    """Return 1 where soft >= threshold, else 0; the gradient passes as if nothing had been done.

    The difference of equal numbers is taken first, so the values are exactly 0 and 1 at any
    threshold.
    """
    hard = (soft >= threshold).to(soft.dtype)
    return hard + (soft - soft.detach())


def edit_mask(mask: Tensor, blacklist: Tensor | None, promoter: slice) -> Tensor:
    """Close the blacklist, then open the promoter, which therefore wins; no gradient there.

    Parameters
    ----------
    mask : Tensor [batch, length]
    blacklist : bool Tensor [batch, length] or None
    promoter : slice of positions
    """
    if blacklist is not None:
        mask = mask.masked_fill(blacklist, 0.0)
    forced = torch.zeros(mask.shape[-1], dtype=torch.bool, device=mask.device)
    forced[promoter] = True
    return mask.masked_fill(forced, 1.0)


# --- numpy: the posterior of one window, as a result ----------------------------------------------


@dataclass(frozen=True, eq=False)
class MaskPosterior:
    """What the network believes about the mask of one window of L bases.

    Attributes
    ----------
    alpha, beta : float32 [L]
        Parameters of each base's Beta distribution, before any edit.
    prior : BetaPrior
        The prior they stand under: the one of training, or of the last `retilt`.
    evidence : float32 [L, 4]
        What each of `SOURCES` contributes to alpha, with its constants; the rows sum to alpha.
    forced_open : slice
        The promoter, which every mask keeps.
    closed : bool [L]
        The blacklist, which no mask keeps (outside the promoter).
    """

    alpha: Floats
    beta: Floats
    prior: BetaPrior
    evidence: Floats
    forced_open: slice
    closed: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return L."""
        return len(self.alpha)

    @property
    def mean(self) -> Floats:
        """Posterior mean alpha / (alpha + beta) of each base, unedited, float32 [L]."""
        return self.alpha / (self.alpha + self.beta)

    def quantile(self, q: float, where: slice | NDArray[np.intp] | None = None) -> Floats:
        """Return the `q` quantile of the bases `where` (all by default), unedited, float32.

        A 90 % credible band is ``quantile(0.05)`` to ``quantile(0.95)``. The inverse of the
        incomplete Beta function costs about a microsecond a base, so ask for what is shown.
        """
        part = slice(None) if where is None else where
        alpha, beta = self.alpha[part].astype(np.float64), self.beta[part].astype(np.float64)
        return special.betaincinv(alpha, beta, q).astype(np.float32)

    def shares(self) -> Floats:
        """Return each source's share of alpha, float32 [L, 4]; the rows sum to 1."""
        return self.evidence / self.alpha[:, None]

    def retilt(self, prior: BetaPrior) -> "MaskPosterior":
        """Return the posterior under another prior, without running the network again.

        At the optimum of the objective the posterior is prior × exp(-loss / weight), so a new
        prior only tilts it: q'(m) ∝ q(m) · p'(m) / p(m). For Betas that is alpha + (a' - a) and
        beta + (b' - b). Where such a product has no integral (see `improper`) the parameter stops
        at `FLOOR`, and the mean near that end of the scale. The sources' shares of alpha stay.
        """
        alpha = self.alpha + np.float32(prior.a - self.prior.a)
        beta = self.beta + np.float32(prior.b - self.prior.b)
        alpha = np.maximum(alpha, np.float32(FLOOR))
        return replace(
            self,
            alpha=alpha,
            beta=np.maximum(beta, np.float32(FLOOR)),
            prior=prior,
            evidence=self.evidence * (alpha / self.alpha)[:, None],
        )

    def improper(self, prior: BetaPrior) -> float:
        """Return the share of bases for which `retilt` to this prior has to stop at the floor."""
        low = (self.alpha + (prior.a - self.prior.a) < FLOOR) | (
            self.beta + (prior.b - self.prior.b) < FLOOR
        )
        return float(low.mean())

    def edit(self, mask: NDArray) -> Floats:
        """Return a copy of `mask` [L] with the blacklist closed and then the promoter open."""
        edited = np.where(self.closed, np.float32(0), mask.astype(np.float32))
        edited[self.forced_open] = 1
        return edited

    def soft(self) -> Floats:
        """Return the mask of means, edited, float32 [L] in [0, 1]."""
        return self.edit(self.mean)

    def hard(self, threshold: float = 0.5) -> Floats:
        """Return the mask that keeps means >= `threshold`, edited, float32 [L] of 0 and 1."""
        return self.edit(self.mean >= np.float32(threshold))

    def top(self, fraction: float) -> Floats:
        """Return the mask that keeps the `fraction` of bases with the highest edited mean.

        The rule of the paper's retraining: the promoter's ones count among the int(fraction · L)
        that are kept, the leftmost of equals goes first. A fraction smaller than the promoter
        leaves the promoter alone.
        """
        if not 0 <= fraction <= 1:
            raise InputError(f"The fraction {fraction:g} of bases to keep is not in 0..1; try 0.1.")
        keep = int(round(fraction * len(self), 6))
        order = np.argsort(-self.soft(), kind="stable")
        mask = np.zeros(len(self), dtype=np.float32)
        mask[order[:keep]] = 1
        return self.edit(mask)
