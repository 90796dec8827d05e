"""The patterns of the document mean the same to Python, and to JavaScript with and without the `u` flag."""

import json
import re
from pathlib import Path
from typing import Any

from mediaserver.api import description
from tests.generators.tools import run_node

TEXTS = [
    "", "a", "ada", "Ада", "علی‌رضا", "नमस्ते", "東京タワー", "é" * 60, "e\u0301", "a" * 33, "0123", "a b", " a ",
    "\t", "a\tb", "\u3000", "\u2028", "\u200b", "\u200d", "\ufffd", "\uffff", "\u00a0a", "\u0085", "\x00", "\x1f",
    "😀", "😀😀", "a😀b", "𝒜𝒷𝒸", "𐐷", "👩\u200d👧", "\U0010ffff", "#école", "#😀", "@ada", "a.b-c_d", "-a", ".a",
    "a/b", "01JNB6ZV3T8Q4R5S6W7X8Y9Z0A", "01jnb6zv3t8q4r5s6w7x8y9z0a", "2026-03-02T09:00:00.000Z",
    "2026-13-02T09:00:00Z", "https://example.org/ada", "https://💩.la/😀?q=ü#x", "http://foo/?bar=@bo", "https://",
    "https://a b", "ftp://x", "ada@example.org", "ada@localhost", "image/png", "text/plain; charset=utf-8",
    "after:12", '"3.abc"', "*", 'W/"1", "2"', '"reads";r=1199;t=60', '"reads";q=1200;w=60', "/api/v1/tweets",
]  # fmt: skip
SCRIPT = """
const { patterns, texts } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const verdicts = (flags) => patterns.map((pattern) => {
  const expression = new RegExp(pattern, flags);
  return texts.map((text) => expression.test(text));
});
console.log(JSON.stringify([verdicts(''), verdicts('u')]));
"""


def patterns(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(patterns, schema))
    if not isinstance(schema, dict):
        return set()
    own = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
    return own.union(*map(patterns, schema.values()))


def test_patterns_mean_the_same_to_every_engine(tmp_path: Path) -> None:
    found = sorted(patterns(description()))
    assert len(found) >= 15
    script, data = tmp_path / "match.cjs", json.dumps({"patterns": found, "texts": TEXTS})
    script.write_text(SCRIPT.replace("readFileSync(0", f"readFileSync({json.dumps(str(tmp_path / 'data.json'))}"))
    (tmp_path / "data.json").write_text(data)
    ran = run_node(script)
    assert ran.returncode == 0, ran.stderr
    plain, unicode = json.loads(ran.stdout)
    for number, pattern in enumerate(found):
        in_python = [re.search(pattern, text) is not None for text in TEXTS]
        for text, verdicts in zip(
            TEXTS, zip(in_python, plain[number], unicode[number], strict=True), strict=True
        ):
            assert len(set(verdicts)) == 1, (pattern, text, verdicts)
        assert any(in_python) and not all(in_python), f"add texts to TEXTS that {pattern} accepts and refuses"
