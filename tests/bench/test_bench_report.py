"""Tables, JSON and Markdown of a report."""

import json

import pytest
from rich.console import Console

from seq2exp.bench.machine import describe
from seq2exp.bench.measure import Timing
from seq2exp.bench.report import (
    Report,
    Row,
    Section,
    compared,
    growth,
    machine_line,
    save,
    show,
    to_json,
    to_markdown,
)


@pytest.fixture
def report():
    timings = {
        "seq2exp": Timing("seq2exp", (2.0, 1.0, 3.0)),
        "other": Timing("other", (50.0,), scale=2.0, note="half [of] it | scaled"),
    }
    rows = [*compared(timings, "seq2exp", 0.8), Row("gone", note="not installed")]
    sections = [
        Section("inference", "A window", "Layers by", rows, ["Said under it."]),
        growth("length", "Growth", "length", {1_000: Timing("a", (1.0,)), 4_000: timings["other"]}),
    ]
    return Report("model", describe("cpu"), {"length": 1_000}, sections)


def test_comparison_and_growth(report):
    ours, other, _ = report.sections[0].rows
    assert ours.values["ratio"] == 1 and other.values["ratio"] == 50
    assert ours.values["limit_ratio"] == pytest.approx(2.5)
    small, large = report.sections[1].rows
    assert small.values["growth"] == 1 and large.values["growth"] == 25
    assert large.values["per_base"] == pytest.approx(100 / 4_000 * 1e9)
    assert report.sections[1].notes == ["Time grows as length to the power of 3.32."]


def test_json_has_every_repeat(report):
    found = json.loads(to_json(report))
    assert found["bench"] == "model" and found["settings"] == {"length": 1_000}
    assert found["machine"]["torch"] and found["machine"]["date"].endswith("+00:00")
    rows = found["sections"]["inference"]["rows"]
    assert rows[0] == {
        "name": "seq2exp",
        "median": 2.0,
        "repeats": 3,
        "scale": 1.0,
        "ratio": 1.0,
        "limit_ratio": 2.5,
        "seconds": [2.0, 1.0, 3.0],
    }
    assert rows[1]["seconds"] == [50.0] and rows[1]["median"] == 100.0
    assert rows[2] == {"name": "gone", "note": "not installed"}
    assert found["sections"]["length"]["rows"][1]["length"] == 4_000


def test_markdown_is_a_table_of_equal_lines(report):
    lines = to_markdown(report).splitlines()
    assert lines[0] == "# seq2exp bench model" and lines[2] == machine_line(report.machine)
    at = lines.index("## A window")
    table = lines[at + 2 : at + 7]
    assert table[0] == (
        "| Layers by | Median (s) | Quartiles (s) | Repeats | Time / ours | Time / limit | Note |"
    )
    assert table[1] == "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
    assert table[2] == "| seq2exp | 2 | 1–3 | 3 | 1× | 2.5× |  |"
    assert table[3] == "| other | 100 | 100–100 | 1 | 50× | 125× | half [of] it \\| scaled |"
    assert table[4] == "| gone |  |  |  |  |  | not installed |"
    assert "Said under it." in lines


def test_the_terminal_shows_the_same(report):
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as captured:
        show(report, console)
    text = captured.get()
    for word in ("A window", "Layers by", "125×", "half [of] it | scaled", "Said under it."):
        assert word in text


def test_saving_makes_the_folder_and_replaces_the_file(tmp_path):
    path = tmp_path / "new" / "report.md"
    save("first", path)
    save("second", path)
    assert path.read_text() == "second"
    assert [found.name for found in path.parent.iterdir()] == ["report.md"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.001234, "0.00123"),
        (0.000123, "1.23e-04"),
        (12.345, "12.3"),
        (1234.4, "1,234"),
        (1e9, "1.00e+09"),
    ],
)
def test_three_digits(value, text):
    section = Section("a", "A", "Row", [Row("one", {"median": value})])
    assert f"| one | {text} |" in to_markdown(Report("x", describe("cpu"), {}, [section]))


@pytest.mark.parametrize(("value", "text"), [(99e6, "99.0 MB"), (5.678e9, "5.68 GB")])
def test_bytes_have_units(value, text):
    section = Section("a", "A", "Row", [Row("one", {"memory": value})])
    assert f"| one | {text} |" in to_markdown(Report("x", describe("cpu"), {}, [section]))
