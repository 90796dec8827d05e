"""What happens in sessions: start and end, participants, messages, recordings; the same for every kind."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, Field, StrictBool

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Accepts, Returns
from mediaserver.api.declarations.pagination import Limit, PageQuery, page
from mediaserver.api.declarations.shapes import patched, view_of
from mediaserver.api.declarations.views import MessageView, RecordedTrackView
from mediaserver.api.sessions.session_resources import SESSIONS
from mediaserver.base.faults import form
from mediaserver.base.ids import new_id
from mediaserver.base.nouns import with_article
from mediaserver.domain.sessions.chat_messages import ChatMessage, ClientId, Content, ContentType
from mediaserver.domain.sessions.participants import Participant
from mediaserver.domain.sessions.recordings import Recording
from mediaserver.domain.sessions.sessions import KINDS, Session, SessionKind
from mediaserver.usecases.sessions import chat, participants, recordings, sessions

KindHandler = Callable[..., Awaitable[Answer]]

PARTICIPANT_VIEW = view_of(Participant, username=(str, ...))
RECORDING_VIEW = view_of(
    Recording,
    video_file_url=(str | None, Field(description="Signed for the reader; null until ready.")),
    tracks=(list[RecordedTrackView], ...),
)


class MessageQuery(Body):
    """Without a bound the latest; items are by sequence, ascending; the cursor goes on in the same direction."""

    limit: Limit = 20
    cursor: (
        Annotated[
            str,
            form(r"^(after|before):[0-9]{1,15}$", "must be the `nextCursor` of a page: `after:N` or `before:N`"),
            Field(description="The `nextCursor` of the page before."),
        ]
        | None
    ) = None
    after_sequence: Annotated[int, Field(ge=0, lt=2**53, description="The next ones after this.")] | None = None
    before_sequence: Annotated[int, Field(ge=0, lt=2**53, description="The latest before this.")] | None = None

    def position(self) -> tuple[int | None, int | None]:
        """`(after, before)`."""
        if self.cursor is None:
            return self.after_sequence, self.before_sequence
        direction, _, sequence = self.cursor.partition(":")
        return (int(sequence), None) if direction == "after" else (None, int(sequence))


class NewMessage(Body):
    client_id: ClientId = Field(default_factory=new_id, description="The same again is the same message.")
    content_type: ContentType = "Text"
    content: Content


class MuteUpdate(Body):
    mute: StrictBool = False


class ParticipantUpdate(MuteUpdate):
    video_visible: StrictBool = False
    cast_screen: StrictBool = False


async def _start(call: Call, kind: SessionKind) -> Answer:
    """Start the session: from now on people can join its room. Only the moderator and admins may do this."""
    return await _session(call, await sessions.start(call.context, call.actor, kind, call.id()))


async def _end(call: Call, kind: SessionKind) -> Answer:
    """End the session for good: everybody leaves its room and it cannot be started again. Only the moderator and
    admins may do this.
    """
    return await _session(call, await sessions.end(call.context, call.actor, kind, call.id()))


async def _session(call: Call, session: Session) -> Answer:
    return Answer((await sessions.describe(call.context, call.actor, [session]))[0])


async def _inside(call: Call, kind: SessionKind) -> Session:
    """The session, for one who takes part in it. NotFound, Forbidden."""
    session = await sessions.find(call.context, kind, call.id())
    await sessions.require_part(call.context, call.actor, session)
    return session


# ---------------------------------------------------------------------------------------------- participants


async def _participants(call: Call, kind: SessionKind) -> Answer:
    """Return a page of the people who are or were in the session, for those who take part in it."""
    session, query = await _inside(call, kind), call.query
    of = {"sessionKind": kind, "sessionId": session.id}
    found = await call.context.participants.page(of, limit=query.limit, cursor=query.cursor)
    return page(await participants.describe(call.context, call.actor, found.items), found.next_cursor)


async def _participant(call: Call, kind: SessionKind) -> Answer:
    """Return one participant with their role and what they send."""
    session = await _inside(call, kind)
    found = await participants.find(call.context, kind, session.id, call.id("participantId"))
    return Answer((await participants.describe(call.context, call.actor, [found]))[0])


async def _patch_participant(call: Call, kind: SessionKind) -> Answer:
    """Mute a participant or switch off their video or screen in the running room, with a JSON Merge Patch (RFC
    7396). Participants may switch their own on and off; the moderator may switch off everybody's.
    """
    session = await _inside(call, kind)
    before = await participants.find(call.context, kind, session.id, call.id("participantId"))
    model = MuteUpdate if KINDS[kind].media == ("audio",) else ParticipantUpdate
    changes = patched(model, before, call.body)
    wire = (await participants.describe(call.context, call.actor, [before]))[0]
    if changes:
        room = call.services.rooms
        shown = await room.patch_participant(call.actor, kind, session.id, before.id, changes)
        wire |= {name: value for name, value in shown.items() if name in wire}
    return Answer(wire)


# ---------------------------------------------------------------------------------------------- messages


async def _messages(call: Call, kind: SessionKind) -> Answer:
    """Return a page of the chat in ascending order of `sequence`: the latest messages unless `afterSequence`,
    `beforeSequence` or `cursor` says otherwise. `nextCursor` continues in the same direction.
    """
    session = await _inside(call, kind)
    query: MessageQuery = call.query
    after, before = query.position()
    found = await chat.history(call.context, kind, session.id, after=after, before=before, limit=query.limit)
    items = await chat.describe_with_senders(call.context, call.actor, found.messages)
    if not found.truncated:
        return page(items, None)
    forward = after is not None
    return page(items, f"after:{items[-1]['sequence']}" if forward else f"before:{items[0]['sequence']}")


async def _message(call: Call, kind: SessionKind) -> Answer:
    """Return one chat message."""
    session = await _inside(call, kind)
    message = await chat.find(call.context, kind, session.id, call.id("messageId"))
    return Answer((await chat.describe_with_senders(call.context, call.actor, [message]))[0])


async def _send(call: Call, kind: SessionKind) -> Answer:
    """Send a message to the chat: text, or the id of an upload when `contentType` is not `Text`. Sending the same
    `clientId` again returns the stored message with status 200.
    """
    body: NewMessage = call.body
    message, created = await chat.send(
        call.context, call.actor, kind, call.id(), body.client_id, body.content_type, body.content
    )
    return await _sent(call, kind, message, created)


async def _sent(call: Call, kind: SessionKind, message: ChatMessage, created: bool = True) -> Answer:
    described = (await chat.describe_with_senders(call.context, call.actor, [message]))[0]
    location = f"{KINDS[kind].path}/{message.session_id}/messages/{message.id}"
    return Answer(described, location=location, status=201 if created else 200)


async def _recover_message(call: Call, message_id: str, kind: SessionKind) -> Answer:
    return await _sent(call, kind, await chat.find(call.context, kind, call.id(), message_id))


# ---------------------------------------------------------------------------------------------- recordings


async def _recordings(call: Call, kind: SessionKind) -> Answer:
    """Return a page of the recordings of the session, newest first, for those who take part in it."""
    session, query = await _inside(call, kind), call.query
    of = {"sessionKind": kind, "sessionId": session.id}
    newest_first = [("startTime", -1)]
    found = await call.context.recordings.page(of, newest_first, limit=query.limit, cursor=query.cursor)
    return page(await recordings.describe(call.context, call.actor, found.items), found.next_cursor)


async def _own_recordings(call: Call) -> Answer:
    """Return a page of the recordings of all sessions that you may play, newest first."""
    found = await recordings.page(call.context, call.actor, call.query.limit, call.query.cursor)
    return page(await recordings.describe(call.context, call.actor, found.items), found.next_cursor)


async def _recording(call: Call) -> Answer:
    """Return one recording with signed URLs of its tracks and, once it is ready, of the composed video."""
    recording = await recordings.find(call.context, call.actor, call.id())
    return Answer((await recordings.describe(call.context, call.actor, [recording]))[0])


async def _delete_recording(call: Call) -> Answer:
    """Delete a recording and its files. Only the moderator of the session and admins may do this."""
    recording = await recordings.find(call.context, call.actor, call.id())
    await recordings.delete(call.context, call.actor, recording)
    return Answer()


def _of_kind(kind: SessionKind) -> list[Endpoint]:
    view, one = SESSIONS[kind].view, KINDS[kind].path + "/{id}"
    tag, session = SESSIONS[kind].tag, with_article(f"{kind} session")

    def endpoint(
        method: str,
        path: str,
        summary: str,
        handler: KindHandler,
        accepts: Accepts,
        returns: Returns,
        **more: Any,
    ) -> Endpoint:
        return Endpoint(
            method,
            one + path,
            summary,
            partial(handler, kind=kind),
            tag,
            accepts=accepts,
            returns=returns,
            **more,
        )

    def get(path: str, summary: str, handler: KindHandler, model: type[BaseModel]) -> Endpoint:
        return endpoint("GET", path, summary, handler, Accepts(), Returns(model=model, errors=(403, 404)))

    def get_page(
        path: str,
        summary: str,
        handler: KindHandler,
        model: type[BaseModel],
        query: type[BaseModel] = PageQuery,
    ) -> Endpoint:
        returns = Returns(model=model, page=True, errors=(403, 404))
        return endpoint("GET", path, summary, handler, Accepts(query=query), returns)

    conflicting = (403, 404, 409)
    patch = MuteUpdate if KINDS[kind].media == ("audio",) else ParticipantUpdate
    participants, participant = "/participants", "/participants/{participantId}"
    return [
        endpoint(
            "POST",
            "/start",
            f"Start {session}",
            _start,
            Accepts(),
            Returns(model=view, errors=conflicting),
        ),
        endpoint(
            "POST",
            "/end",
            f"End {session} for good",
            _end,
            Accepts(),
            Returns(model=view, errors=conflicting),
        ),
        get_page(participants, f"List the participants of {session}", _participants, PARTICIPANT_VIEW),
        get(participant, f"Read one participant of {session}", _participant, PARTICIPANT_VIEW),
        endpoint(
            "PATCH",
            participant,
            f"Mute a participant of {session}",
            _patch_participant,
            Accepts(patch=patch),
            Returns(model=PARTICIPANT_VIEW, errors=conflicting),
        ),
        get_page("/messages", f"List the chat messages of {session}", _messages, MessageView, MessageQuery),
        get("/messages/{messageId}", f"Read one chat message of {session}", _message, MessageView),
        endpoint(
            "POST",
            "/messages",
            f"Send a chat message in {session}",
            _send,
            Accepts(body=NewMessage),
            Returns(status=201, model=MessageView, other_statuses=(200,), errors=conflicting),
            recover=partial(_recover_message, kind=kind),
        ),
        get_page("/recordings", f"List the recordings of {session}", _recordings, RECORDING_VIEW),
    ]


ENDPOINTS = [
    *(endpoint for kind in KINDS for endpoint in _of_kind(kind)),
    Endpoint(
        "GET",
        "/recordings",
        "List the recordings that you may play",
        _own_recordings,
        "Recordings",
        accepts=Accepts(query=PageQuery),
        returns=Returns(model=RECORDING_VIEW, page=True),
    ),
    Endpoint(
        "GET",
        "/recordings/{id}",
        "Read one recording",
        _recording,
        "Recordings",
        returns=Returns(model=RECORDING_VIEW, errors=(403, 404)),
    ),
    Endpoint(
        "DELETE",
        "/recordings/{id}",
        "Delete a recording",
        _delete_recording,
        "Recordings",
        returns=Returns(status=204, errors=(403, 404, 409)),
    ),
]
