"""The text index of a collection: every word of its fields' strings, as a key of the document that has it.

Only what works without knowing a language is kept: `default_language` is "none". Weights are stored and shown;
they would only change scores, which are not computed.
"""

from dataclasses import dataclass, field
from typing import Any

from mediaserver.store.embedded.errors import CommandError, Document, number, refuse_unknown
from mediaserver.store.embedded.indexes import Index, Key, parse_index
from mediaserver.store.embedded.paths import split
from mediaserver.store.embedded.text import texts, words

_VERSION = 3
_PATTERN = {"_fts": "text", "_ftsx": 1}
_LANGUAGE = ("default_language", "language_override", "textIndexVersion")
_KNOWN = frozenset(("v", "key", "name", "weights", "background", "ns", *_LANGUAGE))


@dataclass(slots=True)
class TextIndex(Index):
    """A checked definition. It has no fields that a filter or a sort could use."""

    weights: dict[str, int] = field(default_factory=dict)
    language_override: str = "language"

    def __post_init__(self) -> None:
        self.paths = tuple(split(name) for name in self.weights)
        self.roots = frozenset(path[0] for path in self.paths)
        self.multikey = True

    def pattern(self) -> Document:
        return dict(_PATTERN)

    def options(self) -> Document:
        return {
            "v": 2,
            "key": self.pattern(),
            "name": self.name,
            "weights": self.weights,
            "default_language": "none",
            "language_override": self.language_override,
            "textIndexVersion": _VERSION,
        }

    def keys(self, document: Document) -> dict[bytes, Key]:
        found = {word for text in texts(document, self.paths) for word in words(text)}
        return {word.encode(): (word,) for word in found}


def parse_any_index(source: Document) -> Index:
    """Check a definition of an index of any kind."""
    key = source.get("key")
    is_text = isinstance(key, dict) and "text" in key.values()
    return parse_text_index(source) if is_text else parse_index(source)


def parse_text_index(source: Document) -> TextIndex:
    """Check a definition, as a client writes it (`{title: "text"}`) or as `listIndexes` shows it."""
    refuse_unknown(source, _KNOWN, "createIndexes.indexes")
    key, name, weights = source["key"], source.get("name"), source.get("weights", {})
    if not isinstance(name, str) or not name:
        raise CommandError(9, "an index needs a key and a name")
    if not isinstance(weights, dict):
        raise CommandError(67, "weights must be a document")
    if key != _PATTERN:
        weights = dict.fromkeys(key, 1) | weights
        _check_fields(key)
    for path, weight in weights.items():
        if not path or "$" in path or not all(path.split(".")):
            raise CommandError(67, f"'{path}' cannot be indexed as text")
        if not 0 < number(weight, f"weights.{path}") < 100_000:
            raise CommandError(67, "text index weight must be in the exclusive interval (0,100000)")
    if not weights:
        raise CommandError(67, "a text index needs a field")
    if source.get("default_language") != "none":
        raise CommandError(67, "a text index needs default_language 'none': no other language is known here")
    override = source.get("language_override", "language")
    if not isinstance(override, str) or not override:
        raise CommandError(67, "language_override must be the name of a field")
    if source.get("textIndexVersion", _VERSION) != _VERSION:
        raise CommandError(67, f"textIndexVersion is {_VERSION} here")
    ordered = {path: int(weights[path]) for path in sorted(weights)}
    return TextIndex(name, (), weights=ordered, language_override=override)


def _check_fields(key: dict[str, Any]) -> None:
    for path, kind in key.items():
        if kind != "text":
            raise CommandError(67, f"field '{path}' beside text fields is not supported in a text index")
