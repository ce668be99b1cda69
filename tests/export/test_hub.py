"""Track hubs, checked after UCSC's rules and read back to the values they were made from."""

import io
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import py2bit
import pybigtools
import pyBigWig
import pytest
from hub_checker import HubError, check_hub
from pyfaidx import Faidx

from seq2exp.analysis.elements import union
from seq2exp.errors import InputError
from seq2exp.export.hub import hub_zip, write_hub
from seq2exp.genome.locus import Interval


def genes_of(results):
    return [result.gene for result in results]


@pytest.fixture(scope="session")
def hub(results, tiny, tmp_path_factory):
    """A hub of both genes, and what it is said to hold."""
    folder = tmp_path_factory.mktemp("hub") / "hub"
    return folder, write_hub(results, genes_of(results), tiny, folder)


@pytest.fixture(scope="session")
def checked(hub):
    return check_hub(hub[0])


def values_of(path, chrom, start, end):
    with pybigtools.open(str(path)) as file:
        return file.values(chrom, start, end, fillna=None)


def named(checked, start, gene=""):
    (name,) = [name for name in checked.tracks if name.startswith(start) and gene in name]
    return checked.files[name]


def test_the_windows_of_the_genes_overlap(results, tiny):
    """Or the other tests would not see masks that differ in the same place."""
    one, other = (result.window.interval for result in results)
    assert one.overlaps(other) and other.end > tiny.lengths[other.chrom]
    assert all(len(result.elements) > 2 for result in results)
    assert not np.allclose(*(result.prediction.posterior.mean for result in results))


def test_it_says_what_it_holds(hub, checked):
    folder, said = hub
    assert (said.genome, said.own_genome) == ("sim1", True)
    assert [track.name for track in said.tracks] == list(checked.tracks)
    on_disk = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(said.files) == on_disk
    extras = {"hub.txt", "genomes.txt", "about.html", "igv_session.xml", "sim1/chrom.sizes"}
    extras |= {"sim1/trackDb.txt", "sim1/sim1.2bit", "sim1/sim1.fa", "sim1/sim1.fa.fai"}
    used = {path.relative_to(folder).as_posix() for path in checked.files.values()}
    assert on_disk == extras | used


@pytest.mark.parametrize("which", [0, 1])
def test_masks_are_read_back_base_by_base(results, tiny, checked, which):
    result = results[which]
    posterior, window = result.prediction.posterior, result.window.interval
    on = window.clip(tiny.lengths[window.chrom])
    part = slice(on.start - window.start, on.end - window.start)
    open_part, closed = posterior.forced_open, posterior.closed
    for kind, expected in (
        ("mean", posterior.alpha / (posterior.alpha + posterior.beta)),
        ("lower", posterior.quantile(0.05)),
        ("upper", posterior.quantile(0.95)),
    ):
        expected = expected.copy()
        expected[closed] = 0
        expected[open_part] = 1
        path = named(checked, f"mask_{kind}_", result.gene.name)
        found = values_of(path, on.chrom, on.start, on.end)
        np.testing.assert_allclose(found, expected[part], atol=1e-6)
        assert np.isnan(values_of(path, on.chrom, 0, on.start)).all()


@pytest.mark.parametrize("which", [0, 1])
def test_elements_are_read_back(results, checked, which):
    result = results[which]
    file = pyBigWig.open(str(named(checked, "elements_", result.gene.name)))
    found = file.entries(result.window.interval.chrom, 0, 403_200)
    assert len(found) == len(result.elements)
    for (start, end, rest), element in zip(found, result.elements, strict=True):
        place = element.interval
        assert (start, end) == (place.start, place.end)
        name, score, strand, thick, thick_end, color, gene, length, summit, mean, most = rest.split(
            "\t"
        )
        assert (name, strand, color) == (element.name, ".", "0,158,115")
        assert (int(thick), int(thick_end)) == (start, end)
        assert int(score) == round(1000 * element.mean_mask)
        assert (gene, int(length), int(summit)) == (result.gene.name, end - start, element.summit)
        assert float(mean) == pytest.approx(element.mean_mask, rel=1e-5)
        assert float(most) == pytest.approx(element.max_mask, rel=1e-5)
    file.close()


