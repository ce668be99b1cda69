"""The comparison of genes against their windows' bases, one by one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from seq2exp.analysis.compare.counts import Minimum
from seq2exp.analysis.compare.gene import PARTS, Comparer
from seq2exp.analysis.compare.genes import GeneFilter, filter_genes
from seq2exp.analysis.compare.genomic import CLASSES
from seq2exp.analysis.compare.pooled import Comparison
from seq2exp.analysis.compare.run import compare_genes
from seq2exp.analysis.compare.sets import PEAKS, IntervalSet, crispri_set, on_genome, read_intervals
from seq2exp.analysis.compare.settings import Settings
from seq2exp.analysis.compare.sweeps import PeakSeries, RuleSeries
from seq2exp.analysis.compare.units import units_of
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.inference.predictor import MaskRule, Predictor
from seq2exp.model.beta import BetaPrior, MaskPosterior
from seq2exp.model.checkpoint import save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.tracks.peaks import PeakCaller, PeakParameters

EXAMPLE = Path(__file__).parents[2] / "data" / "datasets" / "k562_chr22.yaml"
RULE = MaskRule("hard", threshold=0.5)


@pytest.fixture(scope="module")
def caller(dataset, cell):
    return PeakCaller.for_cell(cell, dataset.genome)


@pytest.fixture(scope="module")
def peaks(caller):
    return caller.peaks()


@pytest.fixture(scope="module")
def windows(dataset, cell):
    """One gene at each end of the chromosome, and one on the minus strand between them."""
    genes = sorted((dataset.gene(id) for id in dataset.annotation.genes), key=lambda g: g.tss)
    minus = next(gene for gene in genes[3:-3] if gene.strand == "-")
    return [dataset.window(gene, cell.name) for gene in (genes[0], minus, genes[-1])]


def posterior_of(window, peaks, seed=0):
    """A mask that takes some peaks, shifted a little, and some of everything else."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(0.01, 0.3, window.length).astype(np.float32)
    starts = peaks["start"].to_numpy() - window.interval.start
    inside = starts[(starts > 0) & (starts < window.length - 800)]
    taken = rng.choice(inside, size=len(inside) // 2, replace=False) + rng.integers(-250, 250)
    for start in np.concatenate([taken, rng.integers(0, window.length - 800, 25)]):
        start = max(int(start), 0)
        mean[start : start + int(rng.integers(60, 700))] = rng.uniform(0.4, 0.95)
    return MaskPosterior(
        alpha=100 * mean,
        beta=100 * (1 - mean),
        prior=BetaPrior(10.0, 90.0),
        evidence=np.repeat(25 * mean[:, None], 4, axis=1),
        forced_open=window.promoter,
        closed=window.blacklist,
    )


def inside(frame, window):
    """Bool [L] of the bases that intervals cover."""
    found = np.zeros(window.length, dtype=bool)
    start = window.interval.start
    for row in frame[frame["chrom"] == window.interval.chrom].itertuples():
        found[max(row.start - start, 0) : max(row.end - start, 0)] = True
    return found


def counted_of(window, keep_promoter):
    counted = np.zeros(window.length, dtype=bool)
    counted[window.pad_left : window.length - window.pad_right] = True
    if not keep_promoter:
        counted[window.promoter] = False
    return counted


def genomic_of(dataset, window):
    """The class of each base of a window, painted from the least to the first of them."""
    start, painted = window.interval.start, np.full(window.length, CLASSES.index("intergenic"))

    def paint(first, last, what):
        painted[max(first - start, 0) : max(last - start, 0)] = CLASSES.index(what)

    genes = list(dataset.annotation.genes.values())
    for gene in genes:
        for transcript in gene.transcripts:
            paint(transcript.start, transcript.end, "intron")
    for gene in genes:
        for transcript in gene.transcripts:
            for first, last in transcript.exons:
                paint(first, last, "exon")
    for gene in genes:
        sites = {dataset.gene(gene.id).tss}
        for transcript in gene.transcripts:
            sites.add(transcript.start if gene.strand == "+" else transcript.end - 1)
        for tss in sites:
            paint(tss - 1_000, tss + 1_000, "promoter")
    return painted


@pytest.mark.parametrize("keep", [False, True])
def test_every_number_of_a_gene_equals_its_bases(dataset, peaks, windows, keep):
    minimum = Minimum(30, 0.2)
    comparer = Comparer(
        dataset,
        IntervalSet(PEAKS, peaks),
        RULE,
        Settings(minimum=minimum, keep_promoter=keep),
        [read_intervals(dataset.truth_path, "planted", dataset.lengths)],
    )
    seen = set()
    for window in windows:
        posterior = posterior_of(window, peaks)
        found = comparer.compare(window, posterior)
        start, counted = window.interval.start, counted_of(window, keep)
        learned = found.rows[found.rows["set"] == "learned"]
        # Elements are made of selected bases and closed gaps, so both ends are selected.
        selected = RULE.mask(posterior) > 0.5
        assert len(learned) > 10
        for row in learned.itertuples():
            assert selected[row.start - start] and selected[row.end - 1 - start]
        sets = {
            "learned": inside(learned, window) & counted,
            "peaks": inside(peaks, window) & counted,
            "planted": inside(comparer.others[0].frame, window) & counted,
        }
        one, other = sets["learned"], sets["peaks"]
        counts = found.counts
        assert counts.bp_counted == counted.sum()
        assert (counts.bp_a, counts.bp_b) == (one.sum(), other.sum())
        assert counts.bp_shared == (one & other).sum()
        assert counts.jaccard == (one & other).sum() / (one | other).sum()
        assert found.mask_ratio == pytest.approx(selected.mean())
        assert found.peaks_ratio == pytest.approx(inside(peaks, window).mean())

        # Every interval by itself: what of it counts, what is shared, its class and its means.
        genomic = genomic_of(dataset, window)
        mask = posterior.edit(posterior.mean).astype(np.float64)
        h3k27ac, dnase, contact = window.signals.T.astype(np.float64)
        everywhere = {"learned": learned, "peaks": peaks}
        tally = dict.fromkeys(found.rows["class"].unique(), 0)
        for row in found.rows.itertuples():
            part = counted.copy()
            part[: max(row.start - start, 0)] = False
            part[max(row.end - start, 0) :] = False
            shared = part & sets["peaks" if row.set == "learned" else "learned"]
            assert (row.counted_bp, row.shared_bp) == (part.sum(), shared.sum())
            hit = shared.sum() >= max(30, 0.2 * part.sum())
            only = {"learned": "learned-only", "peaks": "peak-only"}[row.set]
            assert row._5 == ("shared" if hit else only)
            tally[row._5] += 1
            assert row.length == row.end - row.start
            middle = (row.start + row.end) // 2
            away = middle - window.gene.tss
            assert row.tss_distance == (away if window.gene.strand == "+" else -away)
            assert row.genomic == CLASSES[genomic[part].min()]
            assert row.mean_mask == pytest.approx(mask[part].mean())
            assert row.dnase == pytest.approx(dnase[part].mean(), abs=1e-6)
            assert row.h3k27ac == pytest.approx(h3k27ac[part].mean(), abs=1e-6)
            assert row.contact == pytest.approx((10 ** contact[part] - 1).mean(), abs=1e-6)
        seen |= set(tally)
        rows = found.rows.groupby("set")["class"].value_counts()
        assert rows["learned"].get("shared", 0) == counts.a_shared
        assert rows["learned"].get("learned-only", 0) == counts.a_only
        assert rows["peaks"].get("shared", 0) == counts.b_shared
        assert rows["peaks"].get("peak-only", 0) == counts.b_only
        assert set(everywhere["peaks"]["name"]) >= set(
            found.rows.loc[found.rows["set"] == "peaks", "name"]
        )

        parts = (one & other, one & ~other, other & ~one, counted & ~one & ~other)
        expected = [[(genomic[part] == i).sum() for i in range(len(CLASSES))] for part in parts]
        assert found.composition.tolist() == expected
        assert found.composition.sum() == counts.bp_counted

        for row in found.combinations.itertuples():
            member = counted.copy()
            for name, covers in sets.items():
                member &= covers if getattr(row, name) else ~covers
            assert row.bp == member.sum()
        assert list(found.pairs) == [
            ("learned", "peaks"), ("learned", "planted"), ("peaks", "planted"),
        ]  # fmt: skip
        assert found.pairs["learned", "planted"].bp_shared == (one & sets["planted"]).sum()
        assert found.pairs["peaks", "planted"].bp_shared == (other & sets["planted"]).sum()
    assert seen == {"shared", "learned-only", "peak-only"}
    assert any(window.pad_left for window in windows) and any(w.pad_right for w in windows)


def test_a_promoter_that_is_kept_is_a_learned_element(dataset, peaks, windows):
    window = windows[1]
    posterior = posterior_of(window, peaks)
    at_tss = {"chrom": window.interval.chrom, "start": window.gene.tss - 200}
    promoter = pd.DataFrame([{**at_tss, "end": window.gene.tss + 200, "name": "p"}])
    sets = IntervalSet(PEAKS, promoter)
    without = Comparer(dataset, sets, RULE).compare(window, posterior)
    assert without.counts.b == 0 and without.counts.bp_b == 0
    kept = Comparer(dataset, sets, RULE, Settings(keep_promoter=True)).compare(window, posterior)
    assert kept.counts.bp_counted == without.counts.bp_counted + 2_000
    assert (kept.counts.b, kept.counts.b_shared, kept.counts.bp_shared) == (1, 1, 400)
    assert kept.counts.bp_a >= 2_000


@pytest.fixture(scope="module")
def pooled(dataset, cell, caller, peaks, windows):
    """All windows, with sweeps, shuffles and a third set."""
    rules = RuleSeries.of(RULE, (0.3, 0.5, 0.8))
    comparer = Comparer(
        dataset,
        IntervalSet(PEAKS, peaks),
        RULE,
        Settings(rules=rules, shuffles=40, seed=3),
        [read_intervals(dataset.truth_path, "planted", dataset.lengths)],
        PeakSeries.call(caller, (0.05, 1e-10)),
    )
    found = [comparer.compare(window, posterior_of(window, peaks)) for window in windows]
    return Comparison(comparer, found)


def test_totals_are_sums_over_windows(pooled):
    genes, total = pooled.genes, pooled.counts
    assert total.genes == len(genes) == len(pooled.found) == 3
    for name in ("learned", "peaks_shared", "bp_shared", "bp_counted", "bp_learned_only"):
        assert total.values()[name] == genes[name].sum()
    assert total.jaccard == genes["bp_shared"].sum() / genes["bp_union"].sum()
    # Windows overlap here, so their bases are more than there are.
    assert pooled.distinct_bp < total.bp_counted
    assert f"(the windows hold {pooled.distinct_bp:,} different bp)" in pooled.counted()
    assert "once for each gene" in pooled.counted() and "left out" in pooled.counted()
    for name, estimate in pooled.intervals.items():
        assert estimate.low < estimate.value < estimate.high
        assert estimate.value == pytest.approx(getattr(total, name))


def test_tables_of_classes_add_up(pooled):
    rows, classes = pooled.rows, pooled.classes
    assert len(rows) == pooled.counts.a + pooled.counts.b
    for row in classes.itertuples(index=False):
        part = rows[(rows["set"] == row.set) & (rows["class"] == row[1])]
        values = part[row.quantity].abs() if row.quantity == "tss_distance" else part[row.quantity]
        assert row.n == len(part)
        expected = (values.mean(), *np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]))
        found = (row.mean, row.q05, row.q25, row.median, row.q75, row.q95)
        assert found == pytest.approx(expected)
    genomic = pooled.genomic
    assert genomic["intervals"].sum() == len(rows)
    assert genomic.groupby(["set", "class"])["share"].sum().to_numpy() == pytest.approx(1)
    composition = pooled.composition
    assert composition["bp"].sum() == pooled.counts.bp_counted
    shared = composition.loc[composition["part"] == "shared", "bp"].sum()
    assert shared == pooled.counts.bp_shared
    assert tuple(composition["part"].unique()) == PARTS


