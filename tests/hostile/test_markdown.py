"""Markdown that is made to freeze the pages of those who read it; the parser runs in Node here."""

import json
import subprocess
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

import mediaserver

LONGEST = 50_000
"""Characters of a block's text."""
PARSERS = ("markdown", "rich")
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


def is_linear(whole_ms: float, part_ms: float) -> bool:
    """Ten times the text takes about ten times the time; quadratic time would be a hundred times."""
    return whole_ms < 30 * part_ms + 20


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, float]]:
    """The least CPU milliseconds of up to five runs: the engine itself disturbs single ones."""
    texts = {name: (pattern * LONGEST)[:LONGEST] for name, pattern in PATTERNS.items()}
    texts |= {f"a tenth of {name}": text[: LONGEST // 10] for name, text in texts.items()}
    least = costs(texts)
    for _ in range(4):
        slow = [
            name for name in PATTERNS if not all(is_linear(*_pair(least, name, parser)) for parser in PARSERS)
        ]
        if not slow:
            break
        again = costs({key: texts[key] for name in slow for key in (name, f"a tenth of {name}")})
        for key, by_parser in again.items():
            least[key] = {parser: min(ms, least[key][parser]) for parser, ms in by_parser.items()}
    return least


def _pair(measured: dict[str, dict[str, float]], name: str, parser: str) -> tuple[float, float]:
    return measured[name][parser], measured[f"a tenth of {name}"][parser]


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("name", PATTERNS)
def test_a_text_takes_linear_time(measured: dict[str, dict[str, float]], name: str, parser: str) -> None:
    assert is_linear(*_pair(measured, name, parser))
