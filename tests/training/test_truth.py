"""Planted truth: which bases of an example count as causal, and which are scored."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from seq2exp.training.examples import Example
from seq2exp.training.truth import planted_truth

ONE, TWO = "SIMG00000000001", "SIMG00000000002"


def dataset(folder: Path) -> SimpleNamespace:
    """A stand-in with what `planted_truth` reads of a data set."""
    pairs = [
        (ONE, "a", "E1", "causal", 0.2),
        (ONE, "a", "E2", "ctcf", 0.0),
        (ONE, "b", "E2", "causal", 0.1),
        (TWO, "a", "E3", "causal", 0.3),
        (ONE, "a", "E4", "causal", 0.1),
    ]
    spans = [("E1", 100, 160), ("E2", 300, 340), ("E3", 400, 440), ("E4", 4_980, 5_200)]
    names = ["gene_id", "cell", "element", "role", "effect"]
    pd.DataFrame(pairs, columns=names).to_csv(folder / "gene_elements.tsv.gz", sep="\t")
    table = pd.DataFrame(spans, columns=["element", "start", "end"]).assign(chrom="c")
    table.to_csv(folder / "elements.tsv", sep="\t")
    return SimpleNamespace(truth_path=folder / "elements.bed", lengths={"c": 4_990})


def test_causal_bases_of_a_gene_in_a_cell(tmp_path: Path) -> None:
    truth = planted_truth(dataset(tmp_path), promoter=1_000)  # type: ignore[arg-type]
    assert truth is not None
    # The window lies over both ends of the chromosome; its id has a version, the table's has not.
    true, counted = truth(Example(f"{ONE}.3", "G", "a", "c", -10, 5_000))
    expected = np.zeros(5_010, bool)
    expected[110:170] = True
    expected[4_990:5_010] = True  # E4 reaches beyond the window
    np.testing.assert_array_equal(true, expected)
    scored = np.ones(5_010, bool)
    scored[:10] = scored[5_000:] = False
    scored[2_005:3_005] = False
    np.testing.assert_array_equal(counted, scored)
    assert truth(Example(f"{ONE}.3", "G", "b", "c", 0, 5_000))[0].sum() == 40
    assert not truth(Example("NONE", "G", "a", "c", 0, 5_000))[0].any()


def test_no_truth_where_none_is_written(tmp_path: Path) -> None:
    nothing = SimpleNamespace(truth_path=None, lengths={})
    assert planted_truth(nothing, 2_000) is None  # type: ignore[arg-type]
    elsewhere = SimpleNamespace(truth_path=tmp_path / "elements.bed", lengths={})
    assert planted_truth(elsewhere, 2_000) is None  # type: ignore[arg-type]
