"""The mask's controls: elements and expression follow, and the generator runs once a gene."""

import json
from itertools import pairwise

import pytest

from pages.parts import downloads, resources
from seq2exp.datasets.adding.store import Store
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.schema import CellSpec
from seq2exp.export.session import Selection, parse_session
from seq2exp.genome.locus import Interval
from seq2exp.inference.predictor import Predictor

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(scope="module")
def runs() -> dict[str, int]:
    """How often the two halves of the network ran in this module."""
    return {"posterior": 0, "express": 0}


@pytest.fixture(scope="module", autouse=True)
def counted(runs):
    with pytest.MonkeyPatch.context() as patch:
        for name in runs:
            true = getattr(Predictor, name)

            def wrapped(*arguments, name=name, true=true, **options):
                runs[name] += 1
                return true(*arguments, **options)

            patch.setattr(Predictor, name, wrapped)
        yield


@pytest.fixture(scope="module")
def app(open_app, quick, counted):
    """One session, whose controls each test turns; no other module opens this gene."""
    resources.boards.clear()
    app = open_app(cell="sim-lymphoid").settle()
    # A threshold in the middle of the mask, so that there are elements to lose.
    posterior = app.at.session_state["job-expression"]
    job = resources.boards()["expression"].find(posterior)
    level = float(job.result.posterior.quantile(0.5).mean())
    app.at.slider("threshold").set_value(round(level * 200) / 200)
    return app.settle()


def elements(app) -> list[tuple[int, int]]:
    table = app.table("elements")
    return [] if table is None else list(zip(table["start"], table["end"], strict=True))


def test_a_new_prior_tilts_mask_elements_and_expression_without_the_generator(app, runs):
    assert runs == {"posterior": 1, "express": 1}
    before, had = app.numbers(), elements(app)
    slider = app.at.slider("prior")
    trained = slider.value
    slider.set_value(0.15)
    app.settle()
    after = app.numbers()
    assert after["Predicted"] != before["Predicted"]
    assert float(after["Mask ratio"].split()[0]) > float(before["Mask ratio"].split()[0])
    assert elements(app) != had
    assert runs == {"posterior": 1, "express": 2}
    back = next(button for button in app.at.button if "trained prior" in button.label)
    back.click()
    app.settle()
    assert app.at.slider("prior").value == trained
    assert (app.numbers()["Predicted"], elements(app)) == (before["Predicted"], had)
    assert runs == {"posterior": 1, "express": 2}  # what was known is not computed again


def test_a_new_threshold_moves_elements_and_under_soft_runs_nothing(app, runs):
    counts, had, predicted = dict(runs), elements(app), app.numbers()["Predicted"]
    value = app.at.slider("threshold").value
    app.at.slider("threshold").set_value(0.9)
    app.settle()
    assert elements(app) != had
    assert app.numbers()["Predicted"] == predicted
    assert runs == counts
    app.at.slider("threshold").set_value(value)
    app.settle()
    assert elements(app) == had


def test_each_rule_reads_another_mask(app, runs):
    counts, soft, had = dict(runs), app.numbers(), elements(app)
    seen = {soft["Predicted"]}
    for mode in ("hard", "top"):
        app.at.segmented_control("mode").set_value(mode)
        app.settle()
        seen.add(app.numbers()["Predicted"])
        assert app.numbers()["Mask ratio"] != soft["Mask ratio"]
    assert len(seen) == 3
    share = float(app.numbers()["Mask ratio"].split()[0]) / 100
    assert share == pytest.approx(app.at.slider("fraction").value, abs=0.011)
    assert runs == {"posterior": counts["posterior"], "express": counts["express"] + 2}
    app.at.segmented_control("mode").set_value("soft")
    app.settle()
    assert (app.numbers()["Predicted"], elements(app)) == (soft["Predicted"], had)


def test_short_elements_go_and_near_ones_merge(app, runs):
    counts, had = dict(runs), elements(app)
    app.at.number_input("length").set_value(5_000)
    app.at.number_input("gap").set_value(0)
    app.run()
    assert all(end - start + 1 >= 5_000 for start, end in elements(app))
    app.at.number_input("gap").set_value(5_000)
    app.run()
    wide = elements(app)
    # Only the promoter, which is no element, lies in a gap as short as that.
    assert sum(after[0] - before[1] - 1 <= 5_000 for before, after in pairwise(wide)) <= 1
    app.at.number_input("length").set_value(50)
    app.at.number_input("gap").set_value(50)
    app.run()
    assert elements(app) == had
    assert runs == counts


