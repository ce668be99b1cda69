"""Variant effects on genes of a tiny simulated genome, each against passes made for it alone."""

from dataclasses import replace

import numpy as np
import pytest
from experiments import make_predictor

from seq2exp.analysis.variant_effect import AROUND, OUTSIDE, UNITS, variant_effects
from seq2exp.analysis.variants import Variant
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import BASES
from seq2exp.inference.jobs import Stopped
from seq2exp.inference.perturb import Experiment
from seq2exp.inference.perturb.memory import Kept

LENGTH = 6_000


@pytest.fixture(scope="module")
def dataset(evaluation_demo):
    return Dataset.load(evaluation_demo)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return make_predictor(tmp_path_factory.mktemp("models"), "coupled")


@pytest.fixture(autouse=True)
def _nothing_kept():
    Kept.forget()


def substitution(genome, chrom, position, width=1):
    """The variant that puts the next letter of ACGT at each base from `position` (0-based) on."""
    place = Interval(chrom, position, position + width)
    reference = genome.fetch(place)
    alternative = "".join(BASES[(BASES.index(base) + 1) % 4] for base in reference)
    return Variant(place, reference, alternative, f"v{position}")


def genes(dataset):
    """A gene on either strand, and the ones nearest to both ends of the chromosome."""
    cell = next(iter(dataset.cells))
    known = [dataset.gene(name) for name in dataset.example_genes(cell)]
    ordered = sorted(known, key=lambda gene: gene.tss)
    plus, minus = (next(g for g in ordered if g.strand == s) for s in "+-")
    return {"plus": plus, "minus": minus, "first": ordered[0], "last": ordered[-1]}


@pytest.mark.parametrize("which", ["plus", "minus", "first", "last"])
def test_a_variant_is_a_window_with_another_base_there(dataset, predictor, which):
    gene = genes(dataset)[which]
    cell = next(iter(dataset.cells))
    window = dataset.window(gene, cell).crop(LENGTH)
    chrom = window.interval.chrom
    start, end = window.interval.start + window.pad_left, window.interval.end - window.pad_right
    places = [start, gene.tss, gene.tss - 1_500, end - 1]
    variants = [substitution(dataset.genome, chrom, position) for position in places]
    variants.append(substitution(dataset.genome, chrom, gene.tss + 700, 3))
    experiment = Experiment(predictor, window)
    found = variant_effects(experiment, variants, dataset.genome)
    before = predictor.predict(window)
    assert found.reference == before.expression and found.complete
    for i, variant in enumerate(variants):
        row = found.frame.iloc[i]
        codes = window.codes.copy()
        first = variant.interval.start - window.interval.start
        for k, (old, new) in enumerate(zip(variant.reference, variant.alternative, strict=True)):
            assert BASES[codes[first + k]] == old  # the plus strand, whatever the gene's
            codes[first + k] = BASES.index(new)
        after = predictor.predict(replace(window, codes=codes))
        assert row["delta"] == pytest.approx(after.expression - before.expression, abs=1e-6)
        moved = after.posterior.soft() - before.posterior.soft()
        low = max(first - AROUND, 0)
        high = min(first + len(variant.reference) + AROUND, LENGTH)
        place, mask = found.masks[i]
        assert place == Interval(chrom, window.interval.start + low, window.interval.start + high)
        np.testing.assert_allclose(mask, moved[low:high], atol=1e-6)
        assert row["delta_mask"] == pytest.approx(moved[low:high].sum(), abs=1e-3)
        most = low + int(np.argmax(np.abs(moved[low:high])))
        assert abs(row["largest"]) == pytest.approx(abs(moved[most]), abs=1e-6)
        far = np.abs(moved[:low]).sum() + np.abs(moved[high:]).sum()
        assert row["elsewhere"] == pytest.approx(far, abs=1e-3)
        own = before.mask[first : first + len(variant.reference)].mean()
        assert row["mean_mask"] == pytest.approx(own)
        assert (row["name"], row["variant"], row["note"]) == (variant.name, str(variant), "")
    assert (found.frame["delta"].abs() > 0).any() and (found.frame["largest"].abs() > 0).any()
    assert set(UNITS) == set(found.frame)


def test_variants_elsewhere_are_listed_without_numbers(dataset, predictor):
    gene = genes(dataset)["plus"]
    window = dataset.window(gene, next(iter(dataset.cells))).crop(LENGTH)
    chrom = window.interval.chrom
    inside = substitution(dataset.genome, chrom, gene.tss + 10)
    outside = substitution(dataset.genome, chrom, window.interval.end)
    wrong = replace(outside, reference="".join("ACGT".replace(outside.reference, "")[0]))
    found = variant_effects(Experiment(predictor, window), [outside, inside, wrong], dataset.genome)
    assert found.frame["note"].tolist() == [OUTSIDE, "", OUTSIDE]
    assert found.frame["delta"].isna().tolist() == [True, False, True]
    assert list(found.masks) == [1] and np.isfinite(found.reference)
    none = variant_effects(Experiment(predictor, window), [outside], dataset.genome)
    assert np.isnan(none.reference) and not none.masks
    assert variant_effects(Experiment(predictor, window), [], dataset.genome).frame.empty


def test_a_wrong_reference_allele_stops_everything(dataset, predictor):
    gene = genes(dataset)["minus"]
    window = dataset.window(gene, next(iter(dataset.cells))).crop(LENGTH)
    right = substitution(dataset.genome, window.interval.chrom, gene.tss)
    swapped = replace(right, reference=right.alternative, alternative=right.reference)
    with pytest.raises(InputError, match=f"has {right.reference} there, not {right.alternative}"):
        variant_effects(Experiment(predictor, window), [right, swapped], dataset.genome)


def test_stopping_returns_what_is_done(dataset, predictor):
    gene = genes(dataset)["plus"]
    window = dataset.window(gene, next(iter(dataset.cells))).crop(LENGTH)
    variants = [substitution(dataset.genome, window.interval.chrom, gene.tss + i) for i in range(4)]
    told = []

    def stop(fraction, text):
        told.append(fraction)
        if text == "Variants: 3 of 4":
            raise Stopped

    found = variant_effects(Experiment(predictor, window), variants, dataset.genome, stop)
    assert not found.complete and len(found.frame) == 2
    assert found.notes[-1] == "Stopped after 2 of 4 variants."
    assert told == sorted(told) and told[-1] < 0.75