def test_sweeps_are_the_comparison_at_each_value(pooled, dataset, caller, windows, peaks):
    curves = pooled.curves
    assert curves["parameter"].tolist() == ["mask threshold"] * 3 + ["q-value"] * 2
    assert curves["value"].tolist() == [0.3, 0.5, 0.8, 0.05, 1e-10]
    assert (curves["genes"] == 3).all()
    own = pooled.counts.values()
    for i in (1, 3):  # the values of the comparison itself
        assert {key: curves.iloc[i][key] for key in own} == pytest.approx(own)
    low, _, high = curves["bp_learned"][:3]
    assert low > own["bp_learned"] > high > 0
    strict = caller.peaks(PeakParameters(q=1e-10))
    assert len(strict) < len(peaks)
    again = Comparer(dataset, IntervalSet(PEAKS, strict), RULE)
    counts = [again.compare(window, posterior_of(window, peaks)).counts for window in windows]
    assert curves.iloc[4]["bp_shared"] == sum(count.bp_shared for count in counts)
    assert curves.iloc[4]["peaks_shared"] == sum(count.b_shared for count in counts)


def test_a_series_has_the_rules_own_value():
    series = RuleSeries.of(replace(RULE, threshold=0.123))
    assert series.parameter == "mask threshold" and 0.123 in series.values
    assert list(series.values) == sorted(series.values)
    assert [rule.threshold for rule in series.rules] == list(series.values)
    top = RuleSeries.of(MaskRule("top", fraction=0.07))
    assert top.parameter == "mask fraction" and 0.07 in top.values
    assert {rule.mode for rule in top.rules} == {"top"}
    with pytest.raises(InputError, match="out of range"):
        RuleSeries.of(RULE, (0.5, 1.5))