def test_peaks_of_the_windows_are_whole_and_once(results, tiny, checked):
    peaks = results[0].peaks
    chrom = results[0].window.interval.chrom
    windows = [result.window.interval for result in results]
    near = [any(w.start < p.end and p.start < w.end for w in windows) for p in peaks.itertuples()]
    expected = peaks[near]
    assert 0 < len(expected)
    file = pyBigWig.open(str(named(checked, "peaks_")))
    rows = file.entries(chrom, 0, tiny.lengths[chrom])
    assert [(start, end) for start, end, _ in rows] == list(
        zip(expected["start"], expected["end"], strict=True)
    )
    for (start, _, rest), peak in zip(rows, expected.itertuples(), strict=True):
        fields = rest.split("\t")
        assert fields[0] == peak.name and int(fields[1]) == min(peak.score, 1000)
        assert [float(field) for field in fields[3:6]] == pytest.approx(
            [peak.signal_value, peak.p_log10, peak.q_log10], rel=1e-5
        )
        assert start + int(fields[6]) == peak.summit
    file.close()


@pytest.mark.parametrize("key", ["dnase", "h3k27ac"])
def test_signals_are_those_of_the_data_set_in_the_windows_alone(results, tiny, checked, key):
    chrom = results[0].window.interval.chrom
    length = tiny.lengths[chrom]
    signal = getattr(tiny.cell(results[0].cell), key)
    found = values_of(named(checked, f"{key}_"), chrom, 0, length)
    theirs = values_of(signal.path, chrom, 0, length)
    inside = np.zeros(length, dtype=bool)
    for result in results:
        on = result.window.interval.clip(length)
        inside[on.start : on.end] = True
    assert 0 < inside.sum() < length
    np.testing.assert_array_equal(found[inside], theirs[inside])
    assert np.isnan(found[~inside]).all()


def test_the_genome_comes_along(hub, tiny):
    folder, _ = hub
    (chrom,) = tiny.lengths
    expected = tiny.genome.fetch(Interval(chrom, 0, tiny.lengths[chrom]))
    bases = py2bit.open(str(folder / "sim1" / "sim1.2bit"))
    assert bases.sequence(chrom) == expected
    assert "N" in expected
    bases.close()
    with Faidx(str(folder / "sim1" / "sim1.fa"), rebuild=False) as fasta:
        assert str(fasta.fetch(chrom, 1, tiny.lengths[chrom])) == expected


def test_the_genes_come_along(results, tiny, checked):
    chrom = results[0].window.interval.chrom
    file = pyBigWig.open(str(named(checked, "genes")))
    rows = file.entries(chrom, 0, tiny.lengths[chrom])
    windows = [(w.chrom, w.start, w.end) for w in (r.window.interval for r in results)]
    spans = union(
        pd.DataFrame(windows, columns=["chrom", "start", "end"]),
        Interval(chrom, 0, tiny.lengths[chrom]),
    )
    expected = [
        gene
        for gene in tiny.annotation.genes.values()
        if any(gene.start < end and gene.end > start for start, end in spans)
    ]
    assert len(rows) == len(expected) > 2
    by_name = {gene.name: gene for gene in expected}
    for start, end, rest in rows:
        fields = rest.split("\t")
        transcript = by_name[fields[0]].transcripts[0]
        assert fields[2] == by_name[fields[0]].strand
        sizes, starts = (
            [int(number) for number in field.rstrip(",").split(",")] for field in fields[7:9]
        )
        exons = [(start + s, start + s + size) for s, size in zip(starts, sizes, strict=True)]
        assert exons == list(transcript.exons)
        assert (start, end) == (transcript.start, transcript.end)
        if transcript.cds:
            assert (int(fields[3]), int(fields[4])) == transcript.cds
    file.close()


def test_two_cell_types_and_the_same_gene_twice_stay_apart(results, tiny, tmp_path):
    other = list(tiny.cells)[1]
    elsewhere = replace(results[0], window=replace(results[0].window, cell=other), peaks=None)
    three = [results[0], elsewhere, results[0]]
    said = write_hub(three, genes_of(three), tiny, tmp_path / "hub")
    checked = check_hub(tmp_path / "hub")
    assert len(checked.files) == 1 + 3 + 2 + 3 * 4
    assert said.notes == (f"Peaks in {other} were not called.",)


def test_a_gene_without_elements_has_its_mask_and_a_note(results, tiny, tmp_path):
    bare = replace(results[0], elements=())
    said = write_hub([bare], [bare.gene], tiny, tmp_path / "hub")
    checked = check_hub(tmp_path / "hub")
    assert not [name for name in checked.tracks if name.startswith("elements_")]
    assert "no element passes the rule" in said.notes[0]
    assert "no element passes the rule" in (tmp_path / "hub" / "about.html").read_text()


