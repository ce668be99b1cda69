"""Writing whole or not at all, whatever stands where the file is to be."""

import os
import threading

import pytest

from seq2exp.files import atomic_path


def test_a_file_is_there_whole_or_as_it_was(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with atomic_path(target) as draft:
        draft.write_text("first")
    with pytest.raises(ZeroDivisionError), atomic_path(target) as draft:
        draft.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "first" and os.listdir(target.parent) == ["a.txt"]


def test_a_folder_takes_the_place_of_a_folder(tmp_path):
    target = tmp_path / "folder"
    for name in ("one", "two"):
        with atomic_path(target) as draft:
            draft.mkdir()
            (draft / name).touch()
    assert os.listdir(target) == ["two"]


def test_a_link_stays_one(tmp_path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("before")
    link.symlink_to(real)
    with atomic_path(link) as draft:
        assert draft.name == "link.txt"
        draft.write_text("after")
    assert link.is_symlink() and real.read_text() == "after"


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with atomic_path(pipe) as draft:
        draft.write_text("through")
    reader.join(10)
    assert read == ["through"] and pipe.is_fifo()
