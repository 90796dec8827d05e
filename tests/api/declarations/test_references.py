"""Nothing that a body names is taken on trust: what is not there, is something else or belongs to others is
refused by the name of its field, and so is what only the server writes. Whatever is refused changes nothing.

Fields are found by the declarations: a new resource is tried without a word here.
"""

import json
from typing import Any, Final

import pytest
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from mediaserver.base.ids import new_id
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.sessions.chat_messages import fits
from mediaserver.domain.social.tweets import Content
from mediaserver.usecases.social import tweets
from tests.api.cases import ada as signed_in
from tests.api.cases.acts import ACTS
from tests.api.cases.everything import MEDIA_TYPES, everything, fitting, kind_named, uploads_of
from tests.api.conftest import Client, bearer
from tests.api.ids import parameters
from tests.api.places import Place
from tests.api.writing import BODIES, NAMING, OF_RESOURCE, WRITING, Calls, Trial, objects
from tests.usecases.world import World

pytestmark = pytest.mark.slow

_BLOCKS = " ".join(f"content.{at}.value" for at in range(5))
_MEDIA = "content.media.0 content.media.1"
KNOWN: Final = {
    "PATCH /users/{id}": "profileImage skills.0 skills.1",
    "POST /live-sessions": "lessonId",
    "PATCH /live-sessions/{id}": "lessonId",
    "POST /video-sessions": "courseId",
    "PATCH /video-sessions/{id}": "courseId",
    "POST /audio-sessions": "courseId",
    "PATCH /audio-sessions/{id}": "courseId",
    "POST /messages": "receiverUserId content",
    "POST /courses": "skillId",
    "PATCH /courses/{id}": "skillId instructorUserId",
    "POST /levels/{id}/lessons": _BLOCKS,
    "PATCH /lessons/{id}": f"{_BLOCKS} levelId",
    "POST /enrollments": "courseId",
    "POST /assignments/{id}/submissions": "content.value",
    "PATCH /submissions/{id}": "content.value",
    "POST /lessons/{id}/clips": "upload",
    "PATCH /clips/{id}": "upload",
    "POST /follows": "followingUserId",
    "POST /tweets": _MEDIA,
    "PATCH /tweets/{id}": _MEDIA,
    "POST /tweets/{id}/comments": _MEDIA,
    "PATCH /comments/{id}": _MEDIA,
    "POST /blocks": "blockedUserId",
    "POST /reports": "targetId",
    "POST /live-sessions/{id}/messages": "content",
    "POST /video-sessions/{id}/messages": "content",
    "POST /audio-sessions/{id}/messages": "content",
    "PUT /courses/{id}/levels/order": "levelIds.0 levelIds.1",
    "PUT /levels/{id}/lessons/order": "lessonIds.0 lessonIds.1",
    "PUT /progress": "lessonId",
}
NO_IDS: Final[tuple[Any, ...]] = (
    "", "x", "A" * 27, "a" * 26, "A" * 120_000, "A" * 25 + "\x00", "A" * 26 + "\x00", {"$gt": ""}, {"$ne": None},
    [], ["A" * 26], 5, 1.5, True,
)  # fmt: skip


def test_the_known_places_are_found_and_every_call_can_be_made_well() -> None:
    assert KNOWN.keys() <= NAMING.keys()
    for name, names in KNOWN.items():
        assert set(names.split()) == {place.name for way in NAMING[name] for place in way}, name
    kinds = [place.beside[0][1] for way in NAMING["POST /reports"] for place in way]
    assert kinds == ["tweet", "comment", "user", "message"]
    assert NAMING.keys() <= {*ACTS, *OF_RESOURCE}, "say in cases/acts.py how it is called well"


def test_what_is_called_an_id_or_refers_is_found_whatever_its_type() -> None:
    for name, model in BODIES.items():
        referring = {one.field for one in OF_RESOURCE[name].document.references} if name in OF_RESOURCE else set()
        called = {field for field in model.model_fields if field in referring or field.endswith(("_id", "_ids"))}
        found = {place.loc[0] for way in NAMING.get(name, []) for place in way}
        assert {to_camel(field) for field in called - {"client_id"}} <= found, name


@pytest.fixture
def trial(client: Client, world: World) -> Trial:
    return Trial(client, world)


@pytest.fixture
async def calls(world: World) -> Calls:
    """Made by ada, an admin: what is refused is refused for what it says. bob is whom she writes to."""
    headers = {"ada": bearer(await world.token("ada", "admin")), "bob": bearer(await world.token("bob"))}
    return Calls(world, await everything(world), headers)


# ---------------------------------------------------------------------------------------------- what is named


async def test_what_is_named_well_is_taken(client: Client, calls: Calls) -> None:
    """So that what is refused below is refused for what is replaced."""
    for name, ways in NAMING.items():
        for way in ways:
            good = await calls.good(name, way)
            answer = await client.request(name.split()[0], good.path, json=good.body, headers=good.headers)
            assert answer.status < 300, f"{name} {good.body}: {await answer.text()}"


async def test_what_is_not_there_is_named(trial: Trial, calls: Calls) -> None:
    """Each for itself, any two, and all."""
    for good in await calls.naming():
        found = list(good.names)
        async with trial.unchanged(good):
            for at, place in enumerate(found):
                await trial.refused(good, {place: new_id()})
                for other in found[at + 1 :]:
                    await trial.refused(good, {place: new_id(), other: new_id()})
            await trial.refused(good, {place: new_id() for place in found})
    trial.end(least=150)


async def test_what_is_something_else_is_named(trial: Trial, calls: Calls) -> None:
    for good in await calls.naming():
        async with trial.unchanged(good):
            for kind in calls.there.ids:
                wrong = {place: id for place in good.names if (id := calls.there.wrong(place, kind))}
                await trial.refused(good, wrong)
    trial.end(least=1000)