def test_a_zip_has_the_same_files_and_the_same_bytes_each_time(hub, results, tiny, tmp_path):
    folder, _ = hub
    data, _ = hub_zip(results, genes_of(results), tiny, "my hub")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert all(name.startswith("my_hub/") for name in names)
        for name in names:
            assert archive.read(name) == (folder / name.removeprefix("my_hub/")).read_bytes()
        archive.extractall(tmp_path)
    assert check_hub(tmp_path / "my_hub").genome == "sim1"
    target = tmp_path / "my hub.zip"
    write_hub(results, genes_of(results), tiny, target)
    assert target.read_bytes() == data


class Stop(Exception):
    pass


@pytest.mark.parametrize("name", ["hub", "hub.zip"])
def test_it_is_never_half_written(results, tiny, tmp_path, name):
    def stop(fraction, text):
        if fraction > 0:
            raise Stop

    with pytest.raises(Stop):
        write_hub(results, genes_of(results), tiny, tmp_path / name, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_results_are_taken_one_by_one(hub, results, tiny, tmp_path):
    """So that a hub of many genes does not hold all their masks at once."""
    written = []

    def computed():
        for result in results:
            # Each gene's files are there before the next one is asked for.
            folders = [path for path in tmp_path.rglob("sim1") if path.is_dir()]
            written.append(len(list(folders[0].glob("*.mask.mean.bw"))))
            yield result

    said = write_hub(computed(), genes_of(results), tiny, tmp_path / "hub")
    assert written == [0, 1]
    assert said == hub[1]


def test_what_is_no_hub_is_left_alone(results, tiny, tmp_path):
    mine = tmp_path / "thesis"
    mine.mkdir()
    (mine / "chapter.txt").write_text("mine")
    for target, said in (
        (mine, "folder of other things"),
        (mine / "chapter.txt", "is a file"),
        (tmp_path / "typo" / "hub", "does not exist"),
    ):
        with pytest.raises(InputError, match=said):
            write_hub(results[:1], genes_of(results[:1]), tiny, target)
    assert (mine / "chapter.txt").read_text() == "mine"
    with pytest.raises(InputError, match="at least one gene"):
        write_hub([], [], tiny, tmp_path / "hub")


def test_a_hub_takes_the_place_of_a_hub(hub, results, tiny, tmp_path):
    target = tmp_path / "hub"
    shutil.copytree(hub[0], target)
    (target / "sim1" / "old.bw").write_text("old")
    write_hub(results[:1], genes_of(results[:1]), tiny, target)
    check_hub(target)
    assert not (target / "sim1" / "old.bw").exists()


BREAKS = {
    "a long label": ("trackDb.txt", "shortLabel Genes", "shortLabel " + "G" * 18),
    "a name with a dash": ("trackDb.txt", "track genes", "track genes-1"),
    "a name twice": ("trackDb.txt", "track dnase_sim_erythroid", "track genes"),
    "an absolute path": ("trackDb.txt", "bigDataUrl genes.bb", "bigDataUrl /genes.bb"),
    "a file that is not there": ("trackDb.txt", "bigDataUrl genes.bb", "bigDataUrl gene.bb"),
    "a wrong type": ("trackDb.txt", "bigDataUrl genes.bb", "bigDataUrl sim-erythroid.DNase.bw"),
    "wrong columns": ("trackDb.txt", "type bigBed 9 +", "type bigBed 12 +"),
    "no parent": ("trackDb.txt", "superTrack on show", "visibility full"),
    "no email": ("../hub.txt", "email ", "mail "),
    "no genome": ("../genomes.txt", "twoBitPath", "twoBit"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_the_checker_sees_what_is_wrong(hub, tmp_path, what):
    name, right, wrong = BREAKS[what]
    broken = tmp_path / "hub"
    shutil.copytree(hub[0], broken)
    path = broken / "sim1" / name
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong))
    with pytest.raises(HubError):
        check_hub(broken)


def test_nothing_in_it_depends_on_the_machine_or_the_day(hub):
    folder, _ = hub
    for path in folder.rglob("*.*"):
        if path.suffix in (".txt", ".html", ".xml", ".sizes", ".fai"):
            text = path.read_text()
            assert str(folder.parent) not in text


def test_the_session_can_be_made_for_another_address(hub):
    folder, said = hub
    own = said.igv_session()
    assert own == (folder / "igv_session.xml").read_text(encoding="utf-8")
    served = said.igv_session("http://host:81/x/")
    assert "http://host:81/x/sim1/sim1.fa" in served
    assert served.replace("http://host:81/x/", "") == own
