"""The server of byte ranges, asked over real connections."""

import http.client
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pybigtools
import pytest

from seq2exp.errors import InputError
from seq2exp.export.bigwig import bigwig
from seq2exp.export.serve import HubServer, UnsatisfiableRange, parse_range
from seq2exp.genome.locus import Interval

DATA = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    root = tmp_path_factory.mktemp("served")
    hub = root / "hub"
    (hub / "sim1").mkdir(parents=True)
    (hub / "data.bin").write_bytes(DATA)
    (hub / "empty.txt").write_bytes(b"")
    (hub / "sim1" / "a b.txt").write_text("inside")
    (hub / "mask.bw").write_bytes(bigwig([0.5] * 40, Interval("chr1", 5, 45), {"chr1": 60}))
    (root / "secret.txt").write_text("secret")
    (hub / "way-out").symlink_to(root / "secret.txt")
    with HubServer(hub) as server:
        yield server


def ask(server, path, method="GET", **headers):
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, body


def test_a_whole_file(served):
    status, headers, body = ask(served, "/data.bin")
    assert (status, body) == (200, DATA)
    assert headers["content-length"] == str(len(DATA))
    assert headers["accept-ranges"] == "bytes"
    assert headers["access-control-allow-origin"] == "*"
    assert "content-range" not in headers


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-299", 100, 300),
        ("bytes=10200-", 10_200, 10_240),
        ("bytes=10000-99999", 10_000, 10_240),
        ("bytes=-1", 10_239, 10_240),
        ("bytes=-64", 10_176, 10_240),
        ("bytes=-99999", 0, 10_240),
        ("Bytes=5-7", 5, 8),
    ],
)
def test_a_part(served, asked, start, end):
    status, headers, body = ask(served, "/data.bin", Range=asked)
    assert status == 206
    assert body == DATA[start:end]
    assert headers["content-range"] == f"bytes {start}-{end - 1}/10240"
    assert headers["content-length"] == str(end - start)
    assert "Content-Range" in headers["access-control-expose-headers"]


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=99999-100000", "bytes=-0"])
def test_a_part_that_does_not_exist(served, asked):
    status, headers, body = ask(served, "/data.bin", Range=asked)
    assert status == 416
    assert headers["content-range"] == "bytes */10240"
    assert DATA[:8] not in body
    assert ask(served, "/empty.txt", Range="bytes=0-")[0] == 416
    assert ask(served, "/empty.txt")[::2] == (200, b"")


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=5-2",
        "bytes=a-b",
        "items=0-5",
        "bytes=-",
        "bytes=0-1,5-6",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_what_is_no_single_range_gets_the_whole_file(served, asked):
    """RFC 9110, 14.2: a server may ignore Range; 14.1.1: last before first is invalid."""
    assert ask(served, "/data.bin", Range=asked)[::2] == (200, DATA)


def test_head_says_the_size_and_sends_nothing(served):
    status, headers, body = ask(served, "/data.bin", "HEAD", Range="bytes=0-3")
    assert (status, body, headers["content-length"]) == (200, b"", "10240")
    assert ask(served, "/none.bin", "HEAD")[::2] == (404, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/sim1/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "//../secret.txt",
        "/way-out",
        "/\\..\\secret.txt",
        "/data.bin%00",
        "/%ff",
        "/" + "x" * 5_000,
        "/",
        "/sim1",
        "/sim1/",
        "/none.bin",
    ],
)
def test_nothing_outside_and_no_listings(served, path):
    status, _, body = ask(served, path)
    assert status == 404
    assert b"secret" not in body and b"data.bin" not in body


