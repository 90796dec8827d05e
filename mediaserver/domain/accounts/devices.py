"""Known devices: devices on which a user signed in before, recognized by a token."""

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.document import Document, Index, Moment, Reference
from mediaserver.domain.documents.policy import Policy, nobody, owner


class KnownDevice(Document):
    """A device that signed in to one account, or was confirmed by a link mailed to its address.

    Its token does not replace the password: it exempts the device from delays that strangers cause.
    """

    collection: ClassVar[str] = "devices"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("user_id",)),
        Index(("expires_at",), expire_after_s=0),
    )
    references: ClassVar[tuple[Reference, ...]] = (Reference("user_id", "users", "cascade"),)
    policy: ClassVar[Policy] = Policy(
        create=nobody, read=owner("user_id"), update=nobody, delete=owner("user_id")
    )

    user_id: str
    token_hash: str = Field(exclude=True, repr=False)
    epoch: int = Field(default=0, exclude=True)
    """The login epoch of the user when the device became known; ending all logins invalidates it."""
    last_used_at: Moment
    """When it last signed in, or became known."""
    expires_at: Moment
    user_agent: Annotated[str, StringConstraints(max_length=200)] = ""
    """The `User-Agent` of the client."""

    def is_known(self, user: User, now: datetime) -> bool:
        return self.user_id == user.id and self.epoch >= user.login_epoch and now < self.expires_at
