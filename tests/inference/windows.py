"""Small windows made in memory, and small networks with their files."""

from dataclasses import replace

import numpy as np
import torch

from seq2exp.genome.annotation import Gene, Transcript
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import Window
from seq2exp.model.checkpoint import save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp

TSS = 1_000_000
PROMOTER = 200


def make_window(length=1200, seed=0, **changes):
    rng = np.random.default_rng(seed)
    transcript = Transcript("T1", TSS, TSS + 500, ((TSS, TSS + 500),), None, True)
    gene = Gene("ENSG1", "GENE1", "chr1", TSS, TSS + 500, "+", TSS, "protein_coding", (transcript,))
    blacklist = np.zeros(length, dtype=np.bool_)
    blacklist[100:160] = True
    window = Window(
        gene=gene,
        cell="K562",
        interval=Interval("chr1", TSS - length // 2, TSS + length // 2),
        codes=rng.integers(0, 5, length).astype(np.uint8),
        signals=rng.gamma(1.0, 1.5, (length, 3)).astype(np.float32),
        blacklist=blacklist,
        features=rng.normal(size=9).astype(np.float32),
        label=1.5,
        label_name="CAGE",
        pad_left=0,
        pad_right=0,
        contact_source="test",
    )
    return replace(window, **changes)


def make_model(path, variant="soft", seed=0, spoil=None, **changes):
    """Write a tiny random network whose mask varies along the window; return it."""
    maker = ModelConfig.soft if variant == "soft" else ModelConfig.hard
    torch.manual_seed(seed)
    config = maker("tiny", window=1200, promoter=PROMOTER, **changes)
    model = Seq2Exp(config).eval()
    with torch.no_grad():
        model.mask_output.weight.mul_(8)
        # Freshly initialised layers hardly feel the mask; masks that differ must be told apart.
        factors = {"out_proj": 20, "x_proj": 6, "pToExpr": 3, "A_log": 0.1}
        for name, weight in model.named_parameters():
            weight.mul_(next((f for part, f in factors.items() if part in name), 1))
        if spoil is not None:
            spoil(model)
    card = {"id": path.stem, "title": path.stem, "variant": variant, "config": config.to_dict()}
    save_model(path, model, card)
    return model
