"""Known devices: those on which a person signed in before, recognised by a token of their own."""

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.document import Document, Index, Moment, Reference
from mediaserver.domain.documents.policy import Policy, nobody, owner


class KnownDevice(Document):
    """A device that signed in to one account, or was confirmed by a link mailed to its address.

    Its token replaces no password: it only means that wrong passwords of strangers do not delay this device.
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
    """The person's login epoch when the device became known: what ends all logins makes all devices unknown."""
    last_used_at: Moment
    """When it last signed in, or became known."""
    expires_at: Moment
    user_agent: Annotated[str, StringConstraints(max_length=200)] = ""
    """What the client says it is."""

    def is_known(self, user: User, now: datetime) -> bool:
        return self.user_id == user.id and self.epoch >= user.login_epoch and now < self.expires_at
