"""Publish ended logins and changed rights in this process, also those caused by other processes.

The documents record the time of the change in the same write: `revokedAt` of a login, `rightsChangedAt` of a
user. So nothing is lost when a process stops, and `Watch` finds changes by other processes, including the
command line, by polling for recent times. Publishing an event twice has no effect.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NoReturn

from mediaserver.base.processes.supervision import periodic
from mediaserver.domain.accounts.users import Login, User
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import Event, LoginRevoked, RoleChanged, UserDeactivated

INTERVAL_S: Final = 0.4
"""Polling interval: short enough that revoked sockets are closed within a second."""
_LOOK_BACK: Final = timedelta(seconds=10)
"""Overlap of polls, since clocks of machines differ and writes become visible after their timestamp."""


Publish = Callable[[Event], None]


def login_ended(ctx: Context, login: Login, publish: Publish | None = None) -> None:
    """Forget the tokens of an ended login and publish `LoginRevoked`."""
    ctx.tokens.forget_login(login.user_id, login.id)
    (publish or ctx.events.publish)(LoginRevoked(login.user_id, login.id))


async def rights_changed(ctx: Context, user: User, publish: Publish | None = None) -> None:
    """Publish the current role, activity and epoch of a user, and revoke logins of earlier epochs.

    Events go to `publish`, by default to all nodes.
    """
    publish = publish or ctx.events.publish
    ctx.tokens.forget_user(user.id)
    if not user.active:
        publish(UserDeactivated(user.id))
    publish(RoleChanged(user.id, user.role, user.login_epoch))
    # `$not` also matches logins that were created before epochs existed.
    over = {"userId": user.id, "revokedAt": None, "epoch": {"$not": {"$gte": user.login_epoch}}}
    if ended := await ctx.logins.find(over):
        for login in ended:
            login_ended(ctx, login, publish)
        await ctx.logins.update_many(over, set={"revokedAt": ctx.clock()})


class Watch:
    """Polls for revocations by other processes and publishes them in this process only."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._asked = ctx.clock()
        """Time of the last successful poll."""
        self._logins: dict[str, datetime] = {}
        """Ended logins that were already published, with the time."""
        self._users: dict[str, datetime | None] = {}
        """Users whose rights were already published, with `rightsChangedAt`."""
        ctx.events.subscribe(LoginRevoked, self._heard)

    async def run(self) -> NoReturn:
        """Poll for revocations until canceled."""
        await periodic("revocations", self.look, INTERVAL_S)

    async def look(self) -> None:
        """Publish new revocations. After a failure, the next poll covers the same period."""
        ctx, asked, since = self._ctx, self._ctx.clock(), self._asked - _LOOK_BACK
        # Users are read last and published first, since they give the reason why their logins ended.
        ended = await ctx.logins.find({"revokedAt": {"$gt": since}})
        changed = await ctx.users.find({"rightsChangedAt": {"$gt": since}})
        for user in changed:
            if self._users.get(user.id) != user.rights_changed_at:
                await rights_changed(ctx, user, ctx.events.deliver)
        for login in ended:
            if login.id not in self._logins:
                login_ended(ctx, login, ctx.events.deliver)
        self._users = {user.id: user.rights_changed_at for user in changed}
        self._logins = {id: heard for id, heard in self._logins.items() if heard > since - _LOOK_BACK}
        self._asked = asked

    def _heard(self, event: LoginRevoked) -> None:
        self._logins[event.login_id] = self._ctx.clock()
