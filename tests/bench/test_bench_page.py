"""The bench of the page: that it times what happened, seen in what happened."""

import json
import os
import time
from pathlib import Path

import pytest
import torch

from seq2exp import cli
from seq2exp.bench.chromium import Driver, chromium
from seq2exp.bench.page import Options, choose_genes, sections
from seq2exp.bench.visit import Run, read_runs
from seq2exp.bench.watch import Watch
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.model.checkpoint import save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp

PARTS = ("start", "gene", "genes", "control", "view", "requirements")


@pytest.fixture(scope="module")
def _needs_chromium():
    try:
        with chromium():
            pass
    except InputError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """A folder with one small network, whose third decimal tells two masks apart."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(3)
    model = Seq2Exp(ModelConfig.soft("tiny"))
    with torch.no_grad():
        model.pToExpr[-1].weight.mul_(10_000)
    card = {"id": "small", "title": "Small", "dataset": {"name": "demo", "simulated": True}}
    save_model(folder / "small.safetensors", model, card)
    return folder


@pytest.fixture(scope="module")
def found(_needs_chromium, demo, models, tmp_path_factory):
    """What the command writes for two genes and one repeat of the rest."""
    file = tmp_path_factory.mktemp("bench") / "page.json"
    arguments = ["--genes", "2", "--repeats", "1", "--cache", os.environ["SEQ2EXP_CACHE"]]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setenv("SEQ2EXP_MODELS", str(models))
        cli.main(["bench", "page", *arguments, "--json", str(file)])
    assert end.value.code == 0
    return json.loads(file.read_text(encoding="utf-8"))


def rows(found: dict, part: str) -> dict[str, dict]:
    return {row["name"]: row for row in found["sections"][part]["rows"]}


@pytest.mark.browser
def test_every_part_is_timed(found):
    assert tuple(found["sections"]) == PARTS
    assert found["settings"]["model"] == ""
    for part in ("start", "gene", "control", "view"):
        for row in rows(found, part).values():
            assert len(row["seconds"]) == row["repeats"] and min(row["seconds"]) > 0
    start = rows(found, "start")
    assert (
        start["Start: server answers"]["median"]
        < start["Start: figure on screen"]["median"]
        <= start["Start: all numbers on screen"]["median"]
    )
    named = {name.split(":")[0] for name in rows(found, "control")}
    assert {"Prior, soft rule", "Threshold, soft rule", "Rule soft to hard"} < named
    for row in rows(found, "view").values():
        assert 10_000 < row["figure_bytes"] < 400_000
        assert row["received_bytes"] > row["figure_bytes"]


@pytest.mark.browser
def test_each_gene_tells_whether_its_tracks_came_before_the_model(found, demo):
    genes = rows(found, "genes")
    assert list(genes) == choose_genes(Dataset.load(demo), 2)
    for row in genes.values():
        assert 0 < row["tracks"] <= row["mask"] <= row["expression"]
        assert row["generator_done"] < row["mask"]
        assert row["generator_done"] < row["model_done"] < row["expression"]
        assert row["tracks_first"] == (row["tracks"] < row["model_done"])
        assert (row["generator_runs"], row["predictor_runs"]) == (1, 1)


@pytest.mark.browser
def test_controls_run_the_predictor_alone(found):
    must = rows(found, "requirements")
    runs = must["Threshold, prior and rule run the predictor alone"]
    assert runs["generator_runs"] == 0
    control = rows(found, "control")
    alone = {
        name.split(":")[0]: row["predictor_runs"]
        for name, row in control.items()
        if name.endswith("expression")
    }
    assert sum(alone.values()) == runs["predictor_runs"]
    known = alone.pop("Rule back to soft, known already")
    assert known == 0 and len(alone) == 4 and min(alone.values()) >= 1
    # The soft mask is the same at every threshold, so nothing of it is computed again.
    assert "Threshold, soft rule: expression" not in control
    once = must["The generator runs once for a gene"]
    assert once["held"] == once["of"] == 2


PAGE = """
<div data-testid=stApp data-test-script-state=notRunning>
  <div data-testid=stMetric><div data-testid=stMetricLabel>Predicted</div>
  <div data-testid=stMetricValue>1.000</div></div>
  <button>Go</button>
</div>
<script>
const value = document.querySelector("[data-testid=stMetricValue]");
document.querySelector("button").onclick = () => {
  value.textContent = "…";
  setTimeout(() => { window.changed = Date.now() / 1000; value.textContent = "2.500"; }, 400);
};
</script>
"""


@pytest.mark.browser
def test_a_change_is_seen_when_it_is_painted(_needs_chromium, tmp_path):
    """A page that says by itself when it changed."""
    (tmp_path / "page.html").write_text(PAGE)
    with chromium() as browser:
        driver = Driver(browser.new_page())
        watch = Watch(driver)
        address = (tmp_path / "page.html").as_uri()
        watch.follow(lambda: driver.page.goto(address), lambda trace: True, time.time())
        trace = watch.follow(
            driver.page.get_by_role("button").click,
            lambda trace: trace.moments[-1].numbers["Predicted"] == "2.500",
        )
        changed = driver.page.evaluate("window.changed")
    assert [moment.numbers["Predicted"] for moment in trace.moments] == ["…", "2.500"]
    assert trace.before.numbers == {"Predicted": "1.000"}
    seen = trace.begun + trace.changed("Predicted")
    assert changed - 0.002 <= seen <= changed + 1
    assert 0.39 < trace.changed("Predicted")
    assert not trace.redrawn


def test_the_log_tells_which_half_ran_for_what():
    said = [
        "  Local URL: http://localhost:8501",
        "2026-03-01 09:30:00,250 demo-soft: generator for MYC in K562 took 1.500 s",
        "2026-03-01 09:30:02,000 demo-soft: predictor for MYC in cell in vitro took 0.250 s",
        "2026-03-01 09:30:03,000 demo-soft-s2: generator for HBB in K562 ended after 0.100 s",
        "2026-03-01 09:30:04,000 no CPU layer kernel, another implementation is used: g++ failed",
    ]
    runs = read_runs("\n".join(said))
    begun = time.mktime((2026, 3, 1, 9, 30, 0, 0, 0, -1))
    assert runs == [
        Run(begun + 0.25, "demo-soft", "generator", "MYC", 1.5),
        Run(begun + 2, "demo-soft", "predictor", "MYC", 0.25),
        Run(begun + 3, "demo-soft-s2", "generator", "HBB", 0.1),
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(model="demo-sofd"), ["demo-sofd", "demo-soft"]),
        (Options(genes=100_000), ["--genes"]),
    ],
    ids=["model", "genes"],
)
def test_what_the_app_does_not_have_is_refused(options, words, demo):
    with pytest.raises(InputError) as error:
        if options.model:
            next(sections(options, lambda fraction, text: None))
        choose_genes(Dataset.load(demo), options.genes)
    for word in words:
        assert word in str(error.value)


def test_a_missing_chromium_is_said_with_the_command_that_helps(monkeypatch, tmp_path):
    pytest.importorskip("playwright.sync_api")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    with pytest.raises(InputError, match="apt-get install chromium"), chromium():
        pass


def test_a_missing_app_is_said(monkeypatch, tmp_path):
    import seq2exp
    from seq2exp.bench.visit import find_app

    assert find_app() == Path(seq2exp.__file__).parents[1] / "app.py"
    monkeypatch.setattr(seq2exp, "__file__", str(tmp_path / "seq2exp" / "__init__.py"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="checkout"):
        find_app()
