"""Downloads: whole, with progress, taken up again, and never a half file under the final name."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from seq2exp.datasets.fetch import download, is_url
from seq2exp.errors import InputError

CONTENT = np.random.default_rng(4).bytes(3_500_000)
LATER = np.random.default_rng(5).bytes(2_000_000)


@dataclass
class Site:
    """A server of one file; `breaks_at` ends the connection early, once."""

    content: bytes = CONTENT
    tag: str | None = '"one"'
    ranges: bool = True
    breaks_at: int | None = None
    disposition: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments) -> None:
            pass

        def do_GET(self) -> None:
            site.asked.append(dict(self.headers))
            if self.path.startswith("/missing"):
                self.send_error(404)
                return
            if site.tag and self.headers.get("If-None-Match") == site.tag:
                self.send_response(304)
                self.end_headers()
                return
            start, size = 0, len(site.content)
            found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if found and site.ranges and self.headers.get("If-Range") == site.tag:
                start = int(found[1])
                if start >= size:
                    self.send_response(416)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            else:
                self.send_response(200)
            if site.tag:
                self.send_header("ETag", site.tag)
            if site.disposition:
                self.send_header("Content-Disposition", site.disposition)
            self.send_header("Content-Length", str(size - start))
            self.end_headers()
            end = size if site.breaks_at is None else site.breaks_at
            site.breaks_at = None
            site.sent.append(max(end - start, 0))  # before the client can know of it
            self.wfile.write(site.content[start:end])
            if end < size:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    site.address = f"http://127.0.0.1:{server.server_port}"
    yield site
    server.shutdown()
    server.server_close()


def test_a_file_comes_whole_with_growing_progress(site, tmp_path):
    seen = []
    path = download(f"{site.address}/a/K562.bigWig?x=1", tmp_path, lambda f, t: seen.append((f, t)))
    assert path == tmp_path / "K562.bigWig" and path.read_bytes() == CONTENT
    shares = [share for share, _ in seen]
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) > 3
    assert seen[-1][1] == "3.5 of 3.5 MB"
    assert not (tmp_path / "download.part").exists()


def test_a_broken_connection_goes_on_where_it_stopped(site, tmp_path):
    site.breaks_at = 1_500_000
    with pytest.raises(InputError, match="goes on where it stopped"):
        download(f"{site.address}/f.bw", tmp_path)
    assert not (tmp_path / "f.bw").exists()
    assert (tmp_path / "download.part").stat().st_size == 1_500_000
    assert download(f"{site.address}/f.bw", tmp_path).read_bytes() == CONTENT
    assert site.sent == [1_500_000, 2_000_000]


def test_a_stop_in_between_goes_on_too(site, tmp_path):
    class Stopped(Exception):
        pass

    def stop(fraction: float, text: str) -> None:
        if fraction > 0.5:
            raise Stopped

    with pytest.raises(Stopped):
        download(f"{site.address}/f.bw", tmp_path, stop)
    assert not (tmp_path / "f.bw").exists()
    assert download(f"{site.address}/f.bw", tmp_path).read_bytes() == CONTENT
    assert site.asked[-1]["Range"].startswith("bytes=")


@pytest.mark.parametrize("changed", ["other file", "no ranges", "no tag"])
def test_a_part_of_another_file_is_not_used(site, tmp_path, changed):
    if changed == "no tag":
        site.tag = None
    site.breaks_at = 1_500_000
    with pytest.raises(InputError):
        download(f"{site.address}/f.bw", tmp_path)
    if changed == "other file":
        site.content, site.tag = LATER, '"two"'
    site.ranges = changed != "no ranges"
    assert download(f"{site.address}/f.bw", tmp_path).read_bytes() == site.content
    assert site.sent[-1] == len(site.content)


def test_a_part_as_long_as_the_file_is_fetched_anew(site, tmp_path):
    site.breaks_at = 1_500_000
    with pytest.raises(InputError):
        download(f"{site.address}/f.bw", tmp_path)
    site.content = CONTENT[:1_000_000]  # the server does not say that it changed
    assert download(f"{site.address}/f.bw", tmp_path).read_bytes() == site.content


def test_a_file_that_is_there_is_fetched_again_only_if_it_changed(site, tmp_path):
    path = download(f"{site.address}/f.bw", tmp_path)
    assert download(f"{site.address}/f.bw", tmp_path) == path
    assert site.sent == [len(CONTENT)]
    site.content, site.tag = LATER, '"two"'
    assert download(f"{site.address}/f.bw", tmp_path).read_bytes() == LATER


def test_the_servers_name_of_the_file_wins_and_stays_in_the_folder(site, tmp_path):
    site.disposition = 'attachment; filename="../../evil name.bw"'
    path = download(f"{site.address}/@@download", tmp_path / "in")
    assert path == tmp_path / "in" / "evil_name.bw"


def test_what_cannot_be_fetched_is_said_in_a_sentence(site, tmp_path):
    with pytest.raises(InputError, match=r"missing/f\.bw cannot be fetched .*404.*web browser"):
        download(f"{site.address}/missing/f.bw", tmp_path)
    with pytest.raises(InputError, match="cannot be reached"):
        download("http://127.0.0.1:1/f.bw", tmp_path)
    for text in ("file:///etc/passwd", "ftp://host/f.bw", "https:///f.bw", "f.bw"):
        with pytest.raises(InputError, match="no address of a file"):
            download(text, tmp_path)
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match=r"Cannot keep .* make room"):
        download(f"{site.address}/f.bw", tmp_path / "taken")


def test_addresses_are_told_from_paths():
    assert is_url("https://a.b/c") and is_url(" HTTP://a/b")
    assert not is_url("/data/http://x") and not is_url("C:\\file.bw")
