"""``seq2exp delete`` and ``seq2exp variant``: what they print, and that it is the library's."""

import io
import json

import pandas as pd
import pytest
import torch

from seq2exp import cli
from seq2exp.analysis.answer import find_elements
from seq2exp.analysis.deletion import delete, element_targets, tiles
from seq2exp.analysis.variant_effect import variant_effects
from seq2exp.analysis.variants import parse_variant
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.simulate import make_demo
from seq2exp.genome.locus import Interval
from seq2exp.inference.perturb import Experiment
from seq2exp.inference.predictor import MaskRule, Predictor
from seq2exp.model.beta import BetaPrior
from seq2exp.model.checkpoint import save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.tracks.peaks import PeakCaller

THRESHOLD = 0.45


@pytest.fixture(scope="module")
def demo_yaml(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("demo") / "tiny", "tiny")


@pytest.fixture(scope="module")
def dataset(demo_yaml):
    return Dataset.load(demo_yaml)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny network whose mask varies enough to leave elements under a hard rule."""
    path = tmp_path_factory.mktemp("models") / "tiny-soft.safetensors"
    torch.manual_seed(5)
    network = Seq2Exp(ModelConfig.soft("tiny"))
    with torch.no_grad():
        network.mask_output.weight.mul_(8)
        for name, weight in network.named_parameters():
            if "out_proj" in name:
                weight.mul_(20)
        network.pToExpr[4].bias.fill_(2)  # a CAGE above 0, of which a share can be lost
    save_model(path, network, {"title": "tiny"})
    return path


@pytest.fixture(autouse=True)
def _environment(model, monkeypatch):
    monkeypatch.setenv("SEQ2EXP_MODELS", str(model.parent))


@pytest.fixture
def run(capfd, demo_yaml):
    """Run the command line on the tiny data set; return exit code, stdout and stderr."""

    def call(command, *arguments):
        with pytest.raises(SystemExit) as end:
            cli.main([command, *map(str, arguments), "--dataset", str(demo_yaml)])
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return call


@pytest.fixture(scope="module")
def experiment(dataset, model):
    window = dataset.window(dataset.default_gene, next(iter(dataset.cells)))
    return Experiment(Predictor(model), window, MaskRule("hard", THRESHOLD))


HARD = ("--mode", "hard", "--threshold", THRESHOLD)


def answer(run, *arguments):
    code, out, err = run(*arguments, "--json", "-")
    assert (code, err) == (0, "")
    return json.loads(out)


def same(records, frame):
    """Compare rows of JSON with a frame of the library's."""
    columns = list(frame)
    found = pd.DataFrame(records)[columns]
    pd.testing.assert_frame_equal(
        found, frame.reset_index(drop=True), check_dtype=False, atol=1e-6, rtol=1e-6
    )


def test_tiles_are_deleted_and_ranked(run, dataset, experiment):
    gene = dataset.default_gene
    found = answer(run, "delete", gene.lower(), "--tile", 20_000, "--step", 10_000, *HARD)
    expected = delete(experiment, tiles(experiment.window, 20_000, 10_000))
    same(found["deletions"], expected.frame.sort_values("rank"))
    assert {row["of"] for row in found["deletions"]} == {"tile"}
    about = found["genes"][0]
    assert (about["gene"], about["reference"]) == (gene, pytest.approx(expected.reference))
    assert about["measured"] == experiment.window.label and about["targets"] == len(expected.frame)
    assert found["mask"]["mode"] == "hard" and found["mask"]["threshold"] == THRESHOLD
    assert (found["simulated"], found["neutralised"], found["unit"]) == (
        *(True, False),
        "log10(CAGE+1)",
    )


def test_elements_are_the_default_and_go_with_peaks_and_spans(run, dataset, experiment, tmp_path):
    window = experiment.window
    elements = find_elements(
        window, experiment.posterior(), experiment.rule, dataset.lengths, 400, 200
    )
    assert 0 < len(elements) < 60
    options = ("--min-length", 400, "--merge-gap", 200, *HARD)
    alone = answer(run, "delete", dataset.default_gene, *options)
    expected = delete(experiment, element_targets(elements)).frame
    same(alone["deletions"], expected.sort_values("rank"))

    bed = tmp_path / "mine.bed"
    start = window.interval.start + 50_000
    chrom = window.interval.chrom
    bed.write_text(f"{chrom}\t{start}\t{start + 300}\tmine\nchrUn\t5\t9\n{chrom}\t0\t1\tfar\n")
    found = answer(
        run, "delete", dataset.default_gene, "--elements", "--peaks", "--spans", bed, *options
    )
    kinds = pd.DataFrame(found["deletions"]).groupby("of")["name"].apply(list)
    assert sorted(kinds["element"]) == sorted(expected["name"])
    assert kinds["span"] == ["mine"]
    cell = dataset.cell(next(iter(dataset.cells)))
    peaks = PeakCaller.for_cell(cell, dataset.genome).peaks()
    inside = peaks[
        (peaks["chrom"] == chrom)
        & (peaks["start"] < window.interval.end)
        & (peaks["end"] > window.interval.start)
    ]
    assert sorted(kinds["peak"]) == sorted(inside["name"]) and len(inside)
    assert "MACS3" in found["peaks"] and alone["peaks"] is None


