"""Markdown that is made to freeze the pages of those who read it; the parser runs in Node here."""

import json
import subprocess
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

import mediaserver

LONGEST = 50_000
"""Characters of a block's text."""
_APP = Path(mediaserver.__file__).parent / "web" / "app"
PATTERNS = {
    "stars": "*",
    "pairs of stars": "**",
    "stars and letters": "*a",
    "open stars": "**a ",
    "underscores": "_",
    "open underscores": "__a ",
    "words in underscores": "_a_b",
    "tildes": "~~a ",
    "backticks": "`",
    "open backticks": "`a ",
    "pairs of backticks": "``a`",
    "fences": "```\n",
    "open fences": "~~~~a\n",
    "brackets": "[",
    "open links": "[a](http://",
    "links": "[a](http://b)",
    "nested brackets": "[[a]",
    "addresses": "http://a ",
    "a long address": "http://a/",
    "address ends": "http://a.,;:",
    "angles": "<http://",
    "quotes": "> ",
    "quoted lines": "> a\n",
    "deep quotes": ">>>>>>>>\n",
    "items": "- a\n",
    "deep items": "- - - - ",
    "bare items": "-\n",
    "numbers": "1. a\n",
    "indented": "    a\n",
    "growing": "  - a\n\n\n",
    "blank": "\n",
    "spaces": " ",
    "spaced lines": " \n",
    "tabs": "\t",
    "rules": "* * *\n",
    "open rules": "* * * a\n",
    "headings": "# a #\n",
    "signs": "#",
    "closing signs": "# #",
    "backslashes": "\\",
    "line ends": "a  \n",
    "mixed": "*_`[<~",
    "mentions": "@abc.-",
    "hashtags": "#a1",
    "digits": "#1",
    "combining marks": "a\u0301\u0316",
    "emoji": "\U0001f468\u200d",
    "carriage returns": "\r",
    "HTML": "<b><!--",
}


def costs(texts: dict[str, str]) -> dict[str, dict[str, float]]:
    """CPU milliseconds of `markdown` and `rich` for each text."""
    node, *_ = compute_driver_executable()
    script = Path(__file__).parent / "markdown_cost.mjs"
    done = subprocess.run(
        [node, script, _APP],
        input=json.dumps(texts), capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    measured: dict[str, dict[str, float]] = json.loads(done.stdout)
    return measured


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, float]]:
    whole = {name: (one * LONGEST)[:LONGEST] for name, one in PATTERNS.items()}
    part = {f"a tenth of {name}": text[: LONGEST // 10] for name, text in whole.items()}
    return costs(whole | part)


@pytest.mark.parametrize("parser", ["markdown", "rich"])
@pytest.mark.parametrize("name", PATTERNS)
def test_a_text_takes_linear_time(measured: dict[str, dict[str, float]], name: str, parser: str) -> None:
    """Ten times the text takes about ten times the time (quadratic time would be a hundred times)."""
    whole_ms, part_ms = measured[name][parser], measured[f"a tenth of {name}"][parser]
    assert whole_ms < 30 * part_ms + 20
