"""The one error hierarchy: a status and a code on each class, mapped once per shell (REST, Socket.IO, CLI)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One bad field: where it stands (dotted path of wire names) and what is wrong with it."""

    loc: str
    msg: str


class Problem(Exception):
    """An error that a client may see: `code` is for programs, `detail` is a sentence for people."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, code: str, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)


class BadRequest(Problem):
    status, title = 400, "Bad request"


class Unauthenticated(Problem):
    status, title = 401, "Not signed in"


class Forbidden(Problem):
    status, title = 403, "Not allowed"


class NotFound(Problem):
    status, title = 404, "Not found"


class TooSlow(Problem):
    """The client took longer to send its request than it may."""

    status, title = 408, "Request timeout"


class Conflict(Problem):
    status, title = 409, "Conflict"


class InProgress(Conflict):
    """The same is being done by another; soon it will have been."""

    def __init__(self, code: str, detail: str, retry_after_s: float) -> None:
        super().__init__(code, detail)
        self.retry_after_s = retry_after_s


class Gone(Problem):
    status, title = 410, "Gone"


class PreconditionFailed(Problem):
    status, title = 412, "Precondition failed"


class TooLarge(Problem):
    status, title = 413, "Too large"


class UnsupportedMedia(Problem):
    status, title = 415, "Unsupported media type"


class EncodedBody(UnsupportedMedia):
    """The body, or a part of it, has a content coding; none is accepted."""


class Invalid(Problem):
    """The request is understood but wrong; `errors` names every bad field."""

    status, title = 422, "Invalid"


class TooMany(Problem):
    status, title = 429, "Too many requests"

    def __init__(self, code: str, detail: str, retry_after_s: float) -> None:
        super().__init__(code, detail)
        self.retry_after_s = retry_after_s


class Unavailable(Problem):
    """Something that we depend on is away; trying again later is right."""

    status, title = 503, "Unavailable"

    def __init__(self, code: str, detail: str, retry_after_s: float = 2.0) -> None:
        super().__init__(code, detail)
        self.retry_after_s = retry_after_s


class InsufficientStorage(Problem):
    """Storing this would take disk space that is reserved for something else."""

    status, title = 507, "Insufficient storage"


class StartError(Exception):
    """The server cannot start; the message says what is wrong and where. Shown without a traceback."""
