"""``seq2exp data``: checking, adding, removing and listing cell types, run as somebody would."""

import json

import pytest

from seq2exp import cli
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.simulate import make_demo


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("cells") / "tiny", "tiny").parent


@pytest.fixture
def run(tiny, tmp_path, capfd, monkeypatch):
    """Run a command of ``seq2exp data`` on the tiny demo; return exit code, stdout and stderr."""
    monkeypatch.setenv("SEQ2EXP_DATA", str(tmp_path / "data"))

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            cli.main(["data", *map(str, arguments), "--dataset", str(tiny / "dataset.yaml")])
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return call


@pytest.fixture
def files(tiny):
    signal = tiny / "signal"
    return (
        *("--dnase", signal / "sim-lymphoid.DNase.bw"),
        *("--h3k27ac", signal / "sim-lymphoid.H3K27ac.bw"),
        *("--contact", tiny / "contact" / "sim-lymphoid.hic"),
    )


def test_a_cell_type_is_checked_added_listed_and_removed(run, files, tiny, tmp_path):
    code, out, err = run("check", "mine", *files, "--json", "-")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["accepted"] and found["cell"] == "mine"
    assert {check["verdict"] for check in found["checks"]} <= {"pass", "note"}
    assert found["scales"]["dnase"][0]["label"] == "mine"
    assert not list((tmp_path / "data").rglob("dataset.yaml"))  # checking adds nothing

    expression = tiny / "expression" / "sim-lymphoid.tsv"
    options = ("--expression", expression, "--unit", "CAGE", "--value-column", "CAGE_count")
    code, out, err = run("add", "mine", *files, *options)
    assert (code, err) == (0, "")
    path = out.strip().splitlines()[-1]
    opened = Dataset.load(path)
    assert list(opened.cells) == ["sim-erythroid", "sim-lymphoid", "mine"]
    assert opened.window(opened.default_gene, "mine").label is not None

    code, out, _ = run("show", "--json", "-")
    shown = json.loads(out)
    assert shown["path"] == path and shown["digest"] == opened.digest
    assert [row["cell"] for row in shown["cells"] if row["added"]] == ["mine"]
    assert shown["genes"] == 17 and len(shown["files"]) == 15 + 4
    code, out, _ = run("show")
    assert code == 0 and "mine" in out and "17 genes" in out

    code, _, err = run("add", "mine", *files)
    assert code == 2 and "has a cell type mine already" in err
    code, out, _ = run("remove", "mine")
    assert code == 0 and "mine was removed" in out
    code, _, err = run("remove", "mine")
    assert code == 2 and "no added cell type" in err
    assert run("show", "--json", "-")[1].count('"added": true') == 0


def test_a_wrong_file_is_refused_in_a_sentence(run, files, tmp_path):
    page = tmp_path / "page.bw"
    page.write_text("<html>")
    wrong = ("--dnase", page, *files[2:])
    code, out, err = run("check", "mine", *wrong)
    assert code == 1 and err == ""
    assert "web page" in " ".join(out.split())
    code, _, err = run("add", "mine", *wrong)
    assert code == 2 and err.count("\n") == 1
    assert "page.bw is a web page" in err and "address of the file itself" in err


def test_a_file_of_ones_own_can_keep_them(run, files, tmp_path):
    out = tmp_path / "mine.yaml"
    assert run("add", "mine", *files, "--out", out)[0] == 0
    assert "mine" in Dataset.load(out).cells
    assert not list((tmp_path / "data").rglob("dataset.yaml"))
    out.write_text(out.read_text().replace("tiny/dataset.yaml", "tiny/other.yaml"))
    code, _, err = run("add", "more", *files, "--out", out)
    assert code == 2 and "name another file" in err
