import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2exp.view.tracks import ROW_ORDER, ViewSettings, assign_lanes, to_scale

spans = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 40)), max_size=25)


@given(spans, st.integers(0, 5))
def test_no_two_intervals_of_a_lane_touch(items: list[tuple[int, int]], gap: int) -> None:
    starts = [start for start, _ in items]
    ends = [start + width for start, width in items]
    lanes = assign_lanes(starts, ends, gap)
    for i in range(len(items)):
        for j in range(i):
            if lanes[i] == lanes[j]:
                assert ends[i] + gap <= starts[j] or ends[j] + gap <= starts[i]
        # Nothing is put lower than it must be.
        for lane in range(lanes[i]):
            assert any(
                lanes[j] == lane and ends[i] + gap > starts[j] and ends[j] + gap > starts[i]
                for j in range(i)
            )


def test_log_scale_is_of_one_plus_the_value() -> None:
    assert to_scale([0, 9, 99, -9], "log1p") == pytest.approx([0, 1, 2, -1])
    assert to_scale([0, 9.5], "linear").tolist() == [0, 9.5]


def test_settings_survive_a_session_file() -> None:
    settings = (
        ViewSettings(order=("mask", "genes"), expand_genes=True, font_size=14)
        .with_track("dnase", ymax="p99", group="open")
        .with_track("dnase", scale="log1p")
        .with_track("evidence", visible=False)
    )
    assert ViewSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_the_users_order_comes_first_and_the_triangle_waits_to_be_asked() -> None:
    settings = ViewSettings(order=("mask",))
    keys = settings.arrange([*reversed(ROW_ORDER), "user:0"])
    assert keys[0] == "mask"
    assert keys[1:] == [key for key in ROW_ORDER if key != "mask"] + ["user:0"]
    assert not settings.shows("triangle")
    assert settings.with_track("triangle", visible=True).shows("triangle")
    assert np.all([settings.shows(key) for key in ROW_ORDER if key != "triangle"])