async def test_what_is_no_id_is_named(trial: Trial, calls: Calls) -> None:
    for good in await calls.naming():
        async with trial.unchanged(good):
            for among_words in (False, True):
                alike = [place for place in good.names if place.among_words == among_words]
                for wrong in NO_IDS:
                    await trial.refused(good, dict.fromkeys(alike, wrong))
                await trial.refused(good, {place: None for place in alike if not place.nullable})
            for place in good.names:
                await trial.refused(good, {place: {"$gt": ""}})
    trial.end(least=700)


async def test_uploads_of_others_unfinished_ones_and_those_of_another_class_are_named(
    trial: Trial, calls: Calls, world: World
) -> None:
    ada, eve = await signed_in(world), await world.person("eve")
    theirs, shown = await uploads_of(world, eve), await uploads_of(world, eve)
    for ids in shown.values():  # to everybody, but not for them to show
        await tweets.post(world.ctx, eve, {"content": Content(text="Look!", media=ids)})
    unfinished = {status: await uploads_of(world, ada) for status in ("awaited", "pending")}
    for status, uploads in unfinished.items():
        for id in (id for ids in uploads.values() for id in ids):
            await world.ctx.uploads.update(id, set={"status": status})
    for good in await calls.naming():
        showing = [place for place in good.names if place.to == "uploads"]
        async with trial.unchanged(good):
            for uploads in (theirs, shown, *unfinished.values()):
                await trial.refused(good, {place: fitting(uploads, place) for place in showing})
            for kind, type in MEDIA_TYPES.items():
                unfit = [place for place in showing if place.shows and not fits(place.shows, type)]
                await trial.refused(good, dict.fromkeys(unfit, calls.there.uploads[kind][0]))
    trial.end(least=150)


# ---------------------------------------------------------------------------------------------- the server's own


def owned(name: str) -> set[str]:
    """What documents and the answer have and the body has not, as the wire and as Python spells it."""
    answer = WRITING[name].returns.model
    models: list[type[BaseModel]] = [*DOCUMENTS, *([answer] if answer else [])]
    fields = {(field, info.alias or field) for model in models for field, info in model.model_fields.items()}
    own = {info.alias or field for field, info in BODIES[name].model_fields.items()}
    return {spelling for spellings in fields for spelling in spellings} - own


async def _stored(world: World, calls: Calls, name: str) -> dict[str, Any]:
    """What a document of that resource has."""
    if name not in OF_RESOURCE:
        return {"id": new_id()}
    resource = OF_RESOURCE[name]
    found = await world.ctx.of(resource.document).get(calls.there.of(resource)[0])
    wire: dict[str, Any] = json.loads(json.dumps(found.to_mongo() | {"id": found.id}, default=str))
    return wire


def test_the_fields_that_only_the_server_writes_are_known() -> None:
    assert {"userId", "likesCount", "mentions", "author", "liked", "marks", "gone"} <= owned("POST /tweets")
    assert {"passwordHash", "email", "loginEpoch", "following"} <= owned("PATCH /users/{id}")
    assert {"instructorUserId", "enrolledCount", "courseCodeFolded", "course_code"} <= owned("POST /courses")
    assert {"grade", "late", "userId", "deadline"} <= owned("PATCH /submissions/{id}")
    assert {"status", "kind", "moderatorUserId", "lessonId"} <= owned("POST /video-sessions")
    assert {"role", "active", "passwordHash"} <= owned("POST /auth/register")
    assert all({"id", "createdAt", "updatedAt", "revision", "settled"} <= owned(name) for name in BODIES)


async def test_what_only_the_server_writes_is_refused_by_name(trial: Trial, calls: Calls, world: World) -> None:
    """With something, with nothing, with an operator, with what is stored; in parts of the body as well."""
    for name in BODIES:
        good, names = await calls.good(name), owned(name)
        known = {field: value for field, value in (await _stored(world, calls, name)).items() if field in names}
        async with trial.unchanged(good):
            for value in (1, None, {"$inc": 1}):
                await trial.refused_body(good, good.body | dict.fromkeys(names, value), names)
            await trial.refused_body(good, good.body | known, known.keys())
            for loc in objects(good.body):
                await trial.refused(good, {Place((*loc, "userId"), "users"): new_id()})
    trial.end(least=3 * len(BODIES))


async def test_fields_go_by_no_other_name(trial: Trial, calls: Calls) -> None:
    """As Python spells them they would be there twice, and the description has them once."""
    for name, model in BODIES.items():
        good = await calls.good(name)
        spelt = {
            info.alias: (field, info.is_required() and WRITING[name].accepts.patch is None)
            for field, info in model.model_fields.items()
            if info.alias != field and info.alias in good.body
        }
        body = {spelt[key][0] if key in spelt else key: value for key, value in good.body.items()}
        missed = {key for key, (_, is_required) in spelt.items() if is_required}
        async with trial.unchanged(good):
            if spelt:
                await trial.refused_body(good, body, {field for field, _ in spelt.values()} | missed)
    trial.end(least=20)


# ---------------------------------------------------------------------------------------------- paths


async def test_a_path_that_names_something_else_leads_nowhere(trial: Trial, calls: Calls) -> None:
    there = calls.there.ids
    for name, endpoint in WRITING.items():
        right = {parameter: kind_named(collection) for collection, parameter in parameters(endpoint.path)}
        good = await calls.good(name)
        async with trial.unchanged(good):
            for parameter in right:
                for kind in there.keys() - {right[parameter]}:
                    ids = {one: there[its][0] for one, its in right.items()} | {parameter: there[kind][0]}
                    await trial.lost(good, "/api/v1" + endpoint.path.format_map(ids))
    trial.end(least=1000)
