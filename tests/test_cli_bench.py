"""``seq2exp bench scan`` and ``model``: what they print and write, and what they refuse."""

import json

import pytest

from seq2exp import cli

QUICK = ("--length", 2_000, "--repeats", 1, "--slow-repeats", 1, "--no-peers", "--device", "cpu")


@pytest.fixture
def run(capfd):
    """Run the command line; return exit code, stdout and stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return call


def test_model_writes_json_and_markdown(run, tmp_path):
    json_file, markdown = tmp_path / "new" / "model.json", tmp_path / "new" / "model.md"
    code, out, err = run(
        *("bench", "model", "--size", "tiny", "--part", "training", *QUICK),
        *("--json", json_file, "--markdown", markdown),
    )
    assert (code, err) == (0, "")
    found = json.loads(json_file.read_text())
    assert found["settings"]["size"] == "tiny" and found["settings"]["parts"] == ["training"]
    assert found["machine"]["gpu"] is None
    names = [row["name"] for row in found["sections"]["training"]["rows"]]
    assert names[0] == "seq2exp" and "torch, torch scan" in names
    text = markdown.read_text()
    for name in names:
        assert f"| {name} |" in text
    assert "Training step" in out and "seq2exp" in out


def test_scan_prints_json(run):
    code, out, err = run(
        *("bench", "scan", "--part", "length", *QUICK),
        *("--at-length", 2_000, "--at-length", 4_000, "--json", "-"),
    )
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert [row["length"] for row in found["sections"]["length"]["rows"]] == [2_000, 4_000]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model", "--size", "huge"], ["huge", "paper, demo, tiny"]),
        (["model", "--length", "2001"], ["2,001", "even"]),
        (["model", "--length", "100"], ["--length"]),
        (["model", "--at-length", "3001"], ["3,001"]),
        (["model", "--at-batch", "0"], ["batch of 0"]),
        (["model", "--part", "speed"], ["speed", "inference"]),
        (["scan", "--part", "training"], ["training", "forward"]),
        (["scan", "--device", "tpu"], ["tpu", "cuda"]),
        (["scan", "--repeats", "0"], ["--repeats"]),
        (["model", "--json", "{file}/a.json"], ["Cannot write", "a.json"]),
        (["scan", "--markdown", "{file}/a.md"], ["Cannot write", "a.md"]),
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line_before_anything_is_measured(run, tmp_path, arguments, words):
    file = tmp_path / "file"
    file.write_text("")
    code, out, err = run("bench", *(text.format(file=file) for text in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("seq2exp: ") and err.count("\n") == 1
    for word in words:
        assert word in err
