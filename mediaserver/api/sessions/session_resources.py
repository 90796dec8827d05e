"""`/live-sessions`, `/video-sessions`, `/audio-sessions`: one document, three resources."""

from pydantic import BaseModel

from mediaserver.api.declarations.resource import Create, Delete, Listing, Resource, Update
from mediaserver.api.declarations.views import AudioSessionView, LiveSessionView, VideoSessionView
from mediaserver.domain.sessions.sessions import KINDS, Session, SessionKind
from mediaserver.usecases.sessions import deletion, sessions

_VIEWS: dict[SessionKind, type[BaseModel]] = {
    "live": LiveSessionView,
    "video": VideoSessionView,
    "audio": AudioSessionView,
}


def _resource(kind: SessionKind) -> Resource[Session]:
    rules = KINDS[kind]
    fields = (
        "title",
        "description",
        "start_time",
        "end_time",
        rules.bound_to,
        "ends_when_empty",
        *(["type"] if rules.types else []),
    )
    return Resource(
        path=rules.path,
        document=Session,
        scope={"kind": kind},
        listing=Listing(
            filters=("status", "moderator_user_id", *dict.fromkeys((rules.bound_to, "course_id"))),
            sorts=("start_time",),
        ),
        create=Create(fields, lambda ctx, actor, fields: sessions.create(ctx, actor, kind, fields)),
        update=Update(fields, sessions.update),
        delete=Delete(deletion.delete_session),
        view=_VIEWS[kind],
        describe=sessions.describe,
        tag=f"{kind.title()} sessions",
        noun=f"{kind} session",
    )


SESSIONS = {kind: _resource(kind) for kind in KINDS}
