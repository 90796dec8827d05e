"""A capture directory tells by itself how far a recording has come."""

from pathlib import Path

import pytest

from mediaserver.recording.capture.capture import Capture, Manifest, OutputFile, Result, captures_in

MANIFEST = Manifest(recording="REC", session_kind="video", session="S", started_ns=5)
RESULT = Result(
    duration_s=1.0,
    size=3,
    files=[OutputFile(name="program.mp4", content_type="video/mp4", size=3, duration_s=1.0)],
)


def test_the_states_of_a_capture(tmp_path: Path) -> None:
    made = Capture.named(tmp_path, "REC")
    made.begin(MANIFEST)
    assert made.state() == "running"
    made.stop(9)
    assert made.state() == "stopped"
    made.finish(RESULT)
    assert (made.state(), made.result()) == ("composed", RESULT)
    made.remove(keep_journals=True)
    assert made.state() == "stored"
    assert not made.out.exists()
    made.remove(keep_journals=False)
    assert list(captures_in(tmp_path)) == []


def test_the_first_stop_counts_until_the_capture_goes_on(tmp_path: Path) -> None:
    made = Capture.named(tmp_path, "REC")
    made.begin(MANIFEST)
    made.stop(9, "stopped")
    made.stop(10, "shutdown")
    stopped = made.stopped()
    assert stopped is not None
    assert (stopped.stopped_ns, stopped.reason) == (9, "stopped")
    made.begin(MANIFEST.model_copy(update={"started_ns": 7}))
    assert made.state() == "running"
    assert made.manifest() == MANIFEST


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a" * 65, "ä", "a\n"])
def test_an_id_never_leads_out_of_the_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no recording id"):
        Capture.named(tmp_path, name)
    with pytest.raises(ValueError, match="no track id"):
        Capture.named(tmp_path, "REC").next_journal(name)


def test_journals_of_a_track_are_numbered_and_ordered(tmp_path: Path) -> None:
    made = Capture.named(tmp_path, "REC")
    made.begin(MANIFEST)
    for _ in range(11):
        made.next_journal("A-1").touch()
    made.next_journal("A").touch()
    names = [path.name for path in made.journals()]
    assert names == ["A-1.journal", *(f"A-1-{number}.journal" for number in range(1, 12))]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"stoppedNs": "soon"}'])
def test_a_damaged_file_counts_as_absent(tmp_path: Path, content: str) -> None:
    made = Capture.named(tmp_path, "REC")
    made.begin(MANIFEST)
    (made.path / "stopped.json").write_text(content)
    assert made.state() == "running"
