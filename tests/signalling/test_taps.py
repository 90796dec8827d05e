"""A running recording while the media worker or the recorder does not answer."""

import logging

import pytest

from mediaserver.media import messages as m
from mediaserver.rooms import recording_feed
from tests.rooms.fakes import until
from tests.signalling.conftest import Live
from tests.signalling.test_signalling import publish


async def test_a_worker_that_hangs_does_not_keep_the_recorder_from_stopping(live: Live) -> None:
    mia = await live.connected("mia")
    await mia.join(await live.session(mia))
    await publish(mia)
    await mia.ask("recording.start")
    await until(lambda: len(live.workers.worker.of(m.TapTrack)) == 3)
    live.workers.worker.times_out = {m.UntapTrack}
    assert (await mia.ask("recording.stop"))["ok"]
    await until(lambda: live.recorder.heard()[-1] == "stop")


@pytest.mark.parametrize("who", ["worker", "recorder"])
async def test_a_track_whose_tapping_timed_out_is_recorded_after_all(
    live: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, who: str
) -> None:
    monkeypatch.setattr(recording_feed, "RETRY_S", 0.05)
    mia = await live.connected("mia")
    await mia.join(await live.session(mia))
    await publish(mia)
    worker = live.workers.worker
    worker.times_out, live.recorder.hangs = ({m.TapTrack}, False) if who == "worker" else (set(), True)
    await mia.ask("recording.start")
    await until(
        lambda: sum(r.levelno == logging.ERROR and r.name == recording_feed.__name__ for r in caplog.records) > 3
    )
    assert worker.of(m.TapTrack) == []
    worker.times_out, live.recorder.hangs = set(), False
    await until(lambda: len({tap.track for tap in worker.of(m.TapTrack)}) == 3)


async def test_a_track_that_is_gone_is_not_tried_again(
    live: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recording_feed, "RETRY_S", 0.05)
    mia = await live.connected("mia")
    session = await live.session(mia)
    await mia.join(session)
    await publish(mia)
    live.workers.worker.times_out = {m.TapTrack}
    await mia.ask("recording.start")
    await until(lambda: any(record.name == recording_feed.__name__ for record in caplog.records))
    await mia.ask("session.leave")
    live.workers.worker.times_out = set()
    host = live.rooms.get(session.kind, session.id)
    assert host is not None
    await host.drain(5)
    host.recording_feed.recorder_restarted()
    await host.drain(5)
    assert live.workers.worker.of(m.TapTrack) == []
