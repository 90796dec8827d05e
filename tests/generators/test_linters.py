"""The linters that people run on OpenAPI documents find no error and no warning."""

import json
import re
from pathlib import Path

import pytest

from tests.generators.tools import HERE, run_node, run_tool


def test_node_is_the_pinned_one() -> None:
    ran = run_node("--version")
    print(f"Node.js {ran.stdout.strip()}")
    assert re.fullmatch(r"v24\.\d+\.\d+\n", ran.stdout), ran


def test_npm_packages_are_pinned_and_name_no_registry() -> None:
    wanted = json.loads((HERE / "package.json").read_text())["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values()), wanted
    locked = json.loads((HERE / "package-lock.json").read_text())["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert [name for name, package in locked.items() if "resolved" in package] == []
    assert [name for name, package in locked.items() if name and "integrity" not in package] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_spectral_finds_nothing(document: Path) -> None:
    ran = run_tool(
        "@stoplight/spectral-cli", "dist/index.js", "lint", document, "--ruleset", HERE / "spectral.yaml",
        "--fail-severity", "hint",
    )  # fmt: skip
    assert ran.returncode == 0, f"{ran.stdout}{ran.stderr}\nThe rules are in tests/generators/spectral.yaml."
    assert "No results with a severity of 'hint' or higher found!" in ran.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_redocly_finds_nothing(document: Path) -> None:
    ran = run_tool("@redocly/cli", "bin/cli.js", "lint", document, "--config", HERE / "redocly.yaml")
    assert ran.returncode == 0, f"{ran.stdout}{ran.stderr}\nThe rules are in tests/generators/redocly.yaml."
    assert "warning" not in ran.stdout + ran.stderr, ran.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_linters_find_what_is_wrong(document: Path, tmp_path: Path) -> None:
    """A document without a description and with an example that is none fails: the linters do look."""
    described = json.loads(document.read_text())
    operation = described["paths"]["/api/v1/auth/register"]["post"]
    del operation["description"]
    operation["requestBody"]["content"]["application/json"]["example"] = {"username": 1}
    broken = tmp_path / "broken.json"
    paths = {"/api/v1/auth/register": {"post": operation}}
    broken.write_text(json.dumps({**described, "paths": paths}))
    ran = run_tool(
        "@stoplight/spectral-cli", "dist/index.js", "lint", broken, "--ruleset", HERE / "spectral.yaml"
    )
    assert ran.returncode == 1 and "operation-description" in ran.stdout and "oas3-valid-media" in ran.stdout
    ran = run_tool("@redocly/cli", "bin/cli.js", "lint", broken, "--config", HERE / "redocly.yaml")
    assert ran.returncode == 1 and "operation-description" in ran.stdout + ran.stderr
