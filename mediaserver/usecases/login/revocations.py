"""Logins that end and rights that change, told to this process: by whoever does it here, and by `Watch`.

The documents themselves say when: a login `revokedAt`, a person `rightsChangedAt`, in the same write as the
change itself. So nothing is lost when a process dies in between, and what any other process does, the command
line too, is noticed by asking for the latest of both. Telling the same twice does nothing.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NoReturn

from mediaserver.base.processes.supervision import periodic
from mediaserver.domain.accounts.users import Login, User
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import Event, LoginRevoked, RoleChanged, UserDeactivated

INTERVAL_S: Final = 0.4
"""With the round trip and the last words to a socket, everything is over within a second."""
_LOOK_BACK: Final = timedelta(seconds=10)
"""Clocks of machines differ, and a write arrives later than its time says."""


Tell = Callable[[Event], None]


def login_ended(ctx: Context, login: Login, tell: Tell | None = None) -> None:
    """`tell` as in `rights_changed`."""
    ctx.tokens.forget_login(login.user_id, login.id)
    (tell or ctx.events.publish)(LoginRevoked(login.user_id, login.id))


async def rights_changed(ctx: Context, user: User, tell: Tell | None = None) -> None:
    """Tell what follows from a person's present role, activity and epoch, and close logins of earlier epochs.

    Events go to `tell`; without it to everybody, other nodes too.
    """
    tell = tell or ctx.events.publish
    ctx.tokens.forget_user(user.id)
    if not user.active:
        tell(UserDeactivated(user.id))
    tell(RoleChanged(user.id, user.role, user.login_epoch))
    # `$not`, because a login from before there were epochs has none.
    over = {"userId": user.id, "revokedAt": None, "epoch": {"$not": {"$gte": user.login_epoch}}}
    if ended := await ctx.logins.find(over):
        for login in ended:
            login_ended(ctx, login, tell)
        await ctx.logins.update_many(over, set={"revokedAt": ctx.clock()})


class Watch:
    """Tells this process, and no other, what happened elsewhere."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._asked = ctx.clock()
        """When we last asked and got an answer."""
        self._logins: dict[str, datetime] = {}
        """Of whose end we told or heard, and when."""
        self._users: dict[str, datetime | None] = {}
        """Of whose rights we told, as of when."""
        ctx.events.subscribe(LoginRevoked, self._heard)

    async def run(self) -> NoReturn:
        """Look for revocations all the time, until cancelled."""
        await periodic("revocations", self.look, INTERVAL_S)

    async def look(self) -> None:
        """Tell what was not told yet. Unavailable: the next time looks back as far as this one would have."""
        ctx, asked, since = self._ctx, self._ctx.clock(), self._asked - _LOOK_BACK
        # People are asked for last and told first: they say why their logins ended.
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