def test_enrichment_stays_the_same_whatever_else_is_compared(pooled, dataset, peaks, windows):
    table = pooled.enrichment
    pairs = [("learned", "peaks"), ("learned", "planted"), ("peaks", "planted")]
    assert list(zip(table["a"], table["b"], strict=True))[::2] == pairs
    assert table["unit"].tolist() == ["bp", "intervals"] * 3
    first = table.iloc[0]
    assert first["observed"] == pooled.counts.bp_shared
    assert table.iloc[1]["observed"] == pooled.counts.a_shared
    # Half of the learned elements were made from peaks, and peaks stand on planted elements.
    assert first["fold"] > 1.5 and first["p_more"] == 1 / 41
    # Alone and without the third set, a gene's draws are the same.
    alone = Comparer(dataset, IntervalSet(PEAKS, peaks), RULE, Settings(shuffles=40, seed=3))
    one = alone.compare(windows[2], posterior_of(windows[2], peaks))
    drawn = pooled.found[2].shuffled["learned", "peaks"].drawn
    assert one.shuffled["learned", "peaks"].drawn.tolist() == drawn.tolist()
    other = Comparer(dataset, IntervalSet(PEAKS, peaks), RULE, Settings(shuffles=40, seed=4))
    two = other.compare(windows[2], posterior_of(windows[2], peaks))
    assert two.shuffled["learned", "peaks"].drawn.tolist() != drawn.tolist()


