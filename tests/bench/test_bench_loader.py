"""The loader beside a training step."""

import numpy as np
import pytest

from seq2exp.bench.loader import LOADER, STEP, Options, sections
from seq2exp.datasets.simulate import make_demo


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("loader") / "tiny", "tiny")


@pytest.mark.parametrize(
    ("model", "length", "cut"), [("seq2exp-soft", 4_096, 2_432), ("macs3", 2_048, 0)]
)
def test_windows_a_second_are_those_of_the_medians(model, length, cut, tiny):
    options = Options(
        str(tiny), model=model, size="tiny", length=length, batch=2, compact=cut, repeats=3
    )
    (section,) = sections(options, lambda fraction, text: None)
    assert [row.name for row in section.rows] == [LOADER, STEP]
    for row in section.rows:
        assert len(row.seconds) == 3
        assert row.values["rate"] == pytest.approx(2 / np.median(row.seconds))
    times = section.rows[0].values["rate"] / section.rows[1].values["rate"]
    assert f"{times:.1f} times" in section.notes[0]
    assert (f"cut down to {cut:,} bp" in section.notes[0]) == bool(cut)
