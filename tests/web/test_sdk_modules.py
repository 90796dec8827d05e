"""The pure modules of the web client, run where they will run: in a browser."""

import json
import re
from typing import Any

import pytest
from playwright.async_api import Page

from tests.web.conftest import CHECKS, WEB

pytestmark = pytest.mark.browser

ENTRIES = {"main.js", "early.js", "api.js"}
"""What pages load themselves; `api.js` needs its page's other script, and has tests of its own."""

RUN = """async (file) => {
  const kit = await import('/checks/expect.js');
  await import(`/checks/${file}`);
  const results = [];
  for (const { name, run } of kit.checks) {
    const failure = await Promise.resolve().then(run).then(() => null, (error) => error.stack ?? String(error));
    results.push([name, failure]);
  }
  return results;
}"""


@pytest.mark.parametrize(
    ("file", "least"),
    [
        ("chat.js", 10),
        ("slots.js", 13),
        ("room.js", 17),
        ("seat.js", 4),
        ("texts.js", 7),
        ("writing.js", 8),
        ("inbox.js", 9),
        ("switches.js", 16),
        ("devices.js", 5),
        ("links.js", 3),
    ],
)
async def test_the_checks_of_a_file_hold(page: Page, file: str, least: int) -> None:
    results: list[tuple[str, Any]] = await page.evaluate(RUN, file)
    assert len(results) >= least
    failed = {name: error for name, error in results if error is not None}
    assert not failed, json.dumps(failed, indent=2)


async def test_every_module_loads_and_the_page_starts_under_the_strict_policy(page: Page, site: str) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)

    async def strict(route: Any) -> None:
        response = await route.fetch()
        policy = (
            "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self' ws: wss:"
        )
        await route.fulfill(response=response, headers={**response.headers, "content-security-policy": policy})

    await page.route(f"{site}/", strict)
    await page.goto(f"{site}/")
    await page.get_by_role("heading", name="Welcome back").wait_for()
    modules = [
        str(path.relative_to(WEB))
        for path in sorted(WEB.rglob("*.js"))
        if path.name not in ENTRIES and "vendor" not in path.parts
    ]
    await page.evaluate("(names) => Promise.all(names.map((name) => import(`/web/${name}`)))", modules)
    assert errors == []


def test_pages_load_nothing_from_other_hosts_and_hold_no_inline_code() -> None:
    page = (WEB / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page)
    own = [
        path for path in WEB.rglob("*") if path.suffix in {".js", ".css", ".html"} and "vendor" not in path.parts
    ]
    for path in own:
        found = re.findall(
            r"(?:import|from|src=|href=|url\()\s*[\"'(]?\s*(?:https?:)?//[^\s\"')]+", path.read_text()
        )
        assert not found, f"{path.name}: {found}"


def test_imports_are_relative_and_point_at_files() -> None:
    for path in WEB.rglob("*.js"):
        if "vendor" in path.parts:
            continue
        for name in re.findall(r"^(?:import|export)[^;]*?from '([^']+)'", path.read_text(), re.MULTILINE):
            assert name.startswith("."), f"{path.name} imports {name}"
            assert (path.parent / name).is_file(), f"{path.name} imports {name}, which does not exist"


def test_modules_stay_small() -> None:
    too_long = {
        str(path.relative_to(WEB)): lines
        for path in [*WEB.rglob("*.js"), *CHECKS.glob("*.js")]
        if "vendor" not in path.parts and (lines := len(path.read_text().splitlines())) > 400
    }
    assert not too_long
