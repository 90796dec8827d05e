"""Feeds a running recording: its tracks are added to the recorder and tapped in the media worker, in order.

When a recorder process died, all present tracks are added anew."""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from mediaserver.base.errors import Problem
from mediaserver.domain.sessions.recordings import Recording
from mediaserver.domain.sessions.sessions import Session
from mediaserver.media import messages as m
from mediaserver.rooms.command_queue import Lane
from mediaserver.rooms.interfaces import Recorder

if TYPE_CHECKING:
    from mediaserver.rooms.room_task import Host

log = logging.getLogger(__name__)

RETRY_S = 1.0
_AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"


class Taps:
    """`active` is the capture that runs, None without one. All calls but `start` only enqueue.

    The recorder knows a recording by its id."""

    def __init__(self, host: "Host", recorder: Recorder) -> None:
        self._host, self._recorder = host, recorder
        self.lane = Lane(f"{host.key} recorder")
        self.active: str | None = None
        self._taps: dict[str, int] = {}

    async def start(self, recording: Recording, session: Session) -> None:
        await self._recorder.start(
            recording_id=recording.id, session_kind=session.kind, session_id=session.id, title=session.title,
            started_at=recording.start_time,
        )  # fmt: skip
        self.active = recording.id

    def begin_track(self, track: str) -> None:
        self.lane.put(lambda: self._add(track))

    def mark(self, track: str, enabled: bool) -> None:
        if active := self.active:
            self.lane.put(lambda: self._recorder.mark_track(recording_id=active, track_id=track, enabled=enabled))

    def end_track(self, track: str) -> None:
        if active := self.active:
            self.lane.put(lambda: self._end(active, track))

    def stop(self) -> None:
        """Untap everything and let the recorder finish; right as well when it failed by itself."""
        if active := self.active:
            self.lane.put(lambda: self._stop(active))
        self.active = None

    def recorder_is_back(self) -> None:
        if self.active is not None:
            for track in self._host.room.stage.tracks:
                self.begin_track(track)

    async def _add(self, track: str) -> None:
        """Until it comes through: a track that is on the stage shall be in the recording."""
        active = self.active
        try:
            await self._tap(track)
        except TimeoutError:
            self._taps.pop(track, None)
            log.error("a track is not recorded yet", extra={"recording": active, "track": track})
            asyncio.get_running_loop().call_later(RETRY_S, self._add_again, track, active)

    def _add_again(self, track: str, active: str | None) -> None:
        if self.active == active and track not in self._taps:
            self.begin_track(track)

    async def _tap(self, track: str) -> None:
        room, told = self._host.room, self._host.told.get(track)
        found = room.stage.tracks.get(track)
        if self.active is None or told is None or found is None:
            return
        member = room.members[found.participant_id]
        tap, path = await self._recorder.add_track(
            recording_id=self.active, track_id=track, participant_id=member.id, user_id=member.user_id,
            username=member.username, source=found.source, kind=found.kind, codec=told.codecs[0],
            enabled=found.enabled, audio_level_id=told.extensions.get(_AUDIO_LEVEL),
        )  # fmt: skip
        self._taps[track] = tap
        if self._host.worker is not None:
            await self._host.worker.tap_track(m.TapTrack(track=track, tap=tap, path=path))

    async def _end(self, active: str, track: str) -> None:
        self._taps.pop(track, None)
        await self._recorder.end_track(recording_id=active, track_id=track)

    async def _stop(self, active: str) -> None:
        try:
            for track in list(self._taps):
                with contextlib.suppress(Problem):  # the worker or the track may be gone
                    await self._untap(track)
        except TimeoutError:  # the worker hangs, the others would take as long
            log.error("tracks were not untapped in order", extra={"recording": active})
        finally:
            self._taps.clear()
            await self._recorder.stop(recording_id=active)

    async def _untap(self, track: str) -> None:
        tap = self._taps.pop(track)
        if self._host.worker is not None and track in self._host.room.stage.tracks:
            await self._host.worker.untap_track(m.UntapTrack(track=track, tap=tap))
