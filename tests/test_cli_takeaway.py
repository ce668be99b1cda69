"""``seq2exp figure``, ``hub`` and ``report``, run as somebody would."""

import io
import json
import os
import re
import signal
import struct
import subprocess
import sys
import urllib.request
import zipfile

import pytest
import torch

from seq2exp import cli
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.simulate import make_demo
from seq2exp.model.checkpoint import save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp


@pytest.fixture(scope="module")
def demo_yaml(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("demo") / "tiny", "tiny")


@pytest.fixture(scope="module")
def genes(demo_yaml):
    dataset = Dataset.load(demo_yaml)
    return [dataset.default_gene, max(dataset.annotation.genes.values(), key=lambda g: g.tss).name]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(5)
    save_model(folder / "tiny.safetensors", Seq2Exp(ModelConfig.soft("tiny")), {"title": "Tiny"})
    return folder


@pytest.fixture(autouse=True)
def _environment(models, monkeypatch):
    monkeypatch.setenv("SEQ2EXP_MODELS", str(models))


@pytest.fixture
def run(capfd, demo_yaml):
    """Run the command line on the tiny data set; return exit code, stdout and stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            cli.main([*map(str, arguments), "--dataset", str(demo_yaml), "--no-peaks"])
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return call


def asked(run, *arguments):
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    return out


def test_one_figure_as_it_was_asked_for(run, genes, tmp_path):
    target = tmp_path / "fig.svg"
    said = json.loads(
        asked(
            run,
            *("figure", genes[0].lower(), "-o", target, "--size", "120x80", "--font", "6"),
            *("--tracks", "mask,dnase", "--title", "My & figure", "--threshold", "0.45"),
            *("--region", "simX1:270,001-290,000"),
            *("--highlight", "simX1:275001-276000=#CC79A7=here", "--json", "-"),
        )
    )
    svg = target.read_text()
    assert re.findall(r'id="track-(\w+)"', svg) == ["ruler", "mask", "dnase"]
    assert "My &amp; figure" in svg and ">here<" in svg and 'id="highlight-0"' in svg
    width, height = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg).groups()
    assert (float(width), float(height)) == pytest.approx((120 / 25.4 * 72, 80 / 25.4 * 72))
    assert said["simulated"] is True and said["assembly"] == "sim1"
    (row,) = said["genes"]
    assert row["gene"] == genes[0] and row["path"] == str(target) and row["format"] == "svg"
    assert row["shown"] == "simX1:270,001-290,000" and row["mask"]["threshold"] == 0.45
    assert row["expression"]["unit"] == "log10(CAGE+1)"


def test_figures_of_a_list_from_stdin_go_into_a_folder(run, genes, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{genes[0]}, # the first\n{genes[1]}\n"))
    folder = tmp_path / "figures"
    out = asked(
        run,
        *("figure", "-", "-o", folder, "--format", "png", "--size", "90x60", "--dpi", "100"),
        *("--tracks", "dnase,mask"),
    )
    paths = sorted(folder.iterdir())
    assert sorted(out.split()) == [str(path) for path in paths]
    assert [path.name for path in paths] == sorted(f"{g}.sim-erythroid.png" for g in genes)
    for path in paths:
        assert struct.unpack(">II", path.read_bytes()[16:24]) == (354, 236)


def test_a_hub_as_a_zip(run, genes, tmp_path):
    target = tmp_path / "hub.zip"
    said = json.loads(
        asked(
            run,
            *("hub", *genes, "-o", target, "--email", "me@lab.org", "--threshold", "0.45"),
            *("--url", "https://lab.org/hub/", "--json", "-"),
        )
    )
    with zipfile.ZipFile(target) as archive:
        assert sorted(archive.namelist()) == [f"hub/{name}" for name in said["files"]]
        assert b"email me@lab.org\n" in archive.read("hub/hub.txt")
        assert b'path="https://lab.org/hub/sim1/' in archive.read("hub/igv_session.xml")
        assert b"https://" not in archive.read("hub/sim1/trackDb.txt")
    assert said["own_genome"] is True and said["genome"] == "sim1"
    assert said["left_out"] == ["Peaks in sim-erythroid were not called."]
    assert [row["gene"] for row in said["genes"]] == genes
    assert len([track for track in said["tracks"] if track.startswith("mask_mean_")]) == 2


def test_a_report_says_how_it_is_made_again(run, genes, tmp_path, demo_yaml):
    target = tmp_path / "report.html"
    assert asked(
        run,
        *("report", genes[0], "-o", target, "--cell", "sim-lymphoid", "--tracks", "mask"),
        *("--highlight", "simX1:275001-276000=#CC79A7"),
    ).strip() == str(target)
    text = target.read_text()
    gene = Dataset.load(demo_yaml).gene(genes[0])
    command = f"seq2exp report {gene.id} --dataset {demo_yaml} --cell sim-lymphoid --no-peaks"
    command += " --tracks mask --highlight &#x27;simX1:275001-276000=#CC79A7&#x27;"
    assert f"<code>{command} --out {gene.name}.html</code>" in text
    assert f"{gene.name} ({gene.id}) in sim-lymphoid" in text


def test_a_hub_is_served_until_it_is_interrupted(genes, demo_yaml, tmp_path):
    command = [sys.executable, "-m", "seq2exp", "hub", genes[0], "--dataset", str(demo_yaml)]
    command += ["--no-peaks", "--serve", "0", "-o", str(tmp_path / "hub"), "--json", "-"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
        # Tests that run in the background may have been told to ignore it, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stderr is not None and process.stdout is not None
        line = process.stderr.readline()
        url = re.fullmatch(r"Serving (http://127\.0\.0\.1:\d+/)hub\.txt until Ctrl-C\n", line)[1]
        with urllib.request.urlopen(f"{url}hub.txt", timeout=30) as answer:
            assert answer.read().startswith(b"hub Seq2Exp_")
        part = urllib.request.Request(f"{url}sim1/sim1.2bit", headers={"Range": "bytes=0-3"})
        with urllib.request.urlopen(part, timeout=30) as answer:
            assert (answer.status, answer.read()) == (206, b"\x43\x27\x41\x1a")
        with urllib.request.urlopen(f"{url}igv_session.xml", timeout=30) as answer:
            assert f'genome="{url}sim1/sim1.fa"'.encode() in answer.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["url"] == url


def test_a_region_must_lie_in_every_window(run, genes, demo_yaml, tmp_path):
    """Or a list of genes would end halfway, after hours."""
    dataset = Dataset.load(demo_yaml)
    first = dataset.window_interval(dataset.gene(genes[0]))
    region = f"{first.chrom}:{first.start + 1}-{first.start + 900}"
    for command in ("figure", "report"):
        code, out, err = run(command, *genes, "-o", tmp_path / "new", "--region", region)
        assert (code, out) == (2, "") and f"outside the window of {genes[1]}" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["figure", "NOSUCH", "-o", "f.svg"], ["NOSUCH"]),
        (["figure", "-o", "f.svg"], ["list of genes is empty"]),
        (["figure", "{0}", "{1}", "-o", "f.svg"], ["f.svg is one file, for 2 genes"]),
        (["figure", "{0}", "-o", "f.jpg"], ["f.jpg is no .svg or .pdf or .png"]),
        (["figure", "{0}", "-o", "typo/f.svg"], ["folder does not exist"]),
        (["figure", "{0}", "-o", "figs", "--format", "eps"], ["no format 'eps'"]),
        (["figure", "{0}", "-o", "f.svg", "--size", "big"], ["'big' is no size"]),
        (["figure", "{0}", "-o", "f.svg", "--size", "180x20"], ["too low for its"]),
        (["figure", "{0}", "-o", "f.svg", "--json", "./f.svg"], ["--out and --json cannot both"]),
        (["hub", "{0}", "-o", "h.zip", "--json", "h.zip"], ["--out and --json cannot both"]),
        (["figure", "{0}", "-o", "f.svg", "--mode", "foo"], ["for '--mode': 'foo' is not one of"]),
        (
            ["figure", "{0}", "-o", "f.svg", "--font", "90"],
            ["A figure's font size of 90 pt is out of range"],
        ),
        (["figure", "{0}", "-o", "f.svg", "--tracks", "maks"], ["'maks'", "'mask'"]),
        (["figure", "{0}", "-o", "f.svg", "--highlight", "here"], ["'here' is not a locus"]),
        (["figure", "{0}", "-o", "f.svg", "--region", "simX1:1-9"], ["outside the window"]),
        (["figure", "{0}", "-o", "f.svg", "--json", "typo/f.json"], ["folder does not exist"]),
        (["figure", "{0}"], ["--out"]),
        (["hub", "{0}"], ["--out", "--serve"]),
        (["hub", "{0}", "-o", "hub.zip", "--serve", "0"], ["cannot be served"]),
        (["hub", "{0}", "-o", "typo/hub"], ["folder does not exist"]),
        (["hub", "{0}", "-o", "hub", "--json", "typo/f.json"], ["folder does not exist"]),
        (["hub", "{0}", "--serve", "70000"], ["Port 70000"]),
        (["report", "{0}", "-o", "report.pdf"], ["report.pdf is no .html"]),
        (["report", "{0}", "-o", "r.html", "--json", "."], ["it is a folder; name a file"]),
        (["report", "{0}", "-o", "r.html", "--min-length", "0"], ["--min-length"]),
        (["report", "{0}", "-o", "r.html", "--model", "tini"], ["tini", "tiny"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_line_and_leaves_nothing(
    run, genes, tmp_path, monkeypatch, arguments, words
):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*(text.format(*genes) for text in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("seq2exp: ") and err.count("\n") == 1 and "Traceback" not in err
    for word in words:
        assert word.lower() in err.lower()
    assert list(tmp_path.iterdir()) == []
