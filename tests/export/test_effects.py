"""Effects as bedGraph and BED, read back by bioframe."""

import io

import bioframe
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2exp.export.effects import effects_bed, effects_bedgraph

LENGTHS = {"chr1": 200, "chr2": 50}


def frame_of(rows):
    columns = ["chrom", "start", "end", "name", "delta"]
    return pd.DataFrame(
        [(c, s, e, f"n{i}", d) for i, (c, s, e, d) in enumerate(rows)], None, columns
    )


def body(text):
    return io.StringIO(text.split("\n", 1)[1])


rows = st.lists(
    st.tuples(
        st.sampled_from(sorted(LENGTHS)),
        st.integers(-20, 220),
        st.integers(1, 60),
        st.sampled_from([-0.5, -0.25, 0.0, 0.125, 0.75]),
    ).map(lambda row: (row[0], row[1], row[1] + row[2], row[3])),
    min_size=1,
    max_size=12,
)


@settings(deadline=None)
@given(rows)
def test_each_base_has_the_effect_farthest_from_0(made):
    expected = {chrom: np.full(length, np.nan) for chrom, length in LENGTHS.items()}
    for chrom, start, end, delta in made:
        for base in range(max(start, 0), min(end, LENGTHS[chrom])):
            if not abs(expected[chrom][base]) > abs(delta):
                if abs(expected[chrom][base]) == abs(delta):
                    continue  # of two alike, any
                expected[chrom][base] = delta
    text = effects_bedgraph(frame_of(made), LENGTHS, "x")
    found = {chrom: np.full(length, np.nan) for chrom, length in LENGTHS.items()}
    if text.count("\n") > 1:
        table = bioframe.read_table(body(text), schema="bedGraph")
        for row in table.itertuples():
            assert np.isnan(found[row.chrom][row.start : row.end]).all()  # nothing overlaps
            found[row.chrom][row.start : row.end] = row.value
    for chrom in LENGTHS:
        np.testing.assert_array_equal(np.abs(found[chrom]), np.abs(expected[chrom]))


def test_small_effects_keep_their_digits_and_unknown_ones_are_left_out():
    made = frame_of([("chr1", 5, 6, 1.23456e-7), ("chr1", 6, 7, np.nan)])
    table = bioframe.read_table(body(effects_bedgraph(made, LENGTHS, "x")), schema="bedGraph")
    assert table["value"].tolist() == [1.23456e-7]


def test_a_bed_has_score_by_size_and_colour_by_sign():
    made = frame_of([("chr1", 10, 20, -0.4), ("chr1", 190, 230, 0.1), ("chr2", 1, 2, 0.0)])
    text = effects_bed(made, LENGTHS, "Deleted", "two genes")
    assert text.startswith("track ") and 'itemRgb="On"' in text
    table = bioframe.read_table(body(text), schema="bed9")
    assert table[["start", "end", "score"]].to_numpy().tolist() == [
        [10, 20, 1000],
        [190, 200, 250],
        [1, 2, 0],
    ]
    assert table["itemRgb"].tolist() == ["213,94,0", "0,114,178", "0,114,178"]


@pytest.mark.parametrize("deltas", [[], [0.0]])
def test_no_effect_at_all(deltas):
    made = frame_of([("chr1", 0, 5, delta) for delta in deltas])
    assert effects_bed(made, LENGTHS, "x").count("\n") == 1 + len(deltas)
    assert effects_bedgraph(made, LENGTHS, "x").count("\n") == 1 + len(deltas)
