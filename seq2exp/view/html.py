"""The interactive figure as one HTML file that opens anywhere, offline."""

import html
import json
from collections.abc import Mapping
from typing import Any

from plotly.offline import get_plotlyjs

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
html, body {{ height: 100%; margin: 0; font-family: sans-serif; }}
h1 {{ font-size: 1.1rem; margin: 0.8rem 1rem 0.2rem; }}
#figure {{ width: 100%; }}
p {{ margin: 0.4rem 1rem 1rem; color: #666666; font-size: 0.85rem; }}
.simulated {{ margin-left: 0.8em; padding: 0.1em 0.6em; border: 1px solid #a63603;
  border-radius: 0.4em; background: #feedde; color: #a63603; font-size: 0.8em; }}
</style>
</head>
<body>
<h1>{title}{badge}</h1>
<div id="figure" role="img" aria-label="{alt}"></div>
<p>{footer}</p>
<script>{library}</script>
<script id="figure-data" type="application/json">{figure}</script>
<script>
const figure = JSON.parse(document.getElementById("figure-data").textContent);
Plotly.newPlot("figure", figure.data, figure.layout,
  Object.assign({{responsive: true, scrollZoom: true, displaylogo: false}}, figure.config || {{}}));
</script>
</body>
</html>
"""


def interactive_html(
    figure_dict: Mapping[str, Any], title: str, footer: str = "", simulated: bool = False
) -> str:
    """Return a page with the figure and plotly.js itself inside; it asks the network for nothing.

    Parameters
    ----------
    figure_dict
        A Plotly figure as plain JSON values: ``data``, ``layout`` and optionally ``config``;
        ``layout.meta.alt`` becomes the text for those who cannot see it.
    title, footer
        Plain text above and below the figure.
    simulated
        Write "Simulated data" beside the title.

    Raises
    ------
    ValueError
        Where the figure holds NaN or infinity, which JSON has no word for.
    """
    figure = json.dumps(figure_dict, allow_nan=False, separators=(",", ":"))
    meta = figure_dict.get("layout", {}).get("meta") or {}
    # Inside <script> only "</" can end the data, and JSON may write it as "<\/".
    return _PAGE.format(
        title=html.escape(title),
        badge='<span class="simulated">Simulated data</span>' if simulated else "",
        footer=html.escape(footer),
        alt=html.escape(str(meta.get("alt") or title)),
        library=get_plotlyjs(),
        figure=figure.replace("</", "<\\/").replace("<!--", "<\\u0021--"),
    )
