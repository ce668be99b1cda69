"""The simulated data set, read back with other libraries than its writers where there are any."""

import gzip
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import hictkpy
import numpy as np
import pandas as pd
import pyBigWig
import pyfaidx
import pytest
import yaml

from seq2exp import files
from seq2exp.datasets.simulate import CELLS, demo_dataset, make_demo, plan
from seq2exp.datasets.simulate.chromosome import pixels_digest, runs_digest, sequence_digest
from seq2exp.datasets.simulate.labels import BASAL
from seq2exp.datasets.simulate.write import Writer
from seq2exp.errors import InputError
from seq2exp.genome.annotation import Annotation

READ_COLUMNS = ["chrom", "start", "end", "name", "score", "strand"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo(tmp_path_factory.mktemp("tiny") / "demo", size="tiny").parent


@pytest.fixture(scope="module")
def folder(demo: Path) -> Path:
    return demo.parent


@pytest.fixture
def two_chromosomes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A size ``pair`` that has another chromosome before the tiny one."""
    monkeypatch.setitem(plan.LENGTHS, "simY1", 350_000)
    monkeypatch.setitem(plan.SIZES, "pair", ("simY1", plan.TINY))


def read_back(folder: Path, chrom: str) -> dict[str, str]:
    """Digests of one chromosome's content as the files give it."""
    genome = pyfaidx.Fasta(str(folder / "genome.fa"), as_raw=True, rebuild=False)
    parts = {"sequence": sequence_digest(str(genome[chrom][:]).encode())}
    genome.close()
    length = dict(read_sizes(folder))[chrom]
    for cell in CELLS:
        for name in ("DNase", "H3K27ac"):
            track = pyBigWig.open(str(folder / "signal" / f"{cell}.{name}.bw"))
            assert track.chroms()[chrom] == length
            start, end, value = zip(*track.intervals(chrom), strict=True)
            track.close()
            parts[f"{name.lower()}/{cell}"] = runs_digest(
                np.array(start), np.array(end), np.array(value, dtype=np.float32)
            )
        pixels = read_pixels(folder, cell, chrom)
        parts[f"contact/{cell}"] = pixels_digest(
            pixels["start1"] // 5000, pixels["start2"] // 5000, pixels["count"]
        )
    return parts


def read_pixels(folder: Path, cell: str, chrom: str, resolution: int = 5000) -> pd.DataFrame:
    path = folder / "contact" / f"{cell}.hic"
    pixels = hictkpy.File(path, resolution).fetch(chrom, join=True).to_df()
    return pixels.sort_values(["start1", "start2"], ignore_index=True)


def read_sizes(folder: Path) -> list[tuple[str, int]]:
    rows = (line.split() for line in (folder / "chrom.sizes").read_text().splitlines())
    return [(name, int(length)) for name, length in rows]


def read_reads(folder: Path, cell: str) -> pd.DataFrame:
    path = folder / "reads" / f"{cell}.DNase.tagAlign.gz"
    return pd.read_csv(path, sep="\t", names=READ_COLUMNS)


def read_pairs(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "truth" / "gene_elements.tsv.gz", sep="\t")


def read_manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


# One generator, the same content


def test_same_seed_same_content(tiny: Path, tmp_path: Path) -> None:
    again = make_demo(tmp_path / "again", size="tiny").parent
    assert read_manifest(again) == read_manifest(tiny)
    for name in read_manifest(tiny)["files"]:
        if not name.endswith(".hic"):  # hictk may order blocks as it likes
            assert files.digest(again / name) == files.digest(tiny / name), name


def test_other_seed_other_content(tiny: Path, tmp_path: Path) -> None:
    other = read_manifest(make_demo(tmp_path / "other", size="tiny", seed=2).parent)
    mine = read_manifest(tiny)["chromosomes"][plan.TINY]
    theirs = other["chromosomes"][plan.TINY]
    assert all(mine[part] != theirs[part] for part in mine)


def test_files_say_what_the_manifest_says(tiny: Path) -> None:
    recorded = read_manifest(tiny)["chromosomes"][plan.TINY]
    found = read_back(tiny, plan.TINY)
    assert found == {part: recorded[part] for part in found}


@pytest.mark.usefixtures("two_chromosomes")
def test_a_chromosome_is_the_same_beside_others(tiny: Path, tmp_path: Path) -> None:
    pair = make_demo(tmp_path / "pair", size="pair").parent
    alone, beside = read_manifest(tiny), read_manifest(pair)
    assert beside["chromosomes"][plan.TINY] == alone["chromosomes"][plan.TINY]
    assert read_back(pair, plan.TINY) == read_back(tiny, plan.TINY)
    for cell in CELLS:
        reads = read_reads(pair, cell)
        mine = reads[reads["chrom"] == plan.TINY].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, read_reads(tiny, cell))
        # A gzip member a chromosome: the held-out ones are the same bytes.
        name = f"reads/{cell}.DNase.tagAlign.gz"
        assert (pair / name).read_bytes().endswith((tiny / name).read_bytes())


