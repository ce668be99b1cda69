"""Caduceus on the whole window, from the sequence or from sequence and signals: no mask.

Schiff et al. 2024, as Seq2Exp's authors ran it: without its reverse-complement parts, so that it is
the very backbone of Seq2Exp. On a window of 2 kb it is the control that shows what distal bases are
worth.
"""

import torch
from torch import Tensor, nn

from seq2exp.genome.window import SIGNALS
from seq2exp.model.baselines.config import BaselineConfig
from seq2exp.model.baselines.head import Baseline, zero_biases
from seq2exp.model.mamba import Backbone


class Caduceus(Baseline):
    """Linear embedding, backbone, mean over the promoter, head.

    Under the name "caduceus" the network sees the sequence, under "caduceus-signals" the signals
    beside it.
    """

    def __init__(self, config: BaselineConfig) -> None:
        width = config.width
        super().__init__(config, width)
        self.reads_signals = config.name == "caduceus-signals"
        self.input_layer = nn.Linear(4 + len(SIGNALS) * self.reads_signals, width)
        self.caduceus = Backbone(
            width, config.layers, state=16, conv=4, expand=2, init_depth=config.layers
        )
        zero_biases(self)

    def embed(self, one_hot: Tensor, signals: Tensor, peaks: Tensor | None) -> Tensor:
        """Return the mean hidden state of the promoter, [B, d]."""
        given = torch.cat([one_hot, signals], -1) if self.reads_signals else one_hot
        x = self.input_layer(given)  # [B, L, d]
        return self.caduceus(x, rows=self.promoter(x.shape[1])).mean(1)
