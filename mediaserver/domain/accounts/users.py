"""User accounts and logins. Lookalike usernames are equal, ignoring case; secrets are stored as hashes only."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field, StringConstraints

from mediaserver.base.faults import form
from mediaserver.domain.documents.actor import Role
from mediaserver.domain.documents.document import Counted, Document, Id, Index, Moment, Reference, Value
from mediaserver.domain.documents.lists import DISTINCT, UNIQUE
from mediaserver.domain.documents.policy import Policy, admin, any_of, nobody, not_blocked, owner
from mediaserver.domain.text.lookalikes import skeleton
from mediaserver.domain.text.text import CONTROL, SPACE, WORD, Line, Prose, Typed, WebAddress, fold

Username = Annotated[
    str,
    form(
        rf"^[{WORD}][{WORD}.-]*$",
        "may have letters, digits, `_`, `.` and `-`, and must not begin with `.` or `-`",
        min_length=3,
        max_length=32,
    ),
]
"""Any that an account may have. New ones have to follow the stricter rules in `usernames.py` as well."""
_PART = f"[^@{CONTROL}{SPACE}]+"
Email = Annotated[
    str, form(rf"^{_PART}@{_PART}\.{_PART}$", "must be an email address such as ada@example.org", max_length=254)
]
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
NewEmail = Annotated[
    str,
    form(
        rf"^[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@{_LABEL}(\.{_LABEL})+$",
        "must be an email address such as ada@example.org",
        max_length=254,
    ),
]
"""One that every mail server can write to (RFC 5321 section 4.1.2, without quoted names and SMTPUTF8)."""
Password = Annotated[Typed, StringConstraints(min_length=8, max_length=256)]
"""As it is typed: spaces count, control characters are none (RFC 8265 section 4.2)."""


class Profile(Value):
    """The public self-description of a user."""

    bio: Annotated[Prose, StringConstraints(max_length=2000)] = ""
    location: Annotated[Line, StringConstraints(max_length=200)] = ""
    links: list[WebAddress] = Field(default_factory=list, max_length=10)


SKELETON_INDEX: Final = Index(("username_skeleton",), unique=True, partial={"usernameSkeleton": {"$gt": ""}})


class User(Counted):
    """A user account."""

    collection: ClassVar[str] = "users"
    policy: ClassVar[Policy] = Policy(
        create=nobody,
        read=any_of(owner("id"), admin, not_blocked("id")).hiding(),
        update=any_of(owner("id"), admin),
        delete=any_of(owner("id"), admin),
    )
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("username_folded",), unique=True),
        Index(("email_folded",), unique=True),
        Index(("rights_changed_at",)),
        Index(("skills", "_id")),
        Index(("verify_by",), partial={"emailVerified": False}),
        SKELETON_INDEX,
        Index(("reserved_skeleton",), partial={"reservedSkeleton": {"$gt": ""}}),
    )
    searched: ClassVar[tuple[str, ...]] = ("username", "profile.bio", "profile.location")
    references: ClassVar[tuple[Reference, ...]] = (Reference("skills", "skills", "clear", shown="skills"),)

    username: Username
    username_folded: str = Field(exclude=True)
    username_skeleton: str | None = Field(default=None, exclude=True)
    """What names that look like this one have in common: unique. None for a name that looked like another one
    already before this was unique."""
    reserved_skeleton: str | None = Field(default=None, exclude=True)
    """The same of a name that has no `username_skeleton`: nobody else may take a name with it."""
    beginnings: str = Field(default="", exclude=True)
    """Of the words of the username: searched by servers of the previous release that run beside this one."""
    email: Email
    email_folded: str = Field(exclude=True)
    """By what sign-in finds the person; unique. Of an unverified account it is `unverified_key`, which no address
    equals: so addresses are unique among verified accounts only."""
    email_verified: bool = True
    """Whether the person confirmed `email` or did not have to, as in accounts from before this field."""
    pending_email: Email | None = None
    """Of a verified account: the address that is to take the place of `email` once it is confirmed."""
    verify_hash: str | None = Field(default=None, exclude=True, repr=False)
    """Of the token in the newest mailed link that confirms an address."""
    verify_until: Moment | None = Field(default=None, exclude=True)
    verify_by: Moment | None = Field(default=None, exclude=True)
    """When an unverified account is deleted."""
    password_hash: str = Field(exclude=True, repr=False)
    role: Role = "student"
    active: bool = True
    profile: Profile = Profile()
    profile_image: Id | None = None
    """An upload's id; answers give the upload."""
    skills: Annotated[list[Id], Field(max_length=50, json_schema_extra=UNIQUE), DISTINCT] = Field(
        default_factory=list
    )
    """The first is the main one."""
    followers_count: int = 0
    following_count: int = 0
    tweets_count: int = 0
    join_date: Moment
    last_login: Moment | None = None
    login_epoch: int = Field(default=0, exclude=True)
    """Incremented when all logins of the user end; logins of earlier epochs are invalid."""
    rights_changed_at: Moment | None = Field(default=None, exclude=True)
    """When role, activity or epoch last changed; other processes poll for it."""
    reset_hash: str | None = Field(default=None, exclude=True, repr=False)
    """Of the token with which the person may set a new password; a newer one takes its place."""
    reset_until: Moment | None = Field(default=None, exclude=True)
    device_link_hash: str | None = Field(default=None, exclude=True, repr=False)
    """Of the token in the newest mailed link that makes a device known."""
    device_link_until: Moment | None = Field(default=None, exclude=True)

    @classmethod
    def derived(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the derived fields by which names are compared and searched."""
        found: dict[str, Any] = {}
        if "username" in fields:
            name = fields["username"]
            found |= {"username_folded": folded(name), "beginnings": beginnings(name)}
            found |= {"username_skeleton": skeleton(name), "reserved_skeleton": None}
        if "email" in fields:
            found["email_folded"] = folded(fields["email"])
        return found

    @property
    def address_to_verify(self) -> str | None:
        """The address that the user still has to confirm, if any."""
        return self.pending_email if self.email_verified else self.email

    def refuses_password(self, password: str) -> bool:
        """Return whether `password` equals the username or the email address."""
        return fold(password) in (self.username_folded, folded(self.email))


REPEATABLE_S = 60
"""How long a used refresh token may come again, for a client that did not get the answer."""


class Login(Document):
    """One signed-in device: a family of refresh tokens of which only the newest is good.

    A token that was good before and comes again was stolen or copied: the whole family is revoked then. The one
    before the newest may come again for `REPEATABLE_S` while the newest is unused: its answer may be lost.
    """

    collection: ClassVar[str] = "logins"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("user_id",)),
        Index(("revoked_at",)),
        Index(("expires_at",), expire_after_s=0),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("user_id", "users", "cascade"),
        Reference("device_id", "devices", "keep"),
    )
    policy: ClassVar[Policy] = Policy(
        create=nobody, read=owner("user_id"), update=nobody, delete=owner("user_id")
    )

    user_id: str
    device_id: str | None = None
    """The known device that signed in; None in logins from before devices were known."""
    token_hash: str = Field(exclude=True, repr=False)
    previous_hash: str | None = Field(default=None, exclude=True, repr=False)
    """Of the token before the newest."""
    previous_used_at: Moment | None = None
    """First; asking again with it does not move this."""
    last_used_at: Moment
    expires_at: Moment
    revoked_at: Moment | None = None
    epoch: int = Field(default=0, exclude=True)
    """The person's epoch when they signed in."""
    user_agent: Annotated[str, StringConstraints(max_length=200)] = ""
    """The `User-Agent` of the client."""

    def alive(self, user: User, now: datetime) -> bool:
        return (
            self.user_id == user.id
            and user.active
            and self.epoch >= user.login_epoch
            and self.revoked_at is None
            and now < self.expires_at
        )


VERIFIED: Mapping[str, Any] = {"emailVerified": {"$ne": False}}
"""Selects verified accounts, also those from before there was such a field."""


def unverified_key(user_id: str) -> str:
    """What stands in `email_folded` of an account whose address is not confirmed."""
    return f"unverified {user_id}"


def is_login_email(login: str) -> bool:
    """Return whether the login name is an email address: usernames never contain `@`."""
    return "@" in login


def folded(name: str) -> str:
    return fold(name.strip())


def beginnings(username: str) -> str:
    """What words of a username begin with, from two characters on: "ad ada lo lov …" of ada.lovelace."""
    words = re.split(r"[.-]+", folded(username))
    return " ".join(word[:end] for word in words for end in range(2, len(word) + 1))