def test_shuffles_over_the_chromosome_meet_peaks_outside_the_window(dataset, peaks, windows):
    window = windows[0]
    posterior = posterior_of(window, peaks)
    start, end = window.interval.start, window.interval.end
    outside = peaks[(peaks["end"] <= start) | (peaks["start"] >= end)]
    assert len(outside)
    settings = Settings(shuffles=50)
    near = Comparer(dataset, IntervalSet(PEAKS, outside), RULE, settings)
    far = Comparer(
        dataset, IntervalSet(PEAKS, outside), RULE, replace(settings, within="chromosome")
    )
    assert not near.compare(window, posterior).shuffled["learned", "peaks"].drawn.any()
    drawn = far.compare(window, posterior).shuffled["learned", "peaks"]
    assert drawn.drawn.any() and not drawn.observed.any()


def test_everything_is_json_and_every_number_has_a_unit(pooled):
    values = pooled.to_dict()
    tables = pooled.tables()
    assert set(tables) <= set(values) and len(tables) == 9
    for name, table in tables.items():
        assert len(values[name]) == len(table)
        assert set(units_of(name, table)) == set(table.columns)
    assert values["totals"]["learned"] == pooled.counts.a
    assert values["promoter"] == "left out"
    assert values["genes_compared"] == 3
    said = " ".join(values["sentences"])
    for words in ("of", "bp", "95 % over genes", "at least 1 bp", "mask ratio", "shuffles"):
        assert words in said
    with pytest.raises(ValueError, match="no unit"):
        units_of("genes", pd.DataFrame({"odd": [1.0]}))


def test_a_gene_alone_has_no_interval_over_genes(pooled):
    alone = Comparison(pooled.comparer, pooled.found[:1])
    assert alone.intervals["jaccard"].value is not None
    assert alone.intervals["jaccard"].low is None
    assert not any("over genes" in sentence for sentence in alone.sentences())
    assert "one window" in alone.counted()


