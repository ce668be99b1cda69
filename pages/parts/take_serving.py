"""Serving the hubs to genome browsers: off until somebody switches it on, one server for all."""

import socket
import threading
from pathlib import Path
from urllib.parse import quote, urlsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts.take_files import file_button
from seq2exp.errors import InputError
from seq2exp.export.hub import SESSION, Hub
from seq2exp.export.hub_shelf import HubShelf
from seq2exp.export.serve import HubServer

_TOGGLE, _REACH, _PORT, _NAME = "hub-serve", "hub-reach", "hub-port", "hub-host"
_PROBLEM = "hub-serve-problem"
_NEAR, _FAR = "this machine", "other machines"
_HOSTS = {_NEAR: "127.0.0.1", _FAR: "0.0.0.0"}
_LOCAL = ("", "localhost", "127.0.0.1", "::1")
_UCSC = "https://genome.ucsc.edu/cgi-bin/hgTracks"


class Serving:
    """The server of this app's hubs, if it runs; shared by all browser sessions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: HubServer | None = None
        self.reach = _NEAR

    @property
    def url(self) -> str:
        """Where the server listens; empty where it does not run."""
        server = self._server
        return "" if server is None else server.url

    def start(self, folder: Path, port: int, reach: str) -> None:
        """Serve a folder, in place of what is served now.

        Raises
        ------
        InputError
            Where the port cannot be had.
        """
        with self._lock:
            self._close()
            self._server, self.reach = HubServer(folder, port, _HOSTS[reach]), reach

    def stop(self) -> None:
        """Stop listening; who starts it again opens it to this machine first."""
        with self._lock:
            self._close()
            self.reach = _NEAR

    def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()


@st.cache_resource(show_spinner=False)
def serving() -> Serving:
    """Return the one server."""
    return Serving()


def serve_controls(shelf: HubShelf, path: Path, hub: Hub, stem: str, row: DeltaGenerator) -> None:
    """Offer the IGV session and, where the user wants it, an address to paste.

    Parameters
    ----------
    shelf, path, hub
        The hub, and where it is kept.
    stem
        How the files' names begin.
    row
        Where the hub's buttons stand.
    """
    state = st.session_state
    state[_TOGGLE] = bool(serving().url)
    state.setdefault(_REACH, serving().reach)
    st.toggle(
        "Serve hubs from this app",
        key=_TOGGLE,
        on_change=_switch,
        args=(shelf.folder,),
        help="A small web server beside the app answers with the parts of a file that a genome "
        "browser asks for. It serves the hubs that were made here and nothing else, for as long as "
        "the app runs or until this is switched off.",
    )
    base = _settings(shelf) if serving().url else ""
    if problem := state.pop(_PROBLEM, ""):
        st.error(problem, icon=":material/error:")
    address = shelf.address(path, base) if base else ""
    with row:
        file_button(
            "IGV session",
            f"{stem}.{SESSION}",
            lambda: hub.igv_session(address),
            help="With whole addresses while the hub is served. Otherwise its paths start from the "
            "hub's folder: unpack the zip, which has this file, too, and open it there.",
        )
        if address and serving().reach == _FAR:
            kind = "genome" if hub.own_genome else "db"
            link = f"{_UCSC}?{kind}={hub.genome}&hubUrl={quote(address + 'hub.txt', safe='')}"
            st.link_button("Open at UCSC", link, icon=":material/open_in_new:")
    if address:
        _addresses(address)


def _switch(folder: Path) -> None:
    """Start or stop the server; a callback."""
    state = st.session_state
    if not state.get(_TOGGLE):
        serving().stop()
        return
    try:
        serving().start(folder, int(state.get(_PORT, 0)), state.get(_REACH, _NEAR))
    except InputError as error:
        state[_PROBLEM] = str(error)


def _settings(shelf: HubShelf) -> str:
    """Ask who may read the hubs, and return the address of the shelf."""
    row = st.columns([2, 1, 2], vertical_alignment="bottom")
    changed = {"on_change": _switch, "args": (shelf.folder,)}
    row[0].segmented_control(
        "For programs on",
        list(_HOSTS),
        required=True,
        key=_REACH,
        **changed,
        help="**This machine** is the one that the app runs on. With **other machines**, whoever "
        "can reach it and knows a hub's address can read that hub.",
    )
    row[1].number_input("Port", 0, 65535, 0, key=_PORT, **changed, help="0 takes one that is free.")
    url = serving().url
    if serving().reach == _NEAR:
        return url
    name = row[2].text_input(
        "Name or address of this machine",
        _host_name(),
        key=_NAME,
        help="As the other machines know it.",
    )
    return f"http://{name.strip() or _host_name()}:{urlsplit(url).port}/"


def _host_name() -> str:
    """Return the name by which the page was asked for, or the machine's own."""
    asked = urlsplit(st.context.url or "").hostname or ""
    return socket.gethostname() if asked in _LOCAL else asked


def _addresses(address: str) -> None:
    st.caption("UCSC (My Data, Track Hubs, Connected Hubs) and JBrowse (Open connection) take:")
    st.code(f"{address}hub.txt", language=None)
    st.caption("IGV (File, Load from URL) takes:")
    st.code(f"{address}{SESSION}", language=None)
    reach = (
        "These addresses are found by programs on the machine that runs the app, and by no other."
        if serving().reach == _NEAR
        else "Other machines, UCSC's among them, must be able to reach this machine at that "
        "address and port; from behind a firewall they are not. Then put the unpacked zip on a web "
        "server that answers byte ranges."
    )
    st.caption(f":material/info: {reach} Pages that came by https may refuse plain http.")
