"""Names for enumerations that several schemas share, so that generated clients have one type for each."""

from typing import Any, Final, get_args

from mediaserver.api.openapi.schemas import REF, Schema
from mediaserver.domain.documents.actor import Role
from mediaserver.domain.learning.progress import CompletionStatus
from mediaserver.domain.sessions import sessions
from mediaserver.domain.sessions.chat_messages import AttachedType, ContentType
from mediaserver.domain.sessions.participants import ParticipantRole
from mediaserver.domain.sessions.recordings import RecordingStatus
from mediaserver.domain.social import reports

_NAMES: Final[dict[tuple[str, ...], str]] = {
    get_args(Role): "Role",
    get_args(ContentType): "ContentType",
    get_args(AttachedType): "AttachedType",
    get_args(CompletionStatus): "CompletionStatus",
    get_args(ParticipantRole): "ParticipantRole",
    get_args(RecordingStatus): "RecordingStatus",
    get_args(reports.Status): "ReportStatus",
    get_args(reports.TargetKind): "ReportTargetKind",
    get_args(sessions.SessionKind): "SessionKind",
    get_args(sessions.SessionType): "SessionType",
    get_args(sessions.Source): "TrackSource",
    get_args(sessions.Status): "SessionStatus",
}


def with_named_enumerations(document: Schema) -> Schema:
    """Return the OpenAPI document with a reference to a component wherever a schema lists one of these values."""
    used: Schema = {}
    described: Schema = _replaced(document, used)
    schemas = described["components"]["schemas"]
    assert not used.keys() & schemas.keys(), "an enumeration has the name of a model"
    described["components"]["schemas"] = dict(sorted({**schemas, **used}.items()))
    return described


def _replaced(schema: Any, used: Schema) -> Any:
    if isinstance(schema, list):
        return [_replaced(one, used) for one in schema]
    if not isinstance(schema, dict):
        return schema
    name = _NAMES.get(tuple(values)) if isinstance(values := schema.get("enum"), list) else None
    if name is None or schema.get("type") != "string":
        return {key: _replaced(one, used) for key, one in schema.items()}
    used[name] = {"type": "string", "enum": schema["enum"]}
    about = {key: one for key, one in schema.items() if key not in ("type", "enum")}
    # Some generators ignore siblings of a reference.
    return {"allOf": [{"$ref": REF + name}], **about} if about else {"$ref": REF + name}