def test_neutralising_and_a_tilted_prior(run, dataset, experiment):
    prior = BetaPrior.from_mean(0.2, 100)
    tilted = Experiment(experiment.predictor, experiment.window, experiment.rule, prior)
    found = answer(
        *(run, "delete", dataset.default_gene, "--tile", 100_000, "--neutralise"),
        *("--prior", 0.2, "--strength", 100, *HARD),
    )
    expected = delete(tilted, tiles(experiment.window, 100_000), neutralise=True)
    same(found["deletions"], expected.frame.sort_values("rank"))
    assert found["neutralised"] and any("elsewhere" in n for n in found["genes"][0]["notes"])


def test_without_json_a_table_with_units_for_all_genes_of_stdin(run, dataset, monkeypatch):
    genes = dataset.example_genes(next(iter(dataset.cells)))[:2]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(genes)))
    code, out, err = run("delete", "-", "--tile", 100_000, *HARD)
    assert code == 0 and all(line.startswith("seq2exp: ") for line in err.splitlines())
    table = pd.read_csv(io.StringIO(out), sep="\t", comment="#")
    assert "delta (log10(CAGE+1))" in table and "start (bp, 0-based)" in table
    assert list(dict.fromkeys(table["gene"])) == [dataset.gene(name).name for name in genes]


def variant_at(dataset, window, shift):
    """A variant as it is written, `shift` bp from the TSS."""
    place = Interval(window.interval.chrom, window.gene.tss + shift, window.gene.tss + shift + 1)
    base = dataset.genome.fetch(place)
    other = "ACGT"[("ACGT".index(base) + 1) % 4]
    return f"{place.chrom}:{place.start + 1:,} {base}>{other}", (base, other)


def test_variants_from_the_command_line_and_a_vcf(run, dataset, experiment, tmp_path):
    window = experiment.window
    text, _ = variant_at(dataset, window, 50)
    _, (base, other) = variant_at(dataset, window, -300)
    chrom, position = window.interval.chrom, window.gene.tss - 300 + 1
    vcf = tmp_path / "small.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\n"
        f"{chrom}\t{position}\tmine\t{base}\t{other},{base}A\n"
    )
    found = answer(run, "variant", dataset.default_gene, text, "--vcf", vcf, *HARD)
    written = [text, f"{chrom}:{position} {base}>{other}"]
    listed = [parse_variant(one, dataset.lengths) for one in written]
    expected = variant_effects(experiment, listed, dataset.genome).frame
    same(found["variants"], expected.assign(name=[str(listed[0]), f"mine:{other}"]))
    assert [(one["line"], one["variant"]) for one in found["refused"]] == [
        (3, f"{chrom}:{position:,} {base}>{base}A")
    ]
    assert found["genes"][0]["reference"] == pytest.approx(experiment.reference().expression)
    _, out, err = run("variant", dataset.default_gene, text, "--vcf", vcf, *HARD, "--tsv", "-")
    left_out = f"{chrom}:{position:,} {base}>{base}A (line 3) was left out: "
    assert any(left_out in line for line in out.splitlines() if line.startswith("# note"))
    assert any(left_out in line for line in err.splitlines() if line.startswith("seq2exp: "))
    assert out.startswith(f"# data set: {dataset.name} (simulated)\n")
    table = pd.read_csv(io.StringIO(out), sep="\t", comment="#")
    assert len(table) == 2 and "delta (log10(CAGE+1))" in table


