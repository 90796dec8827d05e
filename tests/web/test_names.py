"""Every function of another module that a module of the web client calls is imported there.

A missing import shows only when the line runs, which may be after an error that no test provokes.
"""

import re
from pathlib import Path

import pytest

from tests.web.conftest import WEB

_MODULES = sorted(path for part in ("app", "sdk") for path in (WEB / part).rglob("*.js"))
_EXPORTED = re.compile(r"^export (?:async )?(?:function\*?|const|class) (\w+)", re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/|^\s*//.*?$", re.DOTALL | re.MULTILINE)


def _code(path: Path) -> str:
    return _COMMENT.sub("", path.read_text())


_NAMES = {name for path in _MODULES for name in _EXPORTED.findall(_code(path))}


def _missing(code: str) -> set[str]:
    called = set(re.findall(r"(?<![\w.#$])(\w+)\(", code)) & _NAMES
    return {
        name
        for name in called
        # Imported, declared, a parameter, or a method of this module's own.
        if not re.search(rf"import [^;]*\b{name}\b[^;]*from", code)
        and not re.search(rf"(?:function\*?|const|let|class) (?:{{[^}}]*)?\b{name}\b", code)
        and not re.search(
            rf"[(,{{] ?{name}(?: =|[,)}}])|^ +(?:static |async |get |set )*{name}\(.*{{$", code, re.MULTILINE
        )
    }


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: str(path.relative_to(WEB)))
def test_what_is_called_is_imported(path: Path) -> None:
    assert _missing(_code(path)) == set()


def test_a_missing_import_is_found() -> None:
    assert _missing("const failed = (error) => toast(sentence(error));") == {"toast", "sentence"}