@pytest.mark.long
def test_full_size_has_the_same_held_out_chromosomes(folder: Path, tmp_path: Path) -> None:
    full = make_demo(tmp_path / "full", size="full").parent
    small, large = read_manifest(folder), read_manifest(full)
    assert large["held_out_digest"] == small["held_out_digest"]
    for chrom in (plan.VALIDATION, plan.TEST):
        assert large["chromosomes"][chrom] == small["chromosomes"][chrom]
        assert read_back(full, chrom) == read_back(folder, chrom)
    entry, default = (
        yaml.safe_load((path / "dataset.yaml").read_text()) for path in (full, folder)
    )
    assert entry["default_gene"] == default["default_gene"]
    lengths = dict(read_sizes(full))
    whole = 0
    for cell in CELLS:
        table = pd.read_csv(full / "expression" / f"{cell}.tsv", sep="\t")
        table = table[table["chrom"].isin(entry["splits"]["train"])]
        whole += int(table["tss"].between(100_000, table["chrom"].map(lengths) - 100_000).sum())
    assert whole >= 3_000


# What the files hold


def test_bigwig_is_the_coverage_of_the_reads(tiny: Path) -> None:
    length = dict(read_sizes(tiny))[plan.TINY]
    for cell in CELLS:
        coverage = np.zeros(length)
        for read in read_reads(tiny, cell).itertuples():
            assert read.end - read.start == 36
            cut = read.start if read.strand == "+" else read.end - 1
            coverage[max(0, cut - 75) : cut + 75] += 1
        track = pyBigWig.open(str(tiny / "signal" / f"{cell}.DNase.bw"))
        values = np.nan_to_num(track.values(plan.TINY, 0, length, numpy=True))
        track.close()
        np.testing.assert_allclose(values, coverage * 0.05, rtol=1e-6)


def test_reads_are_sorted_inside_their_chromosome(folder: Path) -> None:
    for chrom, length in read_sizes(folder):
        reads = read_reads(folder, CELLS[0])
        reads = reads[reads["chrom"] == chrom]
        assert reads["start"].is_monotonic_increasing
        assert reads["start"].min() >= 10_000 and reads["end"].max() <= length - 10_000


