"""Seq2Exp (Su et al., ICLR 2025): which bases regulate a gene, and how strongly it is expressed.

A generator reads the sequence and gives every base a Beta distribution of its mask value, which
the signals shift. A predictor reads the masked window and pools its promoter. Shapes: B batch,
L window length, d width. Names of modules are those of the released checkpoints.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from seq2exp.errors import InputError
from seq2exp.model.beta import (
    FLOOR,
    MaskPosterior,
    combine_betas,
    edit_mask,
    sample_beta,
    straight_through,
)
from seq2exp.model.config import ModelConfig
from seq2exp.model.kept import compact, left_out, mean_of_run
from seq2exp.model.mamba import Backbone
from seq2exp.model.scan import check

FEATURES = 9
_TINY = 1e-8  # keeps a Beta parameter above 0 where beta_min is 0


class MaskParameters(NamedTuple):
    """Beta parameters of every base, float32 [B, L]: combined, and those from the generator."""

    alpha: Tensor
    beta: Tensor
    alpha_sequence: Tensor
    beta_sequence: Tensor


class Output(NamedTuple):
    """What one pass through a whole network gives.

    `prediction` [B, 1] is log10(expression + 1); `mask` [B, L] is what was applied, after the
    blacklist and the promoter; `alpha`, `beta` [B, L] are the posterior's, before them. Networks
    without a learned mask give a prediction alone.
    """

    prediction: Tensor
    mask: Tensor | None = None
    alpha: Tensor | None = None
    beta: Tensor | None = None


class Seq2Exp(nn.Module):
    """The network, soft or hard, with the released behaviour unless `config` says otherwise.

    Inputs everywhere: `one_hot` float32 [B, L, 4] (A, C, G, T; N is all zero), `signals` float32
    [B, L, 3] (H3K27ac, DNase, log10(1 + Hi-C contact with the TSS)), `features` float32 [B, 9],
    `blacklist` bool [B, L]. L is even, at least the promoter's length, and the TSS is at L / 2.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        d = config.width

        def backbone(layers: int) -> Backbone:
            return Backbone(d, layers, config.state, config.conv, config.expand, config.init_depth)

        self.seq_input_layer = nn.Linear(4, d)
        self.signal_input_layer = nn.Linear(3, d)
        self.generator = backbone(config.generator_layers)
        self.mask_output = nn.Linear(d, 2)  # index 0 → beta (closed), index 1 → alpha (open)
        self.encoder = None if config.share_backbone else backbone(config.predictor_layers)
        self.pToExpr = nn.Sequential(
            nn.Linear(d + FEATURES, d), nn.ReLU(), nn.Linear(d, d), nn.ReLU(), nn.Linear(d, 1)
        )
        if config.position_embedding:
            self.pos_emb = nn.Parameter(torch.zeros(1, config.window, d))
        weights = torch.tensor(config.signal_weights)
        self.prior_weights = nn.Parameter((weights / weights.sum()).log(), requires_grad=False)
        self.signal_betas = nn.Parameter(torch.tensor(config.signal_betas), requires_grad=False)
        self._given_means = False
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear) and module.bias is not None and "dt_proj" not in name:
                nn.init.zeros_(module.bias)

    def use_scan(self, name: str) -> None:
        """Let generator and predictor run as `Backbone.scan` says of `name`.

        Raises
        ------
        InputError
            The scan of that name cannot run where the network is.
        """
        check(name, self.mask_output.weight.device)
        for network in filter(None, (self.generator, self.encoder)):
            network.scan = name

    @property
    def learns_mask(self) -> bool:
        """Whether training moves the mask."""
        return self.mask_output.weight.requires_grad

    def hold_mask(self, held: bool = True) -> None:
        """Keep the mask, and the embeddings that it shares, as they are in training, or let go.

        What is left to learn is how to predict under it; a mask that is held is not sampled.
        """
        parts = (self.seq_input_layer, self.signal_input_layer, self.generator, self.mask_output)
        for part in parts:
            part.requires_grad_(not held)

    @contextmanager
    def given_means(self, given: bool = True) -> Iterator[None]:
        """Take signals that are running means already, as `smoothed` gives them, in this context.

        Windows that were cut down to some of their bases have to be: their neighbours are not those
        of the genome.
        """
        self._given_means = given
        try:
            yield
        finally:
            self._given_means = False

    # ---- the mask --------------------------------------------------------------------------------

    def posterior_parameters(self, one_hot: Tensor, signals: Tensor) -> MaskParameters:
        """Return the Beta parameters of the mask (Eq. 4-9), before any edit."""
        self._check(one_hot, signals)
        config = self.config
        if config.generator_inputs == "sequence":
            x = self.seq_input_layer(one_hot)  # [B, L, d]
        else:
            x = self._embed(one_hot, signals)
        logits = self.mask_output(self.generator(x)).float()  # [B, L, 2]
        sequence = functional.softplus(logits) + config.beta_min + _TINY
        sequence = running_mean(sequence, config.smooth)
        beta_sequence, alpha_sequence = sequence.unbind(-1)  # [B, L] each
        alpha_signals, beta_signals = self._signal_parameters(signals)
        alpha = combine_betas(alpha_sequence, alpha_signals.sum(-1), config.combine)
        beta = combine_betas(beta_sequence, beta_signals.sum(-1), config.combine)
        scale: Tensor | float = config.z_scale
        if config.strength:
            scale = config.strength / (alpha + beta)
        return MaskParameters(scale * alpha, scale * beta, alpha_sequence, beta_sequence)

    def _signal_parameters(self, signals: Tensor) -> tuple[Tensor, Tensor]:
        """Return each signal's weighted share of alpha [B, L, 3] and of beta [3]."""
        config = self.config
        weights = self.prior_weights.softmax(0)
        alpha = (self._scaled(signals) + config.beta_min) * config.prior_scale + _TINY
        beta = (self.signal_betas + config.beta_min) * config.prior_scale
        return running_mean(weights * alpha, config.smooth), weights * beta

    def signal_mask(self, signals: Tensor) -> Tensor:
        """Return the mask's mean [B, L] with the sequence's part left out; nothing in it learns."""
        each, beta = self._signal_parameters(signals)
        alpha = each.sum(-1)
        return alpha / (alpha + beta.sum(-1))

    def _mask(self, alpha: Tensor, beta: Tensor, blacklist: Tensor | None) -> Tensor:
        """Return the variant's mask [B, L]: sampled where it is learnt, else the mean's."""
        sampled = self.training and self.learns_mask
        soft = self._sample(alpha, beta) if sampled else alpha / (alpha + beta)
        if self.config.variant == "hard":
            soft = straight_through(soft, self.config.threshold)
        return edit_mask(soft, blacklist, self.promoter(alpha.shape[1]))

    def _sample(self, alpha: Tensor, beta: Tensor) -> Tensor:
        """Return a sampled mask [B, L], one value for each block of `sample_block` bases."""
        block, length = self.config.sample_block, alpha.shape[1]
        if block == 1:
            return sample_beta(alpha, beta)
        means = (
            functional.avg_pool1d(value, block, ceil_mode=True).clamp(min=FLOOR)
            for value in (alpha, beta)
        )
        return sample_beta(*means).repeat_interleave(block, 1)[:, :length]

    def promoter(self, length: int) -> slice:
        """Return where the promoter stands in a window of `length` bases."""
        half = self.config.promoter // 2
        return slice(length // 2 - half, length // 2 + half)

    # ---- the prediction --------------------------------------------------------------------------

    def predict(self, one_hot: Tensor, signals: Tensor, features: Tensor, mask: Tensor) -> Tensor:
        """Return log10(expression + 1), [B, 1], of the window under `mask` [B, L] as it stands.

        The soft variant multiplies by the mask. The hard one keeps what is >= its threshold, and
        reads nothing else.
        """
        return self.express(self.pooled(one_hot, signals, mask), features)

    def express(self, pooled: Tensor, features: Tensor) -> Tensor:
        """Return log10(expression + 1), [B, 1], of what `pooled` gives and the features [B, 9]."""
        return self.pToExpr(torch.cat([pooled, features.to(pooled.dtype)], 1)).float()

    def pooled(self, one_hot: Tensor, signals: Tensor, mask: Tensor) -> Tensor:
        """Return what the head reads of windows under `mask` [B, L], [B, d]."""
        self._check(one_hot, signals)
        mask = mask.to(self.mask_output.weight.dtype)  # float32, in mixed precision too
        length = one_hot.shape[1]
        part = self.promoter(length)
        if self.config.variant == "soft":
            return self._read_soft(one_hot, signals, mask)
        keep = mask >= self.config.threshold  # [B, L]
        at = keep.nonzero(as_tuple=True)  # what is dropped costs nothing from here on
        factor = mask[at] if self.config.hard_apply == "compact_ste" else None
        x = self._project(one_hot[at], self._scaled(signals)[at], at[1], length, factor)
        kept, lengths = compact(x, keep, at)  # [B, longest, d], [B]
        hidden = self.reader(kept, lengths if self.config.pad_invariant else None)
        start = keep[:, : part.start].sum(1)  # the promoter follows what its left side keeps
        return mean_of_run(hidden, start, keep[:, part].sum(1))

    @property
    def reader(self) -> Backbone:
        """The network that reads the masked window: its own, or the generator's."""
        return self.generator if self.encoder is None else self.encoder

    def _read_soft(self, one_hot: Tensor, signals: Tensor, mask: Tensor) -> Tensor:
        """Return what the head reads, [B, d], of windows multiplied by their masks [B, L].

        Where most of each mask is closed, as under a hard rule, the layers run near what is open
        alone and know how much lies between: the result is that of whole windows.
        """
        config, part = self.config, self.promoter(mask.shape[1])
        inside, network = config.mask_at == "embedding", self.reader
        distal = self._distal(mask)
        keep = self._near_open(network, mask) if network.leaves_out(one_hot) else None
        if keep is None:
            x = self._embed(one_hot, signals, mask if inside else None)  # [B, L, d]
            rows = part if distal is None else None
            hidden = network(x, rows=rows, gate=None if inside else mask)
            promoter = (hidden if rows else hidden[:, part]).mean(1)  # [B, d]
        else:
            at = keep.nonzero(as_tuple=True)
            x = self._project(
                one_hot[at],
                self._scaled(signals)[at],
                *(at[1], mask.shape[1], mask[at] if inside else None),
            )  # [kept, d]
            kept, lengths = compact(x, keep, at)  # [B, longest, d], [B]

            def rows_of(values: Tensor) -> Tensor:
                return compact(values[at].unsqueeze(-1), keep, at)[0].squeeze(-1)

            gate = None if inside else rows_of(mask)
            hidden = network(kept, lengths, gate=gate, skipped=left_out(keep, at, lengths))
            start = keep[:, : part.start].sum(1)
            promoter = mean_of_run(hidden, start, keep[:, part].sum(1))
            distal = None if distal is None else rows_of(distal)
        if distal is None:
            return promoter
        return promoter + torch.einsum("bl,bld->bd", distal, hidden) / config.pool_bases

    def _distal(self, mask: Tensor) -> Tensor | None:
        """Return how open each base outside the promoter counts, [B, L]; None if none does."""
        least = self.config.pool_above
        if self.config.pooling == "promoter":
            return None
        distal = (mask - least).clamp(min=0) / (1 - least)
        distal[:, self.promoter(mask.shape[1])] = 0
        return distal

    def pooled_part(self, one_hot: Tensor, signals: Tensor, mask: Tensor, part: slice) -> Tensor:
        """Return the share of `pooled` that positions have, read alone, float64 [B, d].

        Nothing reaches them from outside, so only differences between such shares mean something,
        and only of changes that are far enough from the ends of `part`. For the soft variant.

        Parameters
        ----------
        one_hot : Tensor [B, n, 4]
            The bases of the n positions `part`.
        signals, mask : Tensor [1, L, 3] and [1, L]
            Those of the whole window.
        """
        config, length, count = self.config, mask.shape[1], len(one_hot)
        distal = self._distal(mask)
        weight = torch.zeros_like(mask) if distal is None else distal / config.pool_bases
        weight[:, self.promoter(length)] = 1 / config.promoter
        near, inside = mask[:, part].expand(count, -1), config.mask_at == "embedding"
        x = self._project(
            one_hot,
            self._scaled(signals)[:, part].expand(count, -1, -1),
            torch.arange(length, device=mask.device)[part],
            length,
            near if inside else None,
        )  # [B, n, d]
        hidden = self.reader(x, gate=None if inside else near)
        counted = weight[0, part].nonzero().squeeze(1)
        weight = weight[0, part][counted].double()
        return torch.einsum("l,bld->bd", weight, hidden[:, counted].double())

    def _near_open(self, network: Backbone, mask: Tensor) -> Tensor | None:
        """Return which positions [B, L] have to run under a mask; None where it is most of them.

        Those that are open or in reach of one that is, and the promoter, whose hidden states are
        read wherever it is closed, too.
        """
        width = 2 * network.reach + 1
        is_open = (mask > 0).float().unsqueeze(1)
        keep = functional.max_pool1d(is_open, width, 1, network.reach).squeeze(1) > 0
        keep[:, self.promoter(mask.shape[1])] = True
        return keep if keep.sum(1).max() <= mask.shape[1] // 2 else None

    def _embed(self, one_hot: Tensor, signals: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the embedding [B, L, d] of whole windows, multiplied by a mask [B, L]."""
        length = one_hot.shape[1]
        return self._project(one_hot, self._scaled(signals), None, length, mask)

    def _project(
        self,
        one_hot: Tensor,
        signals: Tensor,
        position: Tensor | None,
        length: int,
        mask: Tensor | None,
    ) -> Tensor:
        """Return the embedding [..., d] of sequence, signals and, where there is one, position.

        The signals are those of `_scaled`. A window shorter than the position embedding is its
        central part. `position` [...] says where the rows stand in a window of `length`; without,
        they are whole windows [B, L]. The result is multiplied by `mask` [...], if there is one.
        """
        # One product for the sum of both projections, with the biases as those of an input of 1:
        # the mask then meets eight numbers a base instead of d.
        given = torch.cat([one_hot, signals, torch.ones_like(one_hot[..., :1])], -1)  # [..., 8]
        if mask is not None and not self.config.position_embedding:
            given = given * mask.unsqueeze(-1)
        sequence, signal = self.seq_input_layer, self.signal_input_layer
        bias = (sequence.bias + signal.bias).unsqueeze(1)
        x = functional.linear(given, torch.cat([sequence.weight, signal.weight, bias], 1))
        if self.config.position_embedding:
            left = (self.config.window - length) // 2
            window = self.pos_emb[0, left : left + length]
            x = x + (window if position is None else functional.embedding(position, window))
            if mask is not None:
                x = x * mask.unsqueeze(-1)
        return x

    def _scaled(self, signals: Tensor) -> Tensor:
        scale = self.config.signal_scale
        if not self._given_means:
            signals = smoothed(signals, self.config.signal_smooth)
        if self.config.signal_log:
            signals = torch.cat([signals[..., :2].clamp(min=0).log1p(), signals[..., 2:]], -1)
        return signals if scale == (1, 1, 1) else signals * signals.new_tensor(scale)

    def forward(
        self, one_hot: Tensor, signals: Tensor, features: Tensor, blacklist: Tensor | None = None
    ) -> Output:
        """Run generator, mask and predictor."""
        parameters = self.posterior_parameters(one_hot, signals)
        mask = self._mask(parameters.alpha, parameters.beta, blacklist)
        prediction = self.predict(one_hot, signals, features, mask)
        return Output(prediction, mask, parameters.alpha, parameters.beta)

    # ---- as a result -----------------------------------------------------------------------------

    @torch.no_grad()
    def posterior(
        self, one_hot: Tensor, signals: Tensor, blacklist: Tensor | None = None
    ) -> MaskPosterior:
        """Return the mask's posterior of one window (B = 1) with its evidence, on the CPU.

        Each source's part of alpha includes its constants. Under combine="sum_minus_one" the parts
        are scaled to add up to alpha, as the 1 that is taken off belongs to no source. Where the
        generator sees the signals, what it makes of them counts as sequence.
        """
        found = self.posterior_parameters(one_hot, signals)
        shares = torch.cat(
            [found.alpha_sequence.unsqueeze(-1), self._signal_parameters(signals)[0]], -1
        )  # [1, L, 4]
        evidence = shares * (found.alpha / shares.sum(-1)).unsqueeze(-1)
        length = one_hot.shape[1]
        return MaskPosterior(
            alpha=found.alpha[0].float().cpu().numpy(),
            beta=found.beta[0].float().cpu().numpy(),
            prior=self.config.prior,
            evidence=evidence[0].float().cpu().numpy(),
            forced_open=self.promoter(length),
            closed=(
                np.zeros(length, dtype=np.bool_)
                if blacklist is None
                else blacklist[0].cpu().numpy()
            ),
        )

    def _check(self, one_hot: Tensor, signals: Tensor) -> None:
        length = one_hot.shape[1]
        if length % 2 or length < self.config.promoter:
            raise InputError(
                f"A window of {length:,} bp does not fit this model; use an even length of at "
                f"least {self.config.promoter:,} bp."
            )
        if self.config.position_embedding and length > self.config.window:
            raise InputError(
                f"A window of {length:,} bp does not fit this model, which was made for "
                f"{self.config.window:,} bp; crop it."
            )
        if signals.shape != (*one_hot.shape[:2], 3):
            raise ValueError(f"signals {tuple(signals.shape)} beside {tuple(one_hot.shape)}")


def smoothed(signals: Tensor, widths: Sequence[int]) -> Tensor:
    """Return signals [B, L, 3], each as a running mean over its own width (odd), in bases."""
    if all(width == 1 for width in widths):
        return signals
    parts = zip(signals.split(1, -1), widths, strict=True)
    return torch.cat([running_mean(part, width) for part, width in parts], -1)


def running_mean(values: Tensor, width: int) -> Tensor:
    """Return running means over `width` (odd) bases of [B, L, n], over fewer at the ends."""
    if width == 1:
        return values
    half, length = width // 2, values.shape[1]
    sums = values.double().cumsum(1)  # a pooling layer adds each base `width` times
    none = sums.new_zeros(1).expand(len(sums), half + 1, sums.shape[2])
    up_to = torch.cat([none, sums, sums[:, -1:].expand(-1, half, -1)], 1)  # [B, L + width, n]
    at = torch.arange(length, device=values.device)
    bases = (at + half + 1).clamp(max=length) - (at - half).clamp(min=0)
    return ((up_to[:, width:] - up_to[:, :-width]) / bases.unsqueeze(-1)).to(values.dtype)
