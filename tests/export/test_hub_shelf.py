"""The shelf of hubs: one place for what is the same, and room for a few."""

import os

from seq2exp.export.hub_shelf import HubShelf, hubs_dir
from seq2exp.inference.predictor import MaskRule


def test_the_same_key_has_the_same_place(tmp_path):
    shelf = HubShelf(tmp_path / "hubs")
    key = ("digest", "K562", (("ENSG1", 5),), MaskRule("hard", threshold=0.3))
    same = ("digest", "K562", (("ENSG1", 5),), MaskRule("hard", threshold=0.3))
    other = ("digest", "K562", (("ENSG1", 5),), MaskRule("hard", threshold=0.4))
    place = shelf.place(key, "MGAT3 in K562/hub")
    assert place == shelf.place(same, "MGAT3 in K562/hub")
    assert place.name == "MGAT3_in_K562_hub" and place.parent.parent == tmp_path / "hubs"
    assert place.parent != shelf.place(other, "MGAT3_K562_hub").parent


def test_its_address_is_that_of_the_served_shelf(tmp_path):
    shelf = HubShelf(tmp_path)
    place = shelf.place("key", "a_hub")
    for base in ("http://host:8000", "http://host:8000/"):
        expected = f"http://host:8000/{place.parent.name}/a_hub/"
        assert shelf.address(place, base) == expected


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    shelf = HubShelf(tmp_path, keep=2)
    first, second = shelf.place(1, "hub"), shelf.place(2, "hub")
    for age, place in ((200, first), (100, second)):
        place.mkdir()
        stat = place.parent.stat()
        os.utime(place.parent, ns=(stat.st_atime_ns, stat.st_mtime_ns - age * 10**9))
    shelf.touch(first)
    third = shelf.place(3, "hub")
    assert first.is_dir() and not second.exists()
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(
        [first.parent.name, third.parent.name]
    )


def test_it_lies_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SEQ2EXP_CACHE", str(tmp_path))
    assert HubShelf().folder == hubs_dir() == tmp_path / "hubs"
    assert (tmp_path / "hubs").is_dir()