def test_genes(folder: Path) -> None:
    annotation = Annotation.from_gtf(folder / "genes.gtf.gz")
    lengths = dict(read_sizes(folder))
    genes = list(annotation.genes.values())
    table = pd.read_csv(folder / "expression" / f"{CELLS[0]}.tsv", sep="\t").set_index("gene_name")
    assert table.index.is_unique
    assert {gene.strand for gene in genes} == {"+", "-"}
    assert {gene.biotype for gene in genes} == {"protein_coding", "lncRNA"}
    assert sum(len(gene.transcripts) > 1 for gene in genes) > 30
    assert sum(len(gene.transcripts[0].exons) > 3 for gene in genes) > 100
    for gene in genes:
        canonical = gene.transcripts[0]
        assert canonical.canonical
        assert gene.tss == (canonical.start if gene.strand == "+" else canonical.end - 1)
        assert 10_000 <= gene.start < gene.end <= lengths[gene.chrom] - 10_000
        for (_, end), (start, _) in pairwise(canonical.exons):
            assert end < start
        if gene.name in table.index:
            assert table.loc[gene.name, "tss"] == gene.tss
        if canonical.cds is not None:
            low, high = canonical.cds
            coding = sum(max(0, min(b, high) - max(a, low)) for a, b in canonical.exons)
            assert coding % 3 == 0 and coding >= 180
    by_place = sorted(genes, key=lambda gene: (gene.chrom, gene.start))
    neighbours = pairwise(by_place)
    assert sum(a.chrom == b.chrom and a.end > b.start for a, b in neighbours) >= 10
    whole = [g for g in genes if 100_000 <= g.tss <= lengths[g.chrom] - 100_000]
    assert len([g for g in whole if g.name in table.index]) >= 150
    assert len(genes) - len(whole) >= 4


def test_gtf_frames_and_tags(folder: Path) -> None:
    coded: dict[str, int] = {}
    mane = set()
    with gzip.open(folder / "genes.gtf.gz", "rt") as lines:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            attributes = fields[8]
            if fields[2] == "transcript" and 'tag "MANE_Select"' in attributes:
                gene_id = attributes.split('"')[1]
                assert gene_id.endswith(".1") and gene_id not in mane
                mane.add(gene_id)
            if fields[2] == "CDS":
                transcript = attributes.split('transcript_id "')[1].split('"')[0]
                done = coded.get(transcript, 0)
                assert int(fields[7]) == (3 - done % 3) % 3
                coded[transcript] = done + int(fields[4]) - int(fields[3]) + 1
    assert len(mane) > 200


def test_contact_falls_with_distance_and_at_borders(folder: Path) -> None:
    pixels = read_pixels(folder, CELLS[0], plan.TEST)
    distance = (pixels["start2"] - pixels["start1"]) // 5000
    # Without crossings, neighbours have about DEPTH counts; the mean over all crosses some.
    means = pixels["count"].groupby(distance).sum()
    n_bins = dict(read_sizes(folder))[plan.TEST] // 5000
    assert 150 < means[1] / n_bins < 300
    assert means[0] > means[1] > means[2] > means[4] > means[8] > means[16] > means[40]
    manifest = read_manifest(folder)
    assert manifest["simulated"] is True
    pairs = read_pairs(folder)
    crossing = pairs[pairs["role"] == "behind_border"]
    same = pairs[pairs["role"] == "causal"]
    for table in (crossing, same):
        assert table["distance"].abs().max() <= 100_000
    expected = (same["distance"].abs().clip(lower=5000) / 5000) ** -1.25
    assert (same["contact"] / expected > 0.99).mean() > 0.9
    expected = (crossing["distance"].abs().clip(lower=5000) / 5000) ** -1.25
    assert (crossing["contact"] / expected).max() < 0.09


