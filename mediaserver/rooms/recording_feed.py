"""Feeds a running recording: adds the room's tracks to the recorder and taps them in the media worker, in order.

After the recorder process died, all current tracks are added again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Protocol

from mediaserver.base.errors import Problem
from mediaserver.domain.sessions.recordings import Recording
from mediaserver.domain.sessions.sessions import Session
from mediaserver.media import messages as m
from mediaserver.rooms.interfaces import Recorder, Worker
from mediaserver.rooms.state.room import Room
from mediaserver.rooms.task_queue import TaskQueue

log = logging.getLogger(__name__)

RETRY_S = 1.0
_AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"


class RecordedRoom(Protocol):
    """What the feed needs of a room's task."""

    @property
    def key(self) -> str: ...

    @property
    def room(self) -> Room: ...

    @property
    def worker(self) -> Worker | None:
        """The media worker of the room, while there is one."""

    @property
    def worker_tracks(self) -> Mapping[str, m.SetTrack]:
        """The requests that announced the tracks to the worker."""


class RecordingFeed:
    """The feed of one room. Calls other than `start` only enqueue; the `run` of its `queue` must be running."""

    def __init__(self, room: RecordedRoom, recorder: Recorder) -> None:
        self._room, self._recorder = room, recorder
        self.queue = TaskQueue(f"{room.key} recorder")
        self.active: str | None = None
        """Id of the running recording, by which the recorder knows it, too."""
        self._taps: dict[str, int] = {}
        """Numbers of the taps by track."""

    async def start(self, recording: Recording, session: Session) -> None:
        """Start a capture. Raises: Problem or TimeoutError from the recorder."""
        await self._recorder.start(
            recording_id=recording.id, session_kind=session.kind, session_id=session.id, title=session.title,
            started_at=recording.start_time,
        )  # fmt: skip
        self.active = recording.id

    def add_track(self, track: str) -> None:
        """Record a track that was published."""
        self.queue.put(lambda: self._add(track))

    def mark(self, track: str, enabled: bool) -> None:
        """Note in the recording that a track was muted or hidden, or that this was undone."""
        if active := self.active:
            self.queue.put(
                lambda: self._recorder.mark_track(recording_id=active, track_id=track, enabled=enabled)
            )

    def end_track(self, track: str) -> None:
        """Stop recording a track that is no longer published."""
        if active := self.active:
            self.queue.put(lambda: self._end(active, track))

    def stop(self) -> None:
        """Remove all taps and let the recorder finish; also after the recording failed by itself."""
        if active := self.active:
            self.queue.put(lambda: self._stop(active))
        self.active = None

    def recorder_restarted(self) -> None:
        """Add all current tracks again."""
        if self.active is not None:
            for track in self._room.room.stage.tracks:
                self.add_track(track)

    async def _add(self, track: str) -> None:
        """Add and tap a track, retrying until it succeeds: every published track belongs in the recording."""
        active = self.active
        try:
            await self._tap(track)
        except TimeoutError:
            self._taps.pop(track, None)
            log.error("a track is not recorded yet", extra={"recording": active, "track": track})
            asyncio.get_running_loop().call_later(RETRY_S, self._add_again, track, active)

    def _add_again(self, track: str, active: str | None) -> None:
        if self.active == active and track not in self._taps:
            self.add_track(track)

    async def _tap(self, track: str) -> None:
        room, announced = self._room.room, self._room.worker_tracks.get(track)
        found = room.stage.tracks.get(track)
        if self.active is None or announced is None or found is None:
            return
        member = room.members[found.participant_id]
        tap, path = await self._recorder.add_track(
            recording_id=self.active, track_id=track, participant_id=member.id, user_id=member.user_id,
            username=member.username, source=found.source, kind=found.kind, codec=announced.codecs[0],
            enabled=found.enabled, audio_level_id=announced.extensions.get(_AUDIO_LEVEL),
        )  # fmt: skip
        self._taps[track] = tap
        if self._room.worker is not None:
            await self._room.worker.tap_track(m.TapTrack(track=track, tap=tap, path=path))

    async def _end(self, active: str, track: str) -> None:
        self._taps.pop(track, None)
        await self._recorder.end_track(recording_id=active, track_id=track)

    async def _stop(self, active: str) -> None:
        try:
            for track in list(self._taps):
                with contextlib.suppress(Problem):  # the worker or the track may no longer exist
                    await self._untap(track)
        except TimeoutError:  # the worker hangs, and would for the other tracks
            log.error("tracks were not untapped", extra={"recording": active})
        finally:
            self._taps.clear()
            await self._recorder.stop(recording_id=active)

    async def _untap(self, track: str) -> None:
        tap = self._taps.pop(track)
        if self._room.worker is not None and track in self._room.room.stage.tracks:
            await self._room.worker.untap_track(m.UntapTrack(track=track, tap=tap))