def test_absolute_paths_stay_inside(served, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    for path in (f"//{secret}", f"/{secret}", str(secret)):
        assert ask(served, path)[0] == 404


def test_names_are_unquoted_and_queries_left_out(served):
    assert ask(served, "/sim1/a%20b.txt?x=1")[::2] == (200, b"inside")


def test_a_page_of_another_host_may_ask_for_ranges(served):
    status, headers, body = ask(
        served,
        "/data.bin",
        "OPTIONS",
        Origin="https://igv.org",
        Access_Control_Request_Headers="range",
        Access_Control_Request_Private_Network="true",
    )
    assert (status, body) == (204, b"")
    assert headers["access-control-allow-origin"] == "*"
    assert "Range" in headers["access-control-allow-headers"]
    assert headers["access-control-allow-private-network"] == "true"


def test_what_has_not_changed_is_not_sent_again(served):
    tag = ask(served, "/data.bin")[1]["etag"]
    assert ask(served, "/data.bin", If_None_Match=tag)[::2] == (304, b"")
    part = {"Range": "bytes=0-3"}
    assert ask(served, "/data.bin", If_Range=tag, **part)[::2] == (206, DATA[:4])
    assert ask(served, "/data.bin", If_Range='"other"', **part)[::2] == (200, DATA)


def test_nothing_is_written(served):
    for method in ("PUT", "POST", "DELETE"):
        assert ask(served, "/data.bin", method)[0] == 501
    assert ask(served, "/data.bin")[2] == DATA


def test_many_at_once_on_kept_connections(served):
    parts = urlsplit(served.url)

    def read(offset):
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        bodies = []
        for start in range(offset, len(DATA), 1_000):
            connection.request("GET", "/data.bin", headers={"Range": f"bytes={start}-{start + 9}"})
            bodies.append((start, connection.getresponse().read()))
        connection.close()
        return bodies

    with ThreadPoolExecutor(8) as pool:
        for bodies in pool.map(read, range(8)):
            assert all(body == DATA[start : start + 10] for start, body in bodies)


def test_a_client_that_hangs_up_does_no_harm(served, capfd):
    parts = urlsplit(served.url)
    with socket.create_connection((parts.hostname, parts.port)) as line:
        line.sendall(b"GET /data.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert ask(served, "/data.bin")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_a_genome_reader_reads_over_it(served):
    """Through ranges alone, as browsers do."""

    class Remote:
        def __init__(self):
            self.at, self.asked = 0, 0

        def seek(self, offset, whence=os.SEEK_SET):
            size = int(ask(served, "/mask.bw", "HEAD")[1]["content-length"])
            self.at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: size}[whence]
            return self.at

        def tell(self):
            return self.at

        def read(self, size):
            status, _, body = ask(served, "/mask.bw", Range=f"bytes={self.at}-{self.at + size - 1}")
            if status == 416:
                return b""
            self.at += len(body)
            self.asked += 1
            return body

    remote = Remote()
    with pybigtools.open(remote) as file:
        assert list(file.records("chr1")) == [(5, 45, 0.5)]
    assert remote.asked > 1


def test_a_taken_port_is_named(served, tmp_path):
    port = urlsplit(served.url).port
    with pytest.raises(InputError, match=f"Port {port} of 127.0.0.1"):
        HubServer(tmp_path, port)
    with pytest.raises(InputError, match="Port 99999"):
        HubServer(tmp_path, 99_999)


def test_closing_frees_the_port_and_ends_the_thread(tmp_path):
    server = HubServer(tmp_path)
    port = urlsplit(server.url).port
    waiting = threading.Thread(target=server.wait)
    waiting.start()
    server.close()
    waiting.join(timeout=30)
    assert not waiting.is_alive()
    with HubServer(tmp_path, port) as again:
        assert ask(again, "/none")[0] == 404


def test_at_all_addresses_it_is_known_by_the_machines_name(tmp_path):
    with HubServer(tmp_path, host="0.0.0.0") as server:
        parts = urlsplit(server.url)
        assert parts.hostname == socket.gethostname().lower()


def test_ranges_of_an_empty_file():
    assert parse_range(None, 0) is None
    with pytest.raises(UnsatisfiableRange):
        parse_range("bytes=-5", 0)