def test_coarser_maps_sum_the_finer(tiny: Path) -> None:
    fine = read_pixels(tiny, CELLS[1], plan.TINY)
    coarse = read_pixels(tiny, CELLS[1], plan.TINY, 25_000)
    summed = fine["count"].groupby([fine["start1"] // 25_000, fine["start2"] // 25_000]).sum()
    assert coarse["count"].tolist() == summed.tolist()


def test_blacklist_names_the_absurd(folder: Path) -> None:
    lengths = dict(read_sizes(folder))
    regions = [line.split("\t") for line in (folder / "blacklist.bed").read_text().splitlines()]
    assert len(regions) == 2 * len(lengths)
    for cell in CELLS:
        track = pyBigWig.open(str(folder / "signal" / f"{cell}.DNase.bw"))
        inside = {chrom: np.zeros(length, bool) for chrom, length in lengths.items()}
        for chrom, start, end, *_ in regions:
            inside[chrom][int(start) - 200 : int(end) + 200] = True
            assert track.stats(chrom, int(start), int(end))[0] > 20
        for chrom, length in lengths.items():
            values = np.nan_to_num(track.values(chrom, 0, length, numpy=True))[~inside[chrom]]
            assert np.median(values) < 0.1
            assert 3 < np.quantile(values, 0.9995) < 15
        track.close()


# Truth


def test_labels_are_what_the_truth_adds_up_to(folder: Path) -> None:
    """Each recorded part and effect follows from the pairs by plain arithmetic."""
    pairs = read_pairs(folder)
    labels = pd.read_csv(folder / "truth" / "labels.tsv", sep="\t").set_index(["gene_id", "cell"])
    pairs["part"] = np.where(
        pairs["distance"].abs() >= 1000, pairs["activity"] * pairs["contact"], 0
    )
    term = BASAL + pairs.groupby(["gene_id", "cell"])["part"].sum().reindex(labels.index).fillna(0)
    np.testing.assert_allclose(np.log10(term), labels["enhancer_log10"], atol=2e-3)
    share = pairs["part"] / pairs.set_index(["gene_id", "cell"]).index.map(term)
    np.testing.assert_allclose(share, pairs["effect"], atol=1e-3)
    log_cage = labels[["promoter_log10", "mrna_log10", "enhancer_log10", "noise_log10"]].sum(axis=1)
    deviation = (labels["CAGE_count"] - 10**log_cage) / np.sqrt(10**log_cage)
    assert abs(deviation.mean()) < 0.15 and 0.85 < deviation.std() < 1.15  # Poisson


def test_proportions_of_the_label(folder: Path) -> None:
    labels = pd.read_csv(folder / "truth" / "labels.tsv", sep="\t")
    label = np.log10(labels["CAGE_count"] + 1)
    assert 0.65 < label.std() < 1.0 and label.min() < 0.3 and 3 < label.max() < 4.5
    assert labels["enhancer_log10"].std() >= labels["promoter_log10"].std()
    assert labels["noise_log10"].std() == pytest.approx(0.15, abs=0.015)
    assert labels["mrna_log10"].std() < labels["promoter_log10"].std() / 2


def test_nine_features_explain_part_of_the_label(folder: Path) -> None:
    entry = yaml.safe_load((folder / "dataset.yaml").read_text())
    tables = []
    for cell in CELLS:
        names = entry["cells"][cell]["expression"]["features"]
        tables.append(pd.read_csv(folder / "expression" / f"{cell}.tsv", sep="\t"))
    table = pd.concat(tables)
    assert len(names) == 9
    activity = np.sqrt(table["dnase_rpm_tss1kb"] * table["h3k27ac_rpm_tss1kb"])
    np.testing.assert_allclose(table["promoter_activity"], activity, atol=1e-4)
    label = np.log10(table["CAGE_count"] + 1).to_numpy()
    design = np.column_stack([np.ones(len(table)), table[names]])
    held = (table["chrom"] == plan.TEST).to_numpy()
    weights, *_ = np.linalg.lstsq(design[~held], label[~held], rcond=None)
    assert 0.45 < np.corrcoef(design[held] @ weights, label[held])[0, 1] < 0.68


def test_mrna_features_from_gtf_and_fasta(tiny: Path) -> None:
    """GC content and exon density, counted base by base from the files."""
    genome = pyfaidx.Fasta(str(tiny / "genome.fa"), as_raw=True, sequence_always_upper=True)
    sequence = str(genome[plan.TINY][:])
    genome.close()
    table = pd.read_csv(tiny / "expression" / f"{CELLS[0]}.tsv", sep="\t").set_index("gene_name")
    genes = [
        gene
        for gene in Annotation.from_gtf(tiny / "genes.gtf.gz").genes.values()
        if gene.biotype == "protein_coding"
    ]
    assert len(genes) == len(table)
    for gene in genes:
        exons, (low, high) = gene.transcripts[0].exons, gene.transcripts[0].cds or (0, 0)
        bases = [i for start, end in exons for i in range(start, end)]
        before, after = [i for i in bases if i < low], [i for i in bases if i >= high]
        five, three = (before, after) if gene.strand == "+" else (after, before)
        coding = [i for i in bases if low <= i < high]
        for column, part in (("utr5_gc", five), ("cds_gc", coding), ("utr3_gc", three)):
            content = sum(sequence[i] in "GC" for i in part) / len(part)
            assert table.loc[gene.name, column] == pytest.approx(content, abs=1e-4)
        density = 1000 * (len(exons) - 1) / len(coding)
        assert table.loc[gene.name, "orf_exon_density"] == pytest.approx(density, abs=1e-4)


def test_decoys_look_as_they_should(folder: Path) -> None:
    elements = pd.read_csv(folder / "truth" / "elements.tsv", sep="\t")
    counts = elements["class"].value_counts()
    assert counts["broken_motif"] <= counts["causal_enhancer"]
    assert counts["ctcf"] > 50 and counts["silenced_enhancer"] > 10
    cell = CELLS[0]
    means = {}
    for name, reach in (("DNase", 100), ("H3K27ac", 600)):
        track = pyBigWig.open(str(folder / "signal" / f"{cell}.{name}.bw"))
        center = (elements["start"] + elements["end"]) // 2
        height = [
            np.nan_to_num(track.values(chrom, at - reach, at + reach, numpy=True)).mean()
            for chrom, at in zip(elements["chrom"], center, strict=True)
        ]
        track.close()
        active = elements[f"activity_{cell}"] > 0
        group = elements["class"].where(elements["class"] != "causal_enhancer", "other")
        means[name] = pd.Series(height).groupby(group.where(~active, "active")).median()
    assert means["DNase"]["ctcf"] > 0.7 * means["DNase"]["active"]
    assert means["DNase"]["silenced_enhancer"] < 0.1 * means["DNase"]["active"]
    assert means["H3K27ac"]["ctcf"] < 0.2 * means["H3K27ac"]["active"]


def test_roles(folder: Path) -> None:
    pairs = read_pairs(folder)
    causal = pairs[pairs["role"] == "causal"]
    assert (causal["effect"] >= 0.03).all()
    inactive = pairs[~pairs["role"].isin(["causal", "weak_enhancer", "behind_border"])]
    assert (inactive["effect"] == 0).all()
    assert (pairs.loc[pairs["role"] == "behind_border", "effect"] < 0.03).all()
    # Most of what enhancers do comes from within 20 kb.
    near = pairs.loc[pairs["distance"].abs() < 20_000, "effect"].sum()
    assert near / pairs["effect"].sum() > 0.55
    assert causal["distance"].abs().max() > 80_000


def test_truth_bed_matches_table(folder: Path) -> None:
    lines = (folder / "truth" / "elements.bed").read_text().splitlines()
    assert 'itemRgb="On"' in lines[0]
    table = pd.read_csv(folder / "truth" / "elements.tsv", sep="\t")
    assert len(lines) - 1 == len(table)
    for line, row in zip(lines[1:], table.itertuples(), strict=True):
        fields = line.split("\t")
        assert len(fields) == 9 and 0 <= int(fields[4]) <= 1000
        assert (fields[0], int(fields[1]), int(fields[2])) == (row.chrom, row.start, row.end)


def test_default_gene_is_a_good_example(folder: Path) -> None:
    name = yaml.safe_load((folder / "dataset.yaml").read_text())["default_gene"]
    labels = pd.read_csv(folder / "truth" / "labels.tsv", sep="\t")
    counts = labels[labels["gene_name"] == name].set_index("cell")["CAGE_count"]
    assert counts.max() >= 3 * counts.min()
    pairs = read_pairs(folder)
    pairs = pairs[(pairs["gene_name"] == name) & (pairs["cell"] == counts.idxmax())]
    roles = pairs["role"].value_counts()
    assert roles["causal"] >= 3
    assert {"ctcf", "broken_motif", "behind_border", "neighbour_promoter"} <= set(roles.index)


def test_macs3_finds_the_open_elements(folder: Path, tmp_path: Path) -> None:
    """The real peak caller finds active enhancers and is fooled by CTCF and broken elements."""
    cell = CELLS[0]
    reads = folder / "reads" / f"{cell}.DNase.tagAlign.gz"
    command = f"callpeak -t {reads} -f BED -g 6e6 --nomodel --shift -75 --extsize 150"
    macs3 = Path(sys.executable).parent / "macs3"
    subprocess.run(
        [macs3, *command.split(), "--keep-dup", "all", "-n", "x", "--outdir", tmp_path],
        check=True,
        capture_output=True,
    )
    peaks = pd.read_csv(tmp_path / "x_peaks.narrowPeak", sep="\t", header=None)
    elements = pd.read_csv(folder / "truth" / "elements.tsv", sep="\t")
    inside = {chrom: np.zeros(length, bool) for chrom, length in read_sizes(folder)}
    for chrom, start, end in peaks[[0, 1, 2]].itertuples(index=False):
        inside[chrom][start:end] = True
    center = (elements["start"] + elements["end"]) // 2
    found = pd.Series(
        [bool(inside[c][at]) for c, at in zip(elements["chrom"], center, strict=True)]
    )
    active = elements[f"activity_{cell}"] > 0.5
    assert found[active].mean() > 0.95
    assert found[elements["class"] == "ctcf"].mean() > 0.9
    assert found[elements["class"] == "broken_motif"].mean() > 0.4
    assert found[elements["class"] == "silenced_enhancer"].mean() < 0.2


# Making, caching, refusing


def test_size_on_disk(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 60e6


def test_progress_rises_to_one(tmp_path: Path) -> None:
    seen: list[tuple[float, str]] = []
    make_demo(tmp_path / "demo", size="tiny", progress=lambda f, text: seen.append((f, text)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    assert all(text for _, text in seen)


def test_demo_dataset_is_cached(demo: Path) -> None:
    stamp = demo.stat().st_mtime_ns
    assert demo_dataset() == demo
    assert demo.stat().st_mtime_ns == stamp


def test_half_made_cache_entry_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQ2EXP_CACHE", str(tmp_path))
    monkeypatch.setitem(plan.SIZES, "default", (plan.TINY,))
    path = demo_dataset()
    assert path.is_file() and path.is_relative_to(tmp_path)
    path.unlink()
    assert demo_dataset() == path
    assert path.is_file()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_two_processes_make_one_demo(tmp_path: Path) -> None:
    script = (
        "import sys; from seq2exp.datasets.simulate import demo_dataset, plan\n"
        "plan.SIZES['default'] = (plan.TINY,)\n"
        "seen = []; path = demo_dataset(lambda f, text: seen.append(f))\n"
        "assert path.is_file(); print(path, len(seen))"
    )
    environment = {"SEQ2EXP_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    both = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=120)[0].decode().split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert answers[0][0] == answers[1][0]
    assert sorted(int(calls) > 0 for _, calls in answers) == [False, True]  # the other one waited


def test_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("stopped")

    monkeypatch.setattr(Writer, "finish", fail)
    with pytest.raises(RuntimeError, match="stopped"):
        make_demo(tmp_path / "demo", size="tiny")
    assert list(tmp_path.iterdir()) == []


def test_an_older_demo_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    make_demo(out, size="tiny")
    make_demo(out, size="tiny", seed=3)
    assert read_manifest(out)["seed"] == 3
    (out / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds more than a demo data set; choose a new folder"):
        make_demo(out, size="tiny")
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": "huge"}, 'no demo size "huge"'),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_demo(tmp_path / "demo", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_out_dir_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another folder"):
        make_demo(tmp_path / "file" / "demo", size="tiny")
    with pytest.raises(InputError, match="choose a new folder"):
        make_demo(tmp_path / "file", size="tiny")
