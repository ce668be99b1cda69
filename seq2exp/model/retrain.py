"""Seq2Exp-retrain: a new predictor under the hard mask of a trained soft network, which is frozen.

The mask keeps the tenth of the window whose means are highest (the paper's Table 2). Of windows cut
down for training a tenth would hardly be more than the promoter, and cut down to their open bases
they should keep more: there the mask keeps the means from `ModelConfig.threshold` on, which is what
a tenth of whole windows takes on average. Names of modules are those of the released code.
"""

from typing import Any

import torch
from torch import Tensor

from seq2exp.errors import InputError
from seq2exp.model.beta import edit_mask
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import MaskParameters, Seq2Exp

TOP = 0.1
"""Share of the window's bases that the mask keeps, the promoter's among them."""

_OF_THE_MASK = ("generator", "mask_output", "prior_weights", "signal_betas")
_OF_THE_PREDICTOR = ("encoder", "pToExpr")


class Retrained(Seq2Exp):
    """Predictor with embeddings of its own, and the frozen network that makes its mask.

    Attributes
    ----------
    mask_model
        Embeddings, generator and head of the soft network, without gradients.
    """

    def __init__(self, config: ModelConfig) -> None:
        if config.variant != "soft" or config.share_backbone:
            raise InputError(
                "Seq2Exp-retrain needs the mask of a soft network with a generator of its own; "
                "name one of those."
            )
        super().__init__(config)
        self.mask_model = Seq2Exp(config)
        for network, names in (
            (self, _OF_THE_MASK),
            (self.mask_model, _OF_THE_PREDICTOR),
        ):
            for name in names:
                delattr(network, name)
        self.mask_model.requires_grad_(False)

    @classmethod
    def of(cls, source: Seq2Exp) -> "Retrained":
        """Return a network with fresh predictor weights under the mask of a trained one.

        Raises
        ------
        InputError
            The source has no soft mask of its own.
        """
        if isinstance(source, cls):
            raise InputError(
                "A Seq2Exp-retrain has taken its mask from elsewhere; name the soft model it is of."
            )
        model = cls(source.config)
        wanted = model.mask_model.state_dict()
        model.mask_model.load_state_dict(
            {name: value for name, value in source.state_dict().items() if name in wanted}
        )
        return model

    def __getattr__(self, name: str) -> Any:
        """Return the parts that make the mask from the network that has them."""
        if name in _OF_THE_MASK and "mask_model" in self._modules:
            return getattr(self.mask_model, name)
        return super().__getattr__(name)

    def posterior_parameters(self, one_hot: Tensor, signals: Tensor) -> MaskParameters:
        """Return the Beta parameters of the frozen network's mask."""
        with torch.no_grad():
            return self.mask_model.posterior_parameters(one_hot, signals)

    def _mask(self, alpha: Tensor, beta: Tensor, blacklist: Tensor | None) -> Tensor:
        """Return the mask [B, L] of 0 and 1; of whole windows as `MaskPosterior.top` has it."""
        length = alpha.shape[1]
        promoter = self.promoter(length)
        mean = edit_mask(alpha / (alpha + beta), blacklist, promoter)
        if length < self.config.window:
            mask = (mean >= self.config.threshold).to(mean.dtype)
        else:
            order = mean.argsort(dim=1, descending=True, stable=True)
            keep = int(round(TOP * length, 6))
            mask = torch.zeros_like(mean).scatter_(1, order[:, :keep], 1.0)
        return edit_mask(mask, blacklist, promoter)
