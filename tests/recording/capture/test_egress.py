"""The egress process through its real sockets: what workers send stands in journals, whatever dies."""

import asyncio
import os
import resource
import signal
import socket
import sys
from pathlib import Path

import pytest

from mediaserver.base.errors import Problem, StartError
from mediaserver.base.processes.channel import Channel, ChannelClosed
from mediaserver.base.settings.tree import RecordingSettings
from mediaserver.media.tapping import framing
from mediaserver.recording.capture import journal
from mediaserver.recording.capture.capture import Capture
from mediaserver.recording.capture.journal import Journal, Record
from tests.recording.conftest import Recording, TapWriter, until
from tests.recording.studio import Sender, track


def journals(recording: Recording) -> list[list[Record]]:
    capture = Capture(recording.settings.data.dir / "captures" / "REC")
    return [list(Journal(path.read_bytes())) for path in capture.journals()]


def packets(recording: Recording) -> list[list[bytes]]:
    return [[one.data for one in records if one.kind == journal.RTP] for records in journals(recording)]


def rtp(tap: int, data: bytes, arrival_ns: int = 1) -> bytes:
    return framing.encode_record(tap, framing.RTP, arrival_ns, data)


async def test_tapped_packets_and_marks_stand_in_the_journal(recording: Recording) -> None:
    await recording.start()
    tap, path = await recording.add_track()
    worker = await TapWriter.connect(path)
    await worker.send(rtp(tap, b"one", 11), framing.encode_record(tap, framing.SENDER_REPORT, 12, b"sr"))
    await worker.send(framing.encode_overflow(tap, 13, 9), rtp(tap + 1000, b"a tap that never was"))
    await until(lambda: len(journals(recording)[0]) == 3)
    await recording.recorder.mark_track(recording_id="REC", track_id="MIC", enabled=False)
    await recording.recorder.end_track(recording_id="REC", track_id="MIC")
    await until(lambda: journals(recording)[0][-1].kind == journal.END)
    first, report, overflow, mark, _ = journals(recording)[0]
    assert first == Record(journal.RTP, 11, b"one")
    assert report == Record(journal.SENDER_REPORT, 12, b"sr")
    assert journal.mark_of(overflow) == {"overflow": 9}
    assert journal.mark_of(mark) == {"enabled": False}
    await worker.close()


async def test_the_journal_tells_whose_it_is(recording: Recording) -> None:
    await recording.start()
    await recording.add_track()
    [path] = Capture(recording.settings.data.dir / "captures" / "REC").journals()
    header = Journal(path.read_bytes()).header
    assert header is not None
    assert (header.recording, header.session, header.username, header.codec) == ("REC", "S", "ann", "opus")
    assert (header.payload_type, header.clock_rate, header.audio_level_id) == (111, 48000, 1)


async def test_stopping_ends_all_journals_and_lets_composing_begin(recording: Recording) -> None:
    await recording.start()
    tap, path = await recording.add_track()
    await recording.add_track("CAM")
    worker = await TapWriter.connect(path)
    await worker.send(rtp(tap, b"one"))
    await until(lambda: len(journals(recording)[1]) == 1)
    await recording.recorder.stop(recording_id="REC")
    assert [records[-1].kind for records in journals(recording)] == [journal.END, journal.END]
    capture = Capture(recording.settings.data.dir / "captures" / "REC")
    stopped = capture.stopped()
    assert stopped is not None
    assert stopped.reason == "stopped"
    assert recording.stopped == ["REC"]
    await worker.send(rtp(tap, b"too late"))
    with pytest.raises(Problem, match="no such recording"):
        await recording.add_track("OTHER")
    await worker.close()


async def test_two_recordings_do_not_mix(recording: Recording) -> None:
    await recording.start("REC")
    await recording.start("ANOTHER")
    one, path = await recording.add_track()
    other, _ = await recording.add_track(recording="ANOTHER")
    worker = await TapWriter.connect(path)
    await worker.send(rtp(one, b"one"), rtp(other, b"other"))
    await until(lambda: packets(recording) == [[b"one"]])
    await recording.recorder.stop(recording_id="ANOTHER")
    status = await recording.recorder.status()
    assert status["recordings"] == ["REC"]
    await worker.close()


async def test_kill_9_of_egress_keeps_what_was_flushed_and_goes_on_in_the_same_capture(
    recording: Recording,
) -> None:
    await recording.start()
    tap, path = await recording.add_track()
    worker = await TapWriter.connect(path)
    await worker.send(rtp(tap, b"before"))
    await until(lambda: packets(recording) == [[b"before"]])
    killed = recording.recorder.pid
    assert killed
    os.kill(killed, signal.SIGKILL)
    await worker.close()
    await until(lambda: recording.resets == 1)
    again, path = await recording.add_track()
    assert again != tap
    worker = await TapWriter.connect(path)
    await worker.send(rtp(tap, b"stale"), rtp(again, b"after"))
    await until(lambda: packets(recording) == [[b"before"], [b"after"]])
    await recording.recorder.stop(recording_id="REC")
    assert recording.stopped == ["REC"]
    await worker.close()


