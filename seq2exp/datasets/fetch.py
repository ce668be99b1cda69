"""Downloading a file: with progress, taken up again where it stopped, whole or not at all."""

import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from seq2exp.errors import InputError
from seq2exp.files import atomic_path

Progress = Callable[[float, str], object]
"""Told how far the work is (0 to 1) and what it does; may raise to stop it."""

_BLOCK = 1 << 20
_TIMEOUT_SECONDS = 60
_NOTE, _PART = "download.json", "download.part"


def is_url(text: str) -> bool:
    """Tell whether a text is the address of a file on the web."""
    return text.strip().lower().startswith(("http://", "https://"))


def download(url: str, folder: str | os.PathLike[str], progress: Progress | None = None) -> Path:
    """Fetch the file at `url`.

    A download that stopped half-way goes on where it stopped, provided that the server says that
    the file is the same; a file that is there already is fetched anew only if it changed.

    Parameters
    ----------
    url
        Starts with ``http://`` or ``https://``.
    folder
        For this file alone; made where it is missing. It also keeps what a later call needs to go
        on: ``download.json`` and, until the file is whole, ``download.part``.
    progress
        Told the share and the megabytes that are there.

    Returns
    -------
    Path
        The file in `folder`, under the name that the server or the address gives it.

    Raises
    ------
    InputError
        Where the address is no web address, the server refuses or cannot be reached, the
        connection breaks, or the file cannot be written.
    """
    report = progress or (lambda fraction, text: None)
    if not is_url(url) or not urlsplit(url).hostname:
        raise InputError(f"{url} is no address of a file; write one that begins with https://.")
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        return _fetch(url.strip(), place, report)
    except OSError as error:
        raise InputError(
            f"Cannot keep {url} in {place} ({error.strerror or error}); make room there."
        ) from None


def _fetch(url: str, place: Path, report: Progress) -> Path:
    known = _known(place / _NOTE, url)
    part = place / _PART
    whole = place / known.get("name", "")
    begun = part.stat().st_size if part.is_file() and known else 0
    headers = {"User-Agent": "seq2exp", "Accept-Encoding": "identity"}
    if known and whole.is_file():
        headers |= known["unless"]
    elif begun and known["mark"]:
        headers |= {"Range": f"bytes={begun}-", "If-Range": known["mark"]}
    report(0.0, f"asking {urlsplit(url).hostname}")
    try:
        answer = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_SECONDS
        )
    except urllib.error.HTTPError as error:
        if error.code == 304:
            return whole
        if error.code == 416:
            # What is there is longer than the file: it was another one.
            part.unlink(missing_ok=True)
            (place / _NOTE).unlink(missing_ok=True)
            return _fetch(url, place, report)
        raise InputError(
            f"{url} cannot be fetched (the server answers {error.code} {error.reason}); "
            "check the address in a web browser."
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"{url} cannot be reached ({reason}); check the address and the connection."
        ) from None
    with answer:
        if answer.status != 206 or not _goes_on(answer.headers, begun):
            begun = 0
        if answer.status == 206 and not begun:
            raise InputError(f"{url} sends another part than asked for; fetch the file by hand.")
        note = _note(url, answer.geturl(), answer.headers)
        if not begun:
            part.unlink(missing_ok=True)
            with atomic_path(place / _NOTE) as draft:
                draft.write_text(json.dumps(note), encoding="utf-8")
        else:
            note = known
        length = answer.headers.get("Content-Length")
        total = None if length is None else begun + int(length)
        done = _copy(answer, part, begun, total, url, report)
    if total is not None and done != total:
        raise _broken(url, done, total)
    target = place / note["name"]
    os.replace(part, target)
    return target


def _copy(
    answer: Any, part: Path, begun: int, total: int | None, url: str, report: Progress
) -> int:
    """Append what the server sends to the part; return how many bytes there are."""
    done = begun
    with part.open("ab") as file:
        while True:
            try:
                block = answer.read(_BLOCK)
            except (OSError, http.client.HTTPException):
                raise _broken(url, done, total) from None
            if not block:
                return done
            file.write(block)
            done += len(block)
            report(0.0 if not total else min(done / total, 1.0), _so_far(done, total))


def _so_far(done: int, total: int | None) -> str:
    of = "" if total is None else f" of {total / 1e6:,.1f}"
    return f"{done / 1e6:,.1f}{of} MB"


def _broken(url: str, done: int, total: int | None) -> InputError:
    return InputError(
        f"The connection broke after {_so_far(done, total)} of {url}; run it again, and the "
        "download goes on where it stopped."
    )


def _known(path: Path, url: str) -> dict[str, Any]:
    """Return what is known of an earlier download of the same address; empty where nothing is."""
    with suppress(OSError, ValueError):
        note = json.loads(path.read_text(encoding="utf-8"))
        if note["url"] == url and isinstance(note["unless"], dict) and note["name"]:
            return note
    return {}


def _note(url: str, final: str, headers: Message) -> dict[str, Any]:
    """Return what a later call must know.

    ``name``: of the file; ``mark``: what the server must still say for a part to be of use;
    ``unless``: headers that ask for the file only if it changed.
    """
    tag, date = headers.get("ETag"), headers.get("Last-Modified")
    unless = {}
    if tag:
        unless["If-None-Match"] = tag
    elif date:
        unless["If-Modified-Since"] = date
    # A weak tag does not promise the same bytes.
    mark = tag if tag and not tag.startswith("W/") else date
    name = headers.get_filename() or ""
    for address in (url, final):
        name = name or unquote(urlsplit(address).path).rsplit("/", maxsplit=1)[-1]
    return {"url": url, "name": _file_name(name), "mark": mark or "", "unless": unless}


def _file_name(text: str) -> str:
    """Return a name that is a plain file's wherever it came from."""
    name = re.sub(r"[^\w.+-]+", "_", Path(text).name).strip(".")
    return name if name and name not in (_NOTE, _PART) else "file"


def _goes_on(headers: Message, begun: int) -> bool:
    """Tell whether a partial answer begins where the part that is there ends."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(?:\d+|\*)", headers.get("Content-Range", ""))
    return match is not None and int(match[1]) == begun and begun > 0