def test_a_window_without_elements_or_peaks(dataset, windows):
    window = windows[1]
    posterior = posterior_of(window, pd.DataFrame({"start": np.empty(0, np.int64)}))
    nothing = pd.DataFrame({"chrom": ["chr9"], "start": [0], "end": [9], "name": ["x"]})
    settings = Settings(shuffles=5, rules=RuleSeries.of(RULE, (0.5,)))
    comparer = Comparer(
        dataset, IntervalSet(PEAKS, nothing), replace(RULE, threshold=0.99), settings
    )
    found = Comparison(comparer, [comparer.compare(window, posterior)])
    assert (found.counts.a, found.counts.b, found.counts.jaccard) == (0, 0, None)
    assert found.classes["n"].sum() == 0 and found.classes["median"].isna().all()
    values = found.to_dict()
    assert values["totals"]["precision"] is None and values["enrichment"][0]["fold"] is None
    assert "rows" not in values and values["sentences"]


def test_sets_need_names_of_their_own(dataset, peaks):
    called = IntervalSet(PEAKS, peaks)
    for names in (["peaks"], ["a", "a"], [""], ["bp"]):
        with pytest.raises(InputError, match="a name of its own"):
            Comparer(dataset, called, RULE, others=[IntervalSet(n, peaks) for n in names])
    with pytest.raises(InputError, match="too many"):
        Comparer(dataset, called, RULE, others=[IntervalSet(str(i), peaks) for i in range(7)])
    with pytest.raises(InputError, match="say nothing"):
        Settings(shuffles=1)
    with pytest.raises(InputError, match="1 bp or more"):
        Settings(min_length=0)
    with pytest.raises(InputError, match="seed -1 is not possible"):
        Settings(seed=-1)