async def test_stopping_while_egress_is_dead_still_closes_the_capture(recording: Recording) -> None:
    await recording.start()
    running = recording.recorder.pid
    assert running
    os.kill(running, signal.SIGKILL)
    await recording.recorder.stop(recording_id="REC")
    capture = Capture(recording.settings.data.dir / "captures" / "REC")
    assert capture.stopped() is not None
    assert recording.stopped == ["REC"]


async def test_sigterm_ends_the_journals_in_order(recording: Recording) -> None:
    await recording.start()
    tap, path = await recording.add_track()
    worker = await TapWriter.connect(path)
    await worker.send(rtp(tap, b"last"))
    await until(lambda: packets(recording) == [[b"last"]])
    running = recording.recorder.pid
    assert running
    os.kill(running, signal.SIGTERM)
    await worker.close()
    await until(lambda: recording.resets == 1)
    assert journals(recording)[0][-1].kind == journal.END


async def test_when_the_main_process_dies_egress_ends_everything_in_order_and_exits(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mediaserver.recording.capture.egress",
        str(theirs.fileno()),
        pass_fds=(theirs.fileno(),),
    )
    theirs.close()
    channel = await Channel.open(ours)
    reading = asyncio.create_task(channel.run())
    await channel.request(
        "configure",
        {
            "captures": str(tmp_path), "socket": str(tmp_path / "taps"), "flush_ms": 5000, "min_free_bytes": 0,
        },
    )  # fmt: skip
    await channel.request(
        "start_recording", {"recording": "REC", "session_kind": "video", "session": "S", "started_ns": 1}
    )
    header = track("MIC", Sender("ann"), "microphone", "opus").header
    opened = await channel.request("add_track", header.model_dump())
    worker = await TapWriter.connect(opened["path"])
    await worker.send(rtp(opened["tap"], b"last words"))
    while not (await channel.request("status", {}))["tracks"][0]["records"]:
        pass
    channel.close()
    assert await asyncio.wait_for(process.wait(), 30) == 0
    await asyncio.gather(reading, worker.close())
    capture = Capture(tmp_path / "REC")
    [path] = capture.journals()
    assert [(one.kind, one.data) for one in Journal(path.read_bytes())] == [
        (journal.RTP, b"last words"),
        (journal.END, b""),
    ]
    stopped = capture.stopped()
    assert stopped is not None
    assert stopped.reason == "shutdown"


async def test_a_garbled_tap_stream_is_closed_and_others_go_on(recording: Recording) -> None:
    await recording.start()
    tap, path = await recording.add_track()
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"\xff\xff\xff\xff garbage")
    assert await reader.read() == b""
    writer.close()
    torn = await TapWriter.connect(path)
    await torn.raw(b"\0\0\1\0 half a batch")
    await torn.close()
    worker = await TapWriter.connect(path)
    await worker.send(rtp(tap, b"one"))
    await until(lambda: packets(recording) == [[b"one"]])
    await worker.close()


async def test_a_full_disk_stops_the_recording_and_keeps_whole_records(recording: Recording) -> None:
    await recording.start()
    tap, path = await recording.add_track()
    running = recording.recorder.pid
    assert running
    resource.prlimit(running, resource.RLIMIT_FSIZE, (20_000, 20_000))  # writes fail beyond, as on a full disk
    worker = await TapWriter.connect(path)
    await worker.send(*(rtp(tap, bytes([number]) * 1000) for number in range(40)))
    await until(lambda: recording.failed and recording.stopped)
    [(name, why)] = recording.failed
    assert name == "REC"
    assert "disk" in why
    capture = Capture(recording.settings.data.dir / "captures" / "REC")
    stopped = capture.stopped()
    assert stopped is not None
    assert stopped.reason == "disk_full"
    [path_of] = capture.journals()
    read = Journal(path_of.read_bytes())
    assert [one.data[0] for one in read] == list(range(19))
    assert read.damage is None
    await worker.close()


async def test_too_little_free_disk_refuses_to_start(tmp_path: Path) -> None:
    full = Recording(tmp_path)
    full.settings = full.settings.model_copy(update={"recording": RecordingSettings(min_free_bytes=1 << 60)})
    recorder = full.recorder = full.make()
    running = asyncio.create_task(recorder.run())
    with pytest.raises(Problem) as refused:
        await full.start()
    assert refused.value.code == "disk_full"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_first_start_that_fails_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "captures").write_text("a file where a directory should be")
    broken = Recording(tmp_path)
    running = asyncio.create_task(broken.recorder.run())
    with pytest.raises(StartError, match=r"egress, which records, cannot start: .*captures: File exists"):
        await asyncio.wait_for(broken.recorder.ready(), 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_without_egress_requests_say_so(tmp_path: Path) -> None:
    never_run = Recording(tmp_path)
    with pytest.raises(ChannelClosed), pytest.MonkeyPatch.context() as patch:
        patch.setattr("mediaserver.recording.capture.client._UP_WAIT_S", 0.05)
        await never_run.start()
