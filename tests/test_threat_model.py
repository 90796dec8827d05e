"""The threat model names only things that exist, and every limit that can be configured."""

import importlib
import re
from pathlib import Path

import pytest

from mediaserver.base.settings import names

_TEXT = Path("docs/threat-model.md").read_text()
_LIMITS = re.findall(r"^\|[^|]+\| `([\w.]+)` \|[^|]+\|$", _TEXT, re.MULTILINE)
_MODULES = sorted(set(re.findall(r"`(\w+/[\w/]+\.py)`", _TEXT)))


def _is_constant(name: str) -> bool:
    return name.rpartition(".")[2].isupper()


def test_every_limit_names_a_setting_or_a_constant() -> None:
    assert len(_LIMITS) > 60
    unknown = [name for name in _LIMITS if not _is_constant(name) and name not in names()]
    assert unknown == []


@pytest.mark.parametrize("name", [name for name in _LIMITS if _is_constant(name)])
def test_constants_exist(name: str) -> None:
    module, _, constant = name.rpartition(".")
    assert hasattr(importlib.import_module(f"mediaserver.{module}"), constant)


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