def test_a_stricter_q_value_keeps_fewer_peaks(app):
    many = app.table("peaks")
    app.at.number_input("q").set_value(1e-6)
    app.settle()
    few = app.table("peaks")
    assert len(few) < len(many) and (few["q_log10"] >= 6).all()
    app.at.number_input("q").set_value(0.05)
    assert app.settle().table("peaks").equals(many)


def test_a_wrong_gene_forgets_no_control(app):
    gene = app.at.selectbox("gene").value
    app.at.slider("prior").set_value(0.3)
    app.settle()
    app.open("NOSUCHGENE").run()
    assert len(app.errors()) == 1
    assert app.at.slider("prior").value == 0.3
    app.open(gene).settle()
    assert app.errors() == []
    assert app.at.slider("prior").value == 0.3


def saved(app) -> str:
    """What the button "Session (JSON)" would hand out."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        true = downloads.file_button

        def button(label, name, make, disabled=False, help=None):
            made[label] = make
            true(label, name, make, disabled, help)

        patch.setattr(downloads, "file_button", button)
        app.run()
    return made["Session (JSON)"]()


def restore(app, text: str) -> None:
    """Upload a session file."""
    uploader = next(one for one in app.at.get("file_uploader") if "session" in one.label)
    uploader.set_value(("view.session.json", text.encode(), "application/json"))
    app.run()


def test_a_session_brings_everything_back(app, open_app):
    """Saved as the download does, read again in another browser session."""
    app.at.slider("prior").set_value(0.25)
    app.at.number_input("strength").set_value(40.0)
    app.at.segmented_control("mode").set_value("hard")
    app.at.number_input("length").set_value(120)
    app.at.number_input("q").set_value(0.01)
    app.at.session_state["selections"] = [Selection("simT1", 200, 300, "mine", note="why")]
    app.at.session_state["highlights"] = [Interval("simT1", 5_000, 6_000)]
    app.settle()
    text = saved(app)
    session = parse_session(text)
    other = open_app()
    restore(other, text)
    assert other.errors() == []
    assert other.settle().warnings() == []
    for kind, key in (
        ("selectbox", "gene"),
        ("selectbox", "cell"),
        ("slider", "prior"),
        ("number_input", "strength"),
        ("segmented_control", "mode"),
        ("slider", "threshold"),
        ("number_input", "length"),
        ("number_input", "q"),
    ):
        assert getattr(other.at, kind)(key).value == getattr(app.at, kind)(key).value, key
    assert other.numbers() | {"Model run": ""} == app.numbers() | {"Model run": ""}
    assert elements(other) == elements(app)
    assert other.at.session_state["selections"] == list(session.selections)
    assert other.at.session_state["highlights"] == [Interval("simT1", 5_000, 6_000)]
    assert parse_session(saved(other)) == session


def test_a_session_opens_though_another_cell_type_was_added_since(app, open_app, demo, tmp_path):
    given = Dataset.load(demo).spec.cells["sim-lymphoid"]
    Store(tmp_path / "more.yaml", demo).add(CellSpec("mine", given.dnase, given.h3k27ac))
    session = saved(app)
    other = open_app("--dataset", str(tmp_path / "more.yaml"))
    restore(other, session)
    assert other.errors() == []
    assert other.settle().at.session_state["cell"] == parse_session(session).cell
    changed = json.loads(saved(other)) | {"dataset_digest": "0000"}
    restore(other, json.dumps(changed))
    (message,) = other.errors()
    assert "was saved on the data set" in message


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("prior_mean", 0.9, "'prior'"),
        ("threshold", 1.5, "'threshold'"),
        ("cell", "HeLa", "'cell'"),
        ("model", "nosuch", "'model'"),
        ("gene", "NOSUCHGENE", "NOSUCHGENE"),
        ("region", "simT1:7-", "'region'"),
        ("mode", "fuzzy", "'mode'"),
        ("colour", "red", "'colour'"),
        ("dataset_digest", "0000", "data set"),
    ],
)
def test_a_session_that_does_not_fit_changes_nothing(app, key, value, said):
    content = json.loads(saved(app)) | {key: value}
    before = app.numbers()
    restore(app, json.dumps(content))
    (message,) = app.errors()
    assert said in message
    assert app.settle().numbers() == before


def test_a_file_that_is_no_session_is_named(app):
    restore(app, "chr1\t1\t2\n")
    (message,) = app.errors()
    assert "view.session.json" in message and "not a session" in message


def test_an_own_track_that_cannot_be_read_is_named_by_its_own_name(app):
    uploader = next(one for one in app.at.get("file_uploader") if "own tracks" in one.label)
    uploader.set_value([("mine.bw", b"junk", "application/octet-stream")])
    app.run()
    (error,) = app.errors()
    assert error.startswith("mine.bw is not a readable bigWig")
    assert "uploads" not in error
