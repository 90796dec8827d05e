"""Types that openapi-typescript generates: a program over them compiles strictly, and does what it says."""

import json
import shutil
from pathlib import Path

import pytest

from tests.api.running import PASSWORD
from tests.generators.conftest import ADMIN
from tests.generators.tools import HERE, INSTALLED, run_node, run_tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def project(document: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the generated types and a program that uses them."""
    folder = tmp_path_factory.mktemp("typescript")
    # Without the flag a field with a default is required in bodies as well.
    options = ("--default-non-nullable=false", "--output", folder / "api.d.ts")
    ran = run_tool("openapi-typescript", "bin/cli.js", document, *options)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for name in ("school.ts", "tsconfig.json"):
        shutil.copy(HERE / name, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(INSTALLED / "node_modules")
    return folder


def test_a_program_over_the_types_compiles(project: Path) -> None:
    ran = run_tool("typescript", "bin/tsc", "--project", project)
    assert ran.returncode == 0, ran.stdout


def test_the_program_tells_members_of_unions_apart(project: Path, server: str) -> None:
    ran = run_node(project / "school.ts", server, ADMIN, PASSWORD)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "blocks": ["A tag tells members apart.", "Which field? (2)"],
        "told": ["tim: hello"],
        "said": ["HELLO", "notes.txt"],
        "refused": "not_found",
        "count": 0,
    }
