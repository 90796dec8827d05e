"""Two documents of every kind, so that for every id there is one of the wrong kind."""

from dataclasses import dataclass
from typing import Any, Final

from mediaserver.api.declarations.resource import Resource
from mediaserver.base.signing import SignedFile
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.clips import VideoClip
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.sessions.chat_messages import ContentType
from mediaserver.domain.sessions.sessions import Session
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.tweets import Tweet
from mediaserver.domain.writes.idempotency import IdempotentRequest
from mediaserver.usecases.files import playback
from mediaserver.usecases.learning import clips
from mediaserver.usecases.sessions import chat, participants, recordings
from mediaserver.usecases.social import likes
from tests.api.cases import Ids, ada
from tests.api.cases.catalogue import CASES
from tests.api.ids import last_word
from tests.api.places import Place
from tests.usecases.world import World

MEDIA_TYPES: Final[dict[ContentType, str]] = {
    "Image": "image/png",
    "Video": "video/mp4",
    "Audio": "audio/ogg",
    "File": "application/pdf",
}
Uploads = dict[ContentType, Ids]
"""Two of each class."""


@dataclass(frozen=True, slots=True)
class Everything:
    ids: dict[str, Ids]
    """By what `kind_of` says; in the order in which they were made."""
    uploads: Uploads
    """ada's."""

    def good(self, place: Place) -> str:
        """What ada may name there; another one in each place of a list."""
        return fitting(self.uploads, place) if place.to == "uploads" else self.ids[place.to][_turn(place)]

    def of(self, resource: Resource[Any]) -> Ids:
        return self.ids[kind_of(resource)]

    def wrong(self, place: Place, kind: str) -> str | None:
        """Something of that kind; None where that is right."""
        return None if kind == place.to else self.ids[kind][_turn(place)]


def kind_of(resource: Resource[Any]) -> str:
    """The collection; sessions, of which each kind is a resource, by their path."""
    return resource.path.strip("/") if resource.document is Session else resource.document.collection


def kind_named(path: str) -> str:
    """Of what stands in a path under this one, such as `/courses/{id}/clips`."""
    word = last_word(path)
    kinds = {case.resource.path.strip("/"): kind_of(case.resource) for case in CASES.values()}
    return {**kinds, "conversations": "users"}.get(word, word)


async def everything(world: World) -> Everything:
    """ada, who is there already, has made it, or it is about her."""
    owner = await ada(world)
    ids = {kind_of(case.resource): await case.make(world, 2) for case in CASES.values()}
    # Who may teach, and has nothing to do with ada yet.
    ids["users"] = [(await world.person(name, "instructor")).user_id for name in ("gus", "hal")]
    uploads = await uploads_of(world, owner)
    await _likes(world, owner, ids)
    await _clips_shown(world, owner, ids)
    for _ in range(2):
        await _room(world, owner)
    for kind in world.ctx.repositories.documents:
        if kind.collection not in ids and kind not in (IdempotentRequest, Session):
            ids[kind.collection] = [found.id for found in await world.ctx.of(kind).find({}, limit=2)]
            assert len(ids[kind.collection]) == 2, f"there are no {kind.collection}"
    return Everything(ids, uploads)


async def uploads_of(world: World, owner: Actor) -> Uploads:
    return {kind: [(await world.upload(owner, type)).id for _ in range(2)] for kind, type in MEDIA_TYPES.items()}


def fitting(uploads: Uploads, place: Place) -> str:
    """What may stand in a place for an upload, as far as its class goes."""
    return uploads[place.shows or "Image"][_turn(place)]


async def _likes(world: World, owner: Actor, ids: dict[str, Ids]) -> None:
    for tweet in ids["tweets"]:
        await likes.like(world.ctx, owner, await world.ctx.of(Tweet).get(tweet))
    for comment in ids["comments"]:
        await likes.like(world.ctx, owner, await world.ctx.of(Comment).get(comment))


async def _clips_shown(world: World, owner: Actor, ids: dict[str, Ids]) -> None:
    course = await world.ctx.of(Course).get(ids["courses"][0])
    for clip in await world.ctx.of(VideoClip).by_ids(ids["clips"]):
        await clips.show(world.ctx, owner, course, clip, None)


async def _room(world: World, owner: Actor) -> None:
    """With somebody in it, who says something, is recorded and plays the recording."""
    session = await world.live_session(owner)
    await participants.enter(world.ctx, owner, session, "moderator", world.clock.now)
    await chat.send(world.ctx, owner, session.kind, session.id, "c1", "Text", "Good morning!")
    recording = await recordings.begin(world.ctx, owner, session, world.clock.now)
    expires = int(world.clock.now.timestamp()) + 900
    film = SignedFile(f"recordings/{recording.id}/program.mp4", owner.link_holder, expires)
    await playback.admit(world.ctx, film, recording.id)


def _turn(place: Place) -> int:
    """Its position in a list: nothing is named twice."""
    return next((step for step in reversed(place.loc) if isinstance(step, int)), 0) % 2
