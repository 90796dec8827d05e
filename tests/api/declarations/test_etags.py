"""Reads under a condition: 304 for what a client has already; what conditions are, and what they are not."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.etags import entity_tag, if_match, if_none_match
from mediaserver.api.declarations.operation import Accepts
from mediaserver.base.errors import BadRequest
from tests.api.conftest import Client, bearer
from tests.api.served import served
from tests.usecases.world import World


def headers(name: str, *values: str) -> CIMultiDict[str]:
    return CIMultiDict([(name, value) for value in values])


def test_equal_bytes_have_equal_tags_and_others_have_others() -> None:
    assert entity_tag(b"a") == entity_tag(b"a") != entity_tag(b"b")
    assert entity_tag(b"a", 3) == '"3.' + entity_tag(b"a")[1:]


@pytest.mark.parametrize("value", ['"e"', 'W/"e"', '"a", "e"', '"a" ,W/"e"', " * ", ', "e",', '"a,b","e"'])
def test_a_tag_that_a_client_has_is_found(value: str) -> None:
    known = if_none_match(headers("If-None-Match", value))
    assert known and known.has('"e"')


def test_several_header_lines_are_one_list() -> None:
    known = if_none_match(headers("if-none-match", '"a"', '"b"'))
    assert known and known.tags == ('"a"', '"b"')


def test_a_tag_with_a_comma_is_one_tag() -> None:
    known = if_none_match(headers("If-None-Match", '"a,e"'))
    assert known and known.tags == ('"a,e"',) and not known.has('"e"')


@pytest.mark.parametrize(
    "value", ["", " ", ",", "e", '"e', 'w/"e"', '"a" "b"', '*, "e"', '"a"x', "**", "W/", '"e\x7f"']
)
def test_what_is_no_list_of_tags_is_refused(value: str) -> None:
    for parse, name in ((if_match, "If-Match"), (if_none_match, "If-None-Match")):
        with pytest.raises(BadRequest, match=name):
            parse(headers(name, value))


@given(st.text(max_size=40) | st.from_regex(r'[ ,"W/*a]*', fullmatch=True))
def test_whatever_comes_is_parsed_or_refused(value: str) -> None:
    with contextlib.suppress(BadRequest):
        if_match(headers("If-Match", value))


def test_a_long_list_takes_no_long_time() -> None:
    with pytest.raises(BadRequest):
        if_match(headers("If-Match", " ,  " * 20_000 + "x"))


def test_an_edit_is_judged_by_the_revision() -> None:
    wanted = if_match(headers("If-Match", '"2.other", "3.hash"'))
    assert wanted and wanted.fits(3) and wanted.fits(2) and not wanted.fits(4) and not wanted.fits(0)
    anything = if_match(headers("If-Match", "*"))
    assert anything and anything.fits(7)


@pytest.mark.parametrize("tag", ['W/"3.hash"', '"3"', '"hash"', '"33.hash"', '".3.hash"', '"3e0.hash"'])
def test_weak_tags_and_those_of_other_answers_are_for_no_revision(tag: str) -> None:
    wanted = if_match(headers("If-Match", tag))
    assert wanted and not wanted.fits(3)


async def test_every_read_has_a_tag_and_answers_304_to_who_has_it(client: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    for path in ("/api/v1/auth/me", "/api/v1/users", "/api/v1/live-sessions", "/api/v1/openapi.json"):
        first = await client.get(path, headers=ada)
        tag = first.headers["ETag"]
        assert first.headers["Cache-Control"] == "private, no-cache"
        assert first.headers["Vary"] == "Authorization"
        for known in (tag, f"W/{tag}", f'"a", {tag}', "*"):
            for method in ("GET", "HEAD"):
                again = await client.request(method, path, headers={**ada, "If-None-Match": known})
                assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
        assert (await client.get(path, headers={**ada, "If-None-Match": '"other"'})).status == 200
        assert (await client.get(path, headers={**ada, "If-None-Match": "nonsense"})).status == 400
        assert (await client.get(path, headers={**ada, "If-Match": tag})).status == 200
        assert (await client.get(path, headers={**ada, "If-Match": f"W/{tag}"})).status == 412


async def test_a_list_has_another_tag_once_something_is_added(client: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    before = (await client.get("/api/v1/users", headers=ada)).headers["ETag"]
    await world.person("eve")
    answer = await client.get("/api/v1/users", headers={**ada, "If-None-Match": before})
    assert answer.status == 200 and answer.headers["ETag"] != before


async def test_a_tag_does_not_replace_a_right(client: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    tag = (await client.get("/api/v1/auth/me", headers=ada)).headers["ETag"]
    assert (await client.get("/api/v1/auth/me", headers={"If-None-Match": tag})).status == 401


async def test_a_condition_that_nobody_would_judge_is_refused(client: Client, world: World) -> None:
    ada = bearer(await world.token("ada"))
    body = {"login": "ada", "password": "correct horse"}
    for name in ("If-Match", "If-None-Match"):
        answer = await client.post("/api/v1/auth/login", json=body, headers={**ada, name: "*"})
        assert answer.status == 400 and (await answer.json())["code"] == "condition_unsupported"


async def test_answers_with_tokens_are_not_to_be_stored(client: Client, world: World) -> None:
    await world.token("ada")
    answer = await client.post("/api/v1/auth/login", json={"login": "ada", "password": "correct horse"})
    assert answer.headers["Cache-Control"] == "no-store" and "ETag" not in answer.headers


async def test_a_handler_is_given_the_condition_and_says_the_revision(world: World) -> None:
    async def change(call: Call) -> Answer:
        fits = call.if_match is None or call.if_match.fits(4)
        return Answer({"fits": fits}, revision=5 if fits else 4)

    endpoint = Endpoint("PATCH", "/x", "Change", change, "Test", accepts=Accepts(conditional=True), public=True)
    async with served(world.ctx, endpoint) as client:
        for tag, fits in ((None, True), ('"4.abc"', True), ('"3.abc"', False), ('W/"4.abc"', False)):
            answer = await client.patch("/api/v1/x", headers={"If-Match": tag} if tag else {})
            assert await answer.json() == {"fits": fits}
            assert answer.headers["ETag"].startswith('"5.' if fits else '"4.')
