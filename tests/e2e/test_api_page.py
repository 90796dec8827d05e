"""The API's description as a page: read and tried in a browser, with nothing from other hosts."""

import pytest

from tests.e2e.visitor import Visit, visit

__all__ = ["visit"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]


async def test_a_call_is_tried_by_whoever_is_signed_in(visit: Visit) -> None:
    ann = await visit()
    await ann.register("ann")
    asked: list[str] = []
    ann.page.on("request", lambda request: asked.append(request.url))
    origin = await ann.page.evaluate("location.origin")
    await ann.page.goto(f"{origin}/docs")
    me = ann.page.locator(".opblock", has_text="/api/v1/auth/me")
    await ann.page.get_by_role("button", name="Expand tag").or_(ann.page.locator(".opblock-tag")).first.wait_for()
    await ann.page.locator(".opblock-tag", has_text="Identity").click()
    await me.first.click()
    await me.first.get_by_role("button", name="Execute").click()
    answer = me.first.locator(".live-responses-table")
    await answer.get_by_text("200").first.wait_for()
    assert '"username": "ann' in (await answer.text_content() or "")
    assert all(url.startswith((origin, "data:", "blob:")) for url in asked), asked
