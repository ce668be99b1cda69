"""The interactive file must stand alone."""

import json
import re
import shutil
import subprocess

import pytest

from seq2exp.view.html import interactive_html

FIGURE = {
    "data": [{"type": "scatter", "x": [1, 2], "y": [3, 4], "text": "</script><!-- é"}],
    "layout": {"title": {"text": "t"}, "meta": {"alt": 'peaks of "MYC"'}},
}


def embedded(page):
    block = re.search(r'<script id="figure-data" type="application/json">(.*?)</script>', page)
    return json.loads(block.group(1))


def test_figure_survives_the_way_through_the_page():
    assert embedded(interactive_html(FIGURE, "x")) == FIGURE


def test_nothing_is_fetched_and_text_is_escaped():
    page = interactive_html(FIGURE, "<b>MYC</b> & co")
    assert "<title>&lt;b&gt;MYC&lt;/b&gt; &amp; co</title>" in page
    assert 'aria-label="peaks of &quot;MYC&quot;"' in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)


def test_simulated_data_and_the_footer_are_said():
    plain = interactive_html(FIGURE, "x")
    assert ">Simulated data<" not in plain
    page = interactive_html(FIGURE, "x", footer="a <i> b", simulated=True)
    assert ">Simulated data<" in page
    assert "<p>a &lt;i&gt; b</p>" in page


def test_nan_is_refused():
    with pytest.raises(ValueError):
        interactive_html({"data": [{"y": [float("nan")]}], "layout": {}}, "x")


@pytest.mark.browser
def test_chromium_draws_it(tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium here")
    path = tmp_path / "figure.html"
    path.write_text(interactive_html(FIGURE, "one"), encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    dom = subprocess.run(
        [*command, "--virtual-time-budget=5000", path.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert "main-svg" in dom
