"""The threat model names only things that exist, and every limit that can be configured with its default."""

import importlib
import re
from pathlib import Path

import pytest

from mediaserver.base.settings.tree import names

_TEXT = Path("docs/threat-model.md").read_text()
_ROWS = re.findall(r"^\|[^|]+\| `([\w.]+)` \| ([^|]+) \|$", _TEXT, re.MULTILINE)
_LIMITS = [name for name, _ in _ROWS]
_UNITS = {
    "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kbit/s": 10**3, "Mbit/s": 10**6,
    "h": 3600, "days": 86_400, "%": 0.01,
}  # fmt: skip
_MODULES = sorted(set(re.findall(r"`(\w+/[\w/]+\.py)`", _TEXT)))


def _is_constant(name: str) -> bool:
    return name.rpartition(".")[2].isupper()


def test_every_limit_names_a_setting_or_a_constant() -> None:
    assert len(_LIMITS) > 60
    unknown = [name for name in _LIMITS if not _is_constant(name) and name not in names()]
    assert unknown == []


def _in_force(name: str) -> float:
    if not _is_constant(name):
        return float(names()[name].default)
    module, _, constant = name.rpartition(".")
    return float(getattr(importlib.import_module(f"mediaserver.{module}"), constant))


@pytest.mark.parametrize(("name", "text"), _ROWS)
def test_the_number_is_the_one_in_force(name: str, text: str) -> None:
    if text == "none":
        assert _in_force(name) == 0
        return
    number = re.match(r"([\d,.]+) ?(KiB|MiB|GiB|kbit/s|Mbit/s|h\b|days|%)?", text)
    assert number, text
    assert _in_force(name) == float(number[1].replace(",", "")) * _UNITS.get(number[2], 1)


@pytest.mark.parametrize("path", _MODULES)
def test_modules_exist(path: str) -> None:
    assert (Path("mediaserver") / path).is_file()


def test_every_configurable_limit_is_listed() -> None:
    limits = {
        name
        for name in names()
        if name.startswith(("limits.", "signalling.")) or re.match(r"(http|uploads|media|recording)\.max_", name)
    }
    assert limits - set(_LIMITS) == set()
