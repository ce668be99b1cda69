"""An IGV session: the files of a hub as tracks, for IGV on the desktop and igv.js."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class IgvTrack:
    """One track of a session.

    Attributes
    ----------
    path
        The file, relative to the session.
    name
        What stands beside the track.
    color
        ``r,g,b``.
    limits
        Bottom and top of the value axis; None lets IGV choose.
    height
        Pixels.
    """

    path: str
    name: str
    color: str = "0,0,178"
    limits: tuple[float, float] | None = None
    height: int = 40


def igv_session(genome: str, locus: str, tracks: Iterable[IgvTrack], base_url: str = "") -> str:
    """Return a session as XML.

    Parameters
    ----------
    genome
        An assembly that IGV knows, as ``hg38``, or a FASTA, relative to the session.
    locus
        What to show first, 1-based: ``chr1:1-1000``.
    tracks
        From top to bottom.
    base_url
        Where the session's folder is served. IGV on the desktop finds relative paths beside the
        session; igv.js finds them beside the page that it runs in, so it needs whole addresses.
    """
    base = base_url if not base_url or base_url.endswith("/") else f"{base_url}/"
    place = f"{base}{genome}" if "." in genome else genome
    session = ElementTree.Element("Session", genome=place, locus=locus, version="8")
    resources = ElementTree.SubElement(session, "Resources")
    panel = ElementTree.SubElement(session, "Panel", name="DataPanel")
    for track in tracks:
        path = f"{base}{track.path}"
        kind = path.rsplit(".", 1)[1]
        ElementTree.SubElement(resources, "Resource", path=path, type=kind)
        one = ElementTree.SubElement(
            panel,
            "Track",
            id=path,
            name=track.name,
            color=track.color,
            height=str(track.height),
            visible="true",
            autoScale="true" if track.limits is None else "false",
        )
        if track.limits is not None:
            low, high = track.limits
            ElementTree.SubElement(
                one, "DataRange", minimum=f"{low:g}", baseline=f"{low:g}", maximum=f"{high:g}"
            ).set("type", "LINEAR")
    ElementTree.indent(session)
    text = ElementTree.tostring(session, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n{text}\n'