def test_a_variant_outside_every_window_has_no_numbers(run, dataset, experiment):
    window = experiment.window.interval
    letters = dataset.genome.fetch(Interval(window.chrom, 0, dataset.lengths[window.chrom]))
    far = next(i for i, base in enumerate(letters) if base in "ACGT" and not window.contains(i))
    base, place = letters[far], Interval(window.chrom, far, far + 1)
    other = "ACGT"[("ACGT".index(base) + 1) % 4]
    found = answer(run, "variant", dataset.default_gene, f"{place.chrom}:{far + 1} {base}>{other}")
    assert found["variants"][0]["delta"] is None
    assert found["variants"][0]["note"] == "outside the window"
    assert found["genes"][0]["reference"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("delete", "{gene}", "--step", 5), "--tile"),
        (("delete", "{gene}", "--tile", 0), "at least 1 bp"),
        (("delete", "{gene}", "--min-length", 0), "--min-length"),
        (("delete", "{gene}", "--spans", "none.bed"), "none.bed"),
        (("delete", "NOSUCHGENE"), "NOSUCHGENE"),
        (("delete", "{gene}", "--json", "-", "--tsv", "-", "--tile", 100_000), "stdout"),
        (("delete", "{gene}", "--tile", 100_000, "--json", "typo/a.json"), "does not exist"),
        (("variant", "{gene}", "{right}", "--tsv", "typo/a.tsv"), "does not exist"),
        (("variant", "{gene}"), "No variant is given"),
        (("variant", "{gene}", "rs7"), "rs7"),
        (("variant", "{gene}", "{wrong}"), "genome.fa has"),
        (("variant", "{gene}", "chrNo:5 A>G"), "no chromosome 'chrNo'"),
        (("variant", "{gene}", "--vcf", "none.vcf"), "none.vcf"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_wrong_input_is_one_line_and_code_2(run, dataset, experiment, arguments, said):
    text, (base, other) = variant_at(dataset, experiment.window, 50)
    swapped = text.replace(f"{base}>{other}", f"{other}>{base}")
    filled = [
        one.format(gene=dataset.default_gene, wrong=swapped, right=text)
        if isinstance(one, str)
        else one
        for one in arguments
    ]
    code, out, err = run(*filled)
    assert (code, out) == (2, "") and said in err
    assert err.count("\n") == 1 and err.startswith("seq2exp: ")


def test_a_prediction_that_is_no_expression_is_said_to_be_none(run, dataset, experiment, model):
    card = model.with_suffix(".json")
    before = card.read_text()
    card.write_text(json.dumps(json.loads(before) | {"label_range": [90.0, 99.0]}))
    text, _ = variant_at(dataset, experiment.window, 50)
    try:
        for asked in (("delete", "--tile", 200_000), ("variant", text)):
            found = answer(run, asked[0], dataset.default_gene, *asked[1:], *HARD)
            (note,) = [one for one in found["genes"][0]["notes"] if "out of range" in one]
            assert "do not read it as an expression" in note
    finally:
        card.write_text(before)


def test_a_vcf_of_another_assembly_is_refused(run, dataset, tmp_path):
    chrom, length = next(iter(dataset.lengths.items()))
    vcf = tmp_path / "old.vcf"
    vcf.write_text(f"##fileformat=VCFv4.3\n##contig=<ID={chrom},assembly=b37,length=77>\n")
    code, _, err = run("variant", dataset.default_gene, "--vcf", vcf)
    assert code == 2 and f"line 2: {chrom} has 77 bp there and {length:,} bp in this" in err


def test_spans_outside_the_windows_are_told(run, dataset, experiment, tmp_path):
    window = experiment.window.interval
    bed = tmp_path / "spans.bed"
    bed.write_text(f"{window.chrom}\t{window.end + 5}\t{window.end + 9}\n")
    code, _, err = run("delete", dataset.default_gene, "--spans", bed)
    assert code == 2 and "No interval of" in err and str(window) in err
    with open(bed, "a") as file:
        file.write(f"{window.chrom}\t{window.start + 50_000}\t{window.start + 50_100}\n")
        file.write("chrUn\t5\t9\n")
    code, out, err = run("delete", dataset.default_gene, "--spans", bed, *HARD)
    said = f"2 of the spans of {bed} lie outside this window."
    assert code == 0 and said in err and said in out
    assert len(pd.read_csv(io.StringIO(out), sep="\t", comment="#")) == 1


def test_a_vcf_of_nothing_that_can_be_tested_says_why(run, dataset, tmp_path):
    vcf = tmp_path / "indels.vcf"
    vcf.write_text("##fileformat=VCFv4.3\nsimT\t5\t.\tA\tAC\n")
    code, _, err = run("variant", dataset.default_gene, "--vcf", vcf)
    assert code == 2 and "indels.vcf can be tested" in err
    bed = tmp_path / "other.bed"
    chrom, length = next(iter(dataset.lengths.items()))
    for text, said in (
        ("chrUn\t5\t9\n", "no chromosome of the genome (it has chrUn)"),
        (f"{chrom}\t5\t{length + 1}\n", f"beyond the {length:,} bp"),
        ("# nothing\n", "has no interval"),
    ):
        bed.write_text(text)
        code, _, err = run("delete", dataset.default_gene, "--spans", bed)
        assert code == 2 and said in err and "other.bed" in err
