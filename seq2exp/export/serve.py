"""A small web server for one folder that answers byte ranges, as genome browsers ask for them.

Python's own server sends whole files only. This one serves single ranges (RFC 9110, section 14),
lets pages of other hosts read them (CORS), and nothing outside its folder. It writes nothing.
"""

import mimetypes
import re
import socket
import sys
import threading
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from seq2exp.errors import InputError

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE)
_CHUNK = 256 * 1024
_TYPES = {".txt": "text/plain; charset=utf-8", ".xml": "application/xml"}


class UnsatisfiableRange(ValueError):
    """A range that begins beyond the end of the file, or asks for its last 0 bytes."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the bytes that a ``Range`` header asks for.

    Parameters
    ----------
    header
        Its value; None where there is none.
    size
        Of the file, in bytes.

    Returns
    -------
    tuple of int or None
        Start and end, half-open; None: the whole file, as for several ranges or a malformed header,
        which a server may ignore.

    Raises
    ------
    UnsatisfiableRange
        Where none of those bytes exists.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), size if not last else min(int(last) + 1, size)
        if last and int(last) < start:
            return None
    if start >= size or start >= end:
        raise UnsatisfiableRange
    return start, end


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "seq2exp", ""
    # A client that goes silent must not keep its thread for ever.
    timeout = 60
    server: "_Server"

    def do_GET(self) -> None:
        """Send a file, or the part of it that is asked for."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Send what GET would, without the file."""
        self._answer(body=False)

    def do_OPTIONS(self) -> None:
        """Tell a page of another host that it may ask for ranges."""
        self.send_response(HTTPStatus.NO_CONTENT)
        self._allow()
        self.send_header("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
        self.send_header("Access-Control-Allow-Headers", "Range, If-Range, If-None-Match")
        self.send_header("Access-Control-Max-Age", "86400")
        if self.headers.get("Access-Control-Request-Private-Network"):
            self.send_header("Access-Control-Allow-Private-Network", "true")
        self.end_headers()

    def _answer(self, body: bool) -> None:
        path = self._path()
        if path is None:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        with path.open("rb") as file:
            stat = path.stat()
            size = stat.st_size
            tag = f'"{size:x}-{stat.st_mtime_ns:x}"'
            if self.headers.get("If-None-Match") == tag:
                self.send_response(HTTPStatus.NOT_MODIFIED)
                self._allow()
                self.send_header("ETag", tag)
                self.end_headers()
                return
            asked = self.headers.get("Range") if self.command == "GET" else None
            if self.headers.get("If-Range") not in (None, tag):
                asked = None
            try:
                part = parse_range(asked, size)
            except UnsatisfiableRange:
                self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"bytes */{size}")
                return
            start, end = part or (0, size)
            self.send_response(HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK)
            self._allow()
            self.send_header("Content-Type", _type(path))
            self.send_header("Content-Length", str(end - start))
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", tag)
            self.send_header("Last-Modified", formatdate(stat.st_mtime, usegmt=True))
            if part:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
            self.end_headers()
            if not body:
                return
            file.seek(start)
            left = end - start
            while left > 0 and (chunk := file.read(min(_CHUNK, left))):
                self.wfile.write(chunk)
                left -= len(chunk)
            # A file that was cut short meanwhile: the client is told by the end of the connection.
            self.close_connection |= left > 0

    def _path(self) -> Path | None:
        """Return the file that is asked for, None where the folder has no such one."""
        try:
            wanted = unquote(urlsplit(self.path).path, errors="strict").lstrip("/")
            # Symbolic links are followed before the folder is compared.
            path = (self.server.folder / wanted).resolve()
            inside = path.is_relative_to(self.server.folder) and path.is_file()
        except (ValueError, OSError):
            return None
        return path if inside else None

    def _refuse(self, status: HTTPStatus, content_range: str = "") -> None:
        text = f"{status.value} {status.phrase}\n".encode()
        self.send_response(status)
        self._allow()
        if content_range:
            self.send_header("Content-Range", content_range)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _allow(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header(
            "Access-Control-Expose-Headers", "Content-Range, Content-Length, Accept-Ranges, ETag"
        )
        self.send_header("X-Content-Type-Options", "nosniff")

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet: a browser asks for hundreds of ranges."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], folder: Path) -> None:
        self.folder = folder
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up: panning browsers drop what they no longer need."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def _type(path: Path) -> str:
    known = _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]
    return known or "application/octet-stream"


class HubServer:
    """Serves a folder in a thread of its own until it is closed.

    Parameters
    ----------
    folder
        What to serve: files only, no listings. It may be written or replaced meanwhile.
    port
        0 takes a free one.
    host
        Address to listen at; the default is reached from this machine alone.

    Raises
    ------
    InputError
        Where the port cannot be had.
    """

    def __init__(self, folder: str | Path, port: int = 0, host: str = "127.0.0.1") -> None:
        try:
            self._server = _Server((host, port), Path(folder).resolve())
        except (OSError, OverflowError) as error:
            raise InputError(
                f"Port {port} of {host} cannot be listened at ({error}); choose another, or 0 for "
                "a free one."
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the folder is, with a slash at the end; 0.0.0.0 goes by the machine's name."""
        host, port = self._server.server_address[:2]
        name = host if isinstance(host, str) else host.decode()
        return f"http://{socket.gethostname() if name == '0.0.0.0' else name}:{port}/"

    def wait(self) -> None:
        """Return once the server is closed, by another thread or an interrupt."""
        self._thread.join()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "HubServer":
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self.close()