def test_any_bed_is_a_set(tmp_path):
    lengths = {"chr1": 1_000, "chr2": 500}
    path = tmp_path / "ccre.bed"
    # As ENCODE writes its candidate elements: neither a score nor a strand where BED has them.
    path.write_text(
        "1\t10\t20\tEH38D1\tEH38E1\tpELS\nchr2\t0\t500\tEH38D2\tEH38E2\tPLS\nchrZ\t1\t2\n"
    )
    found = read_intervals(path, "cCRE", lengths)
    assert found.frame.to_dict("records") == [
        {"chrom": "chr1", "start": 10, "end": 20, "name": "EH38D1"},
        {"chrom": "chr2", "start": 0, "end": 500, "name": "EH38D2"},
    ]
    for text, words in (
        ("chr1\t10\n", "line 1 is not BED"),
        ("chr1\t5\t2\n", "line 1: start 5 and end 2"),
        ("chrQ\t1\t2\n", "genome assembly"),
        ("chr2\t1\t501\n", "beyond the 500 bp"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=words):
            read_intervals(path, "cCRE", lengths)
    with pytest.raises(InputError, match="does not exist"):
        read_intervals(tmp_path / "gone.bed", "gone", lengths)
    assert on_genome(pd.DataFrame({"chrom": [], "start": [], "end": []}), lengths, "x").empty


def test_rows_of_a_set_near_a_place(windows):
    rng = np.random.default_rng(1)
    starts = rng.integers(0, 5_000, 200)
    frame = pd.DataFrame(
        {
            "chrom": rng.choice(["chr1", "chr2"], 200),
            "start": starts,
            "end": starts + rng.choice([0, 5, 50, 2_000], 200),
        }
    )
    gene = windows[0].gene
    place = replace(windows[0].interval, chrom="chr1", start=2_000, end=2_300)
    here = (frame["chrom"] == "chr1") & (frame["start"] < 2_300) & (frame["end"] > 2_000)
    expected = frame[here & (frame["start"] < frame["end"])]
    assert IntervalSet("x", frame).near(place).sort_index().equals(expected)
    owned = frame.assign(
        gene_id=rng.choice(["ENSG00000000001.4", gene.id, gene.id.lower()], 200),
        gene_symbol=rng.choice(["A", gene.name.lower()], 200),
    )
    own = owned["gene_id"].str.upper().eq(gene.id) | owned["gene_symbol"].str.upper().eq(gene.name)
    of_gene = IntervalSet("x", owned, of_genes=True)
    assert (
        of_gene.near(place, gene)
        .sort_index()
        .equals(owned[own].loc[lambda f: f.index.isin(expected.index)])
    )
    with pytest.raises(ValueError, match="say of which"):
        of_gene.near(place)


def test_a_cell_without_crispri_says_so(dataset, cell):
    with pytest.raises(InputError, match="no CRISPRi table"):
        crispri_set(cell, dataset.lengths)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    torch.manual_seed(2)
    path = tmp_path_factory.mktemp("compare") / "model.safetensors"
    save_model(path, Seq2Exp(ModelConfig.coupled("tiny")), {"model": "seq2exp-coupled"})
    return Predictor(path, "cpu")


def test_gene_after_gene_with_masks_that_are_known(dataset, cell, peaks, predictor, windows):
    comparer = Comparer(dataset, IntervalSet(PEAKS, peaks), MaskRule("top", fraction=0.02))
    genes = [window.gene for window in windows[:2]]
    known = {genes[0].id: posterior_of(windows[0], peaks)}
    told = []
    found = compare_genes(
        comparer,
        predictor,
        genes,
        cell.name,
        prior=BetaPrior.from_mean(0.2, 100),
        posterior_of=lambda window: known.get(window.gene.id),
        progress=lambda fraction, text: told.append((fraction, text)),
    )
    assert [one.gene for one in found.found] == genes
    assert [fraction for fraction, _ in told] == [0, 0.5]
    assert told[1][1] == f"{genes[1].name}: gene 2 of 2"
    for window, posterior, one in (
        (windows[0], known[genes[0].id], found.found[0]),
        (windows[1], predictor.posterior(windows[1]), found.found[1]),
    ):
        tilted = posterior.retilt(BetaPrior.from_mean(0.2, 100))
        assert one.counts == comparer.compare(window, tilted).counts


def test_a_gene_without_a_window_is_left_out_and_named(dataset, cell, peaks, predictor, windows):
    comparer = Comparer(dataset, IntervalSet(PEAKS, peaks), RULE)
    lost = replace(windows[0].gene, name="LOST", chrom="chrQ")
    known = posterior_of(windows[0], peaks)
    found = compare_genes(
        comparer, predictor, [lost, windows[0].gene], cell.name, posterior_of=lambda _: known
    )
    assert len(found.found) == 1 and found.left_out[0][0] == lost
    assert "chrQ" in found.to_dict()["left_out"][0]["why"]
    with pytest.raises(InputError, match="chrQ"):
        compare_genes(comparer, predictor, [lost], cell.name)
    with pytest.raises(InputError, match="Choose a gene"):
        compare_genes(comparer, predictor, [], cell.name)


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.long)])
def test_genes_of_the_real_region_against_its_real_peaks(real_data, predictor, step):
    """K562, chr22: what is counted for each gene is what a walk along its bases finds."""
    folder = real_data / "k562_chr22"
    dataset = Dataset.load(EXAMPLE, root=folder)
    cell = dataset.cell("K562")
    genes = filter_genes(dataset, cell, GeneFilter(chroms=("22",)))
    assert len(genes) > 60
    tested = {"NPTXR", "MGAT3", "SYNGR1"}
    genes = [gene for i, gene in enumerate(genes) if i % step == 0 or gene.name in tested]
    peaks = PeakCaller.for_cell(cell, dataset.genome).peaks()
    rule = MaskRule("top", fraction=0.03)
    comparer = Comparer(
        dataset, IntervalSet(PEAKS, peaks), rule, others=[crispri_set(cell, dataset.lengths)]
    )
    seen = {}

    def remember(window):
        posterior = predictor.posterior(window)
        light = replace(window, signals=np.empty((0, 3), np.float32))  # all together are large
        seen[window.gene.id] = light, float(rule.mask(posterior).mean())
        return posterior

    found = compare_genes(comparer, predictor, genes, cell.name, posterior_of=remember)
    assert len(found.found) == len(genes) and not found.left_out
    for one in found.found:
        window, ratio = seen[one.gene.id]
        counted = counted_of(window, keep_promoter=False)
        learned = one.rows[one.rows["set"] == "learned"]
        a, b = (inside(frame, window) & counted for frame in (learned, peaks))
        assert (one.counts.bp_a, one.counts.bp_b) == (a.sum(), b.sum())
        assert one.counts.bp_shared == (a & b).sum()
        assert one.counts.bp_counted == counted.sum()
        assert one.mask_ratio == pytest.approx(ratio)
    assert found.counts.b > 100 and found.counts.a > 100
    # A pair belongs to its gene alone, although windows overlap; that of SYNGR1 is 102 kb away.
    regulated = {one.gene.name for one in found.found if one.pairs["peaks", "CRISPRi"].bp_b}
    assert regulated == {"NPTXR", "MGAT3"}
