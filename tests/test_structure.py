"""The structure of the source tree: no import cycles, no crowded folders."""

from collections.abc import Iterable, Mapping, Set
from pathlib import Path

import grimp
import pytest

import mediaserver

PACKAGE = Path(mediaserver.__file__).parent
MOST_MODULES = 16
"""Of one folder, without its `__init__`."""


def cycles(imports: Mapping[str, Set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other in circles, by repeatedly removing the others."""
    remaining = {module: set(imported) for module, imported in imports.items()}
    while True:
        used = set().union(*remaining.values()) if remaining else set()
        ends = {module for module, imported in remaining.items() if not imported or module not in used}
        if not ends:
            return _groups(remaining)
        remaining = {module: imported - ends for module, imported in remaining.items() if module not in ends}


def _groups(imports: Mapping[str, Set[str]]) -> list[list[str]]:
    def reached(start: str) -> set[str]:
        found: set[str] = set()
        waiting = [start]
        while waiting:
            new = imports[waiting.pop()] - found
            found |= new
            waiting += new
        return found

    reach = {module: reached(module) for module in imports}
    groups = {frozenset(other for other in reach[module] if module in reach[other]) for module in imports}
    return sorted(sorted(group) for group in groups if group)


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}}, [["a", "b"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"e"}, "e": {"d", "a"}}, [["b", "c"], ["d", "e"]]),
    ],
)
def test_cycles_are_found(imports: dict[str, set[str]], expected: list[list[str]]) -> None:
    assert cycles(imports) == expected


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports under `TYPE_CHECKING` count, too."""
    graph = grimp.build_graph("mediaserver")
    modules = [module for module in graph.modules if not _is_package(module)]
    imports = {module: graph.find_modules_directly_imported_by(module) & set(modules) for module in modules}
    assert cycles(imports) == []


def _is_package(module: str) -> bool:
    return PACKAGE.parent.joinpath(*module.split(".")).is_dir()


def folders() -> Iterable[Path]:
    yield from sorted({path.parent for path in PACKAGE.rglob("*.py")})


def test_no_folder_is_crowded() -> None:
    crowded = {
        str(folder.relative_to(PACKAGE)): count
        for folder in folders()
        if (count := len([path for path in folder.glob("*.py") if path.name != "__init__.py"])) > MOST_MODULES
    }
    assert crowded == {}


def test_every_package_says_what_it_holds() -> None:
    silent = [folder for folder in folders() if not (folder / "__init__.py").read_text().startswith('"""')]
    assert silent == []
