import json

import pytest

from seq2exp.genome.locus import Interval
from seq2exp.view.component import payload, plotly_folder, source


def test_source_is_inline_text_not_a_path() -> None:
    html, css, js = source()
    assert html.startswith("<div")
    # Streamlit takes a one-line string for a path.
    assert css.count("\n") > 10 and js.count("\n") > 10
    assert "export default function" in js


def test_plotly_is_served_from_its_own_package() -> None:
    assert (plotly_folder() / "plotly.min.js").stat().st_size > 1_000_000


def test_payload_travels_as_json_and_is_sorted() -> None:
    window, view = Interval("chr1", 0, 1_000), Interval("chr1", 100, 300)
    figure = {"data": [], "layout": {"height": 10}}
    elements = [(500, 600, "b"), (10, 40, "a")]
    sent = payload(figure, view, window, "plotly.min.js", elements=elements)
    assert json.loads(json.dumps(sent)) == sent
    assert json.loads(sent["figure"]) == figure
    assert sent["viewport"] == [100, 300] and sent["window"] == [0, 1_000]
    assert sent["elements"] == [[10, 40, "a"], [500, 600, "b"]]


def test_nan_never_reaches_the_page() -> None:
    window = Interval("chr1", 0, 1_000)
    with pytest.raises(ValueError):
        payload({"data": [float("nan")]}, window, window, "plotly.min.js")
