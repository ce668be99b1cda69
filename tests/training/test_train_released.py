"""Training straight from the authors' data folder."""

from pathlib import Path

import numpy as np
import pytest
from released_folder import GENES, make_released

from seq2exp import cli
from seq2exp.datasets.catalog import Dataset
from seq2exp.model.checkpoint import load_any


def test_the_authors_folder_is_a_data_set(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = make_released(tmp_path / "GeneExp")
    out = tmp_path / "m.safetensors"
    words = f"train --model macs3 --preset tiny --dataset {made.root} --out {out} --cell K562"
    words += " --steps 3 --batch-size 2 --validate-every 2 --set window=8192 --accelerator cpu"
    with pytest.raises(SystemExit) as end:
        cli.main(words.split())
    assert end.value.code == 0
    assert capfd.readouterr().out.strip() == str(out)
    card = load_any(out)[1]
    dataset = Dataset.load(made.root)
    assert card["dataset"] == {"name": dataset.name, "digest": dataset.digest, "simulated": False}
    # Training is on chr1, validation on chr3, testing on chr22 and chrX, as published.
    counts = [card["training"]["examples"], *(m["examples"] for m in card["metrics"].values())]
    assert counts == [2, 1, 2]
    labels = [
        np.log10(made.numbers[name, "K562_CAGE_128*3_sum"] + 1)
        for name, (_, chrom, *_) in GENES.items()
        if chrom == "chr1" and name not in ("SKIPPED", "OUTSIDE")
    ]
    assert card["label_range"] == pytest.approx([min(labels), max(labels)], rel=1e-5)
    assert "on measured data" in card["summary"]
