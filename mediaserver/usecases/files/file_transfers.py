"""Responses that are sending bytes of files at this moment: each is cut off when its login or its right ends.

Ends of logins arrive as events, from this process, other nodes and `revocations.Watch`. Everything else
(somebody is removed from a session, a recording is deleted) is looked up while bytes flow, together for all who
read the same file: losing a right is felt within a second, whichever process took it away.
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn

from mediaserver.base.processes.supervision import periodic
from mediaserver.base.signing import LinkHolder
from mediaserver.domain.sessions.playback import PlaybackGrant
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import LoginRevoked, RoleChanged, UserDeactivated
from mediaserver.usecases.files import playback
from mediaserver.usecases.files.file_access import READERS, FileAccess, standing

INTERVAL_S: Final = 0.4
_LOGIN_RECHECK: Final = timedelta(seconds=60)
"""Events tell when a login is ended; that one expires must be looked up."""


@dataclass(slots=True, eq=False)
class FileTransfer:
    """One response under way."""

    access: FileAccess
    cut: Callable[[], None]
    """Breaks the connection."""
    grant: PlaybackGrant | None
    sent: bool = False
    """Whether bytes were sent since the last check."""
    login_checked_at: datetime | None = None


class FileTransfers:
    """`run` must be running."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._running: dict[FileTransfer, None] = {}
        ctx.events.subscribe(LoginRevoked, lambda event: self._cut(lambda one: one.login == event.login_id))
        ctx.events.subscribe(UserDeactivated, lambda event: self._cut(lambda one: one.person == event.user_id))
        ctx.events.subscribe(RoleChanged, self._epoch_began)

    @property
    def count(self) -> int:
        """Of the responses under way."""
        return len(self._running)

    @contextlib.contextmanager
    def running(self, access: FileAccess, cut: Callable[[], None]) -> Iterator[FileTransfer]:
        """While the block runs, `cut` is called when the access ends."""
        transfer = FileTransfer(access, cut, access.grant)
        self._running[transfer] = None
        try:
            yield transfer
        finally:
            self._running.pop(transfer, None)

    async def run(self) -> NoReturn:
        """Check all the time, until cancelled."""
        await periodic("file transfers", self.check, INTERVAL_S)

    async def check(self) -> None:
        """Cut off the transfers whose access has ended; note that the others' grants are in use."""
        if not self._running:
            return
        await self._check_logins()
        await self._check_rights()
        await self._check_grants()

    async def _check_logins(self) -> None:
        """Also of new transfers: their login may have ended between the check of the request and `running`."""
        now = self._ctx.clock()
        due = [
            one
            for one in self._running
            if one.login_checked_at is None or now - one.login_checked_at >= _LOGIN_RECHECK
        ]
        if not due:
            return
        alive = await standing(self._ctx, {one.access.holder for one in due})
        for one in due:
            one.login_checked_at = now
            if one.access.holder not in alive:
                self._end(one)

    async def _check_rights(self) -> None:
        of_file = defaultdict[tuple[str, str], list[FileTransfer]](list)
        for one in self._running:
            of_file[one.access.kind, one.access.id].append(one)
        for (kind, id), transfers in of_file.items():
            allowed = await READERS[kind](self._ctx, {one.access.holder.person for one in transfers}, id)
            for one in transfers:
                if one.access.holder.person not in allowed:
                    self._end(one)

    async def _check_grants(self) -> None:
        now = self._ctx.clock()
        for one in tuple(self._running):
            if one.grant is None:
                continue
            if one.sent:
                one.sent, grant = False, await playback.use(self._ctx, one.grant, now)
            else:  # a paused player does not use its grant
                grant = None if one.grant.is_over(now) else one.grant
            if grant is None:
                self._end(one)
            else:
                one.grant = grant

    def _epoch_began(self, event: RoleChanged) -> None:
        self._cut(lambda one: one.person == event.user_id and one.epoch < event.login_epoch)

    def _cut(self, concerns: Callable[[LinkHolder], bool]) -> None:
        for one in [one for one in self._running if concerns(one.access.holder)]:
            self._end(one)

    def _end(self, transfer: FileTransfer) -> None:
        if transfer in self._running:
            del self._running[transfer]
            transfer.cut()
