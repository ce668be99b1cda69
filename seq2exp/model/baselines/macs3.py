"""Seq2Exp's predictor under the peak track of MACS3 in place of a learned mask (its Table 2)."""

from torch import Tensor, nn

from seq2exp.genome.window import SIGNALS
from seq2exp.model.baselines.config import BaselineConfig
from seq2exp.model.baselines.head import Baseline, zero_biases
from seq2exp.model.mamba import Backbone

# As Seq2Exp's backbones start; see `ModelConfig.init_depth`.
_INIT_DEPTH = 64


class PeakMasked(Baseline):
    """Embedding ∘ peaks, backbone, mean over the promoter, head.

    As published, the peaks are the mask as they stand: the promoter is not opened and the blacklist
    not closed.
    """

    needs_peaks = True

    def __init__(self, config: BaselineConfig) -> None:
        width = config.width
        super().__init__(config, width)
        self.seq_input_layer = nn.Linear(4, width)
        self.signal_input_layer = nn.Linear(len(SIGNALS), width)
        self.encoder = Backbone(
            width, config.layers, state=16, conv=4, expand=2, init_depth=_INIT_DEPTH
        )
        zero_biases(self)

    def embed(self, one_hot: Tensor, signals: Tensor, peaks: Tensor | None) -> Tensor:
        """Return the mean hidden state of the promoter, [B, d]."""
        assert peaks is not None
        x = self.seq_input_layer(one_hot) + self.signal_input_layer(signals)  # [B, L, d]
        x = x * peaks.to(one_hot.dtype).unsqueeze(-1)  # float32 in mixed precision
        return self.encoder(x, rows=self.promoter(x.shape[1])).mean(1)
