"""The page as it opens: a good gene without a click, and numbers that the command line repeats."""

import json
from pathlib import Path

import pytest

from seq2exp import cli
from seq2exp.datasets.catalog import Dataset


@pytest.fixture(scope="module")
def app(open_app):
    return open_app().settle()


@pytest.fixture
def predicted(tmp_path: Path):
    """What ``seq2exp predict`` writes."""

    def call(*arguments: object) -> dict:
        file = tmp_path / "answer.json"
        with pytest.raises(SystemExit) as end:
            cli.main(["predict", *map(str, arguments), "--json", str(file)])
        assert end.value.code == 0
        return json.loads(file.read_text(encoding="utf-8"))

    return call


def compare(app, found: dict) -> None:
    """The page's readout and table against the command line's answer."""
    numbers = app.numbers()
    assert numbers["Predicted"] == f"{found['expression']['predicted']:.3f}"
    assert numbers["Measured"] == f"{found['expression']['measured']:.3f}"
    assert numbers["Mask ratio"] == f"{100 * found['mask']['ratio']:.2f} %"
    assert numbers["Peak ratio"] == f"{100 * found['peaks']['ratio']:.2f} %"
    table = app.table("elements")
    shown = [] if table is None else table.to_dict("records")
    assert len(shown) == len(found["elements"])
    for row, element in zip(shown, found["elements"], strict=True):
        assert (row["name"], row["chrom"]) == (element["name"], element["chrom"])
        assert (row["start"], row["end"]) == (element["start"] + 1, element["end"])
        assert row["length"] == element["length"]
        assert row["summit"] == element["summit"] + 1
        assert row["mean_mask"] == pytest.approx(element["mean_mask"], rel=1e-5)


def test_it_opens_on_the_default_gene_with_all_its_rows(app, demo):
    dataset = Dataset.load(demo)
    assert app.at.selectbox("gene").value == dataset.default_gene
    assert app.at.selectbox("cell").value == next(iter(dataset.cells))
    assert app.errors() == app.warnings() == []
    assert "…" not in app.numbers().values()
    assert app.at.query_params == {}
    assert not app.table("peaks").empty
    assert "simulated" in app.captions()


def test_its_numbers_are_those_of_the_command_line(app, demo, predicted):
    threshold = app.at.slider("threshold").value
    found = predicted(app.at.selectbox("gene").value, "--dataset", demo, "--threshold", threshold)
    compare(app, found)
    assert found["model"] == app.at.selectbox("model").value
    assert (found["device"], found["cell"]) == ("cpu", app.at.selectbox("cell").value) or (
        found["device"].startswith("cuda")
    )


def test_a_tilted_prior_and_a_hard_rule_say_the_same_there(open_app, demo, predicted):
    app = open_app(prior="0.2", mode="hard", threshold="0.4", length="100", gap="200").settle()
    strength = app.at.number_input("strength").value
    gene = app.at.selectbox("gene").value
    compare(
        app,
        predicted(
            *(gene, "--dataset", demo, "--prior", 0.2, "--strength", strength, "--mode", "hard"),
            *("--threshold", 0.4, "--min-length", 100, "--merge-gap", 200),
        ),
    )
