"""What was said and shown in a session plays from a URL, for those who may, from a directory or from S3."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import boto3
import pytest
from moto.server import ThreadedMotoServer

from mediaserver.base.clock import utc_now
from mediaserver.base.secrets import Secrets
from mediaserver.base.signing import LinkHolder, UrlSigner
from tests.e2e.conftest import Enter
from tests.e2e.media_file import Recording, read_code, tone_of
from tests.e2e.recordings import check_program, download, ready, record
from tests.e2e.server import Person, Server

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

PLAY = """async (url) => {
  const video = Object.assign(document.createElement("video"), { src: url, muted: true, playbackRate: 3 });
  document.body.append(video);
  let pictures = 0;
  const count = () => { pictures++; video.requestVideoFrameCallback(count); };
  video.requestVideoFrameCallback(count);
  await video.play();
  await new Promise((done, failed) => {
    video.onended = done;
    video.onerror = () => failed(video.error.message);
  });
  return { duration: video.duration, at: video.currentTime, pictures };
}"""


@pytest.fixture
def bucket() -> Iterator[dict[str, str]]:
    """Settings of a bucket on a real S3 server (moto's)."""
    moto = ThreadedMotoServer("127.0.0.1", 0)
    moto.start()
    host, port = moto.get_host_and_port()
    access = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=f"http://{host}:{port}", **access).create_bucket(Bucket="recordings")
    yield {
        "objects.backend": "s3", "objects.bucket": "recordings", "objects.endpoint_url": f"http://{host}:{port}",
        "objects.access_key": "key", "objects.secret_key": "secret",
    }  # fmt: skip
    moto.stop()


@pytest.fixture(params=["local", "s3"])
def objects(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings of a store: a directory, or a bucket."""
    settings: dict[str, str] = {} if request.param == "local" else request.getfixturevalue("bucket")
    return settings


async def test_a_recording_plays_from_its_url(
    objects: dict[str, str], http: aiohttp.ClientSession, enter: Enter, tmp_path: Path
) -> None:
    async with Server.running(tmp_path / "data", objects) as server:
        ann, ben, eve = [await Person.register(http, server.url, name) for name in ("ann", "ben", "eve")]
        session = (await ann.post("/video-sessions", {"title": "Recorded"}))["id"]
        teacher, pupil = await enter(server.url, ann, 0), await enter(server.url, ben, 1)
        for one in (teacher, pupil):
            await one.join("video", session)
            await one.do("publish", "camera")
            await one.do("publish", "microphone")
        await teacher.sees(pupil)
        await pupil.sees(teacher)
        await teacher.hears({1})
        took_s = await record(teacher, 10)
        recording = await ready(ann, "video", session)

        url = server.url + recording["videoFileUrl"]
        played = await teacher.page.call(PLAY, url)
        assert abs(played["duration"] - took_s) <= 0.5
        assert abs(played["at"] - played["duration"]) < 0.1
        assert played["pictures"] > 20
        program = check_program(await download(http, url, tmp_path / "program.mp4"), {0, 1}, 2, took_s - 0.5)
        assert abs(program.duration_s - took_s) <= 0.5
        assert abs(recording["duration"] - took_s) <= 0.5
        whos = {str(ann.user["id"]): 0, str(ben.user["id"]): 1}
        await _each_track_holds_its_own(http, server, recording, whos, tmp_path)

        whole = (tmp_path / "program.mp4").read_bytes()
        async with http.get(url, headers={"Range": "bytes=1000-1999"}) as answer:
            assert answer.status == 206
            assert answer.headers["Content-Range"] == f"bytes 1000-1999/{len(whole)}"
            assert await answer.read() == whole[1000:2000]
        etag = answer.headers["ETag"]
        async with http.get(url, headers={"If-None-Match": etag}) as answer:
            assert answer.status == 304

        assert (await eve.request("GET", f"/recordings/{recording['id']}"))[0] == 403
        assert (await eve.request("GET", f"/video-sessions/{session}/recordings"))[0] == 403
        for bad in _altered(server, url, eve):
            async with http.get(bad) as answer:
                assert answer.status == 403, bad
                assert answer.content_type == "application/problem+json"


async def test_a_recording_plays_where_requests_are_redirected_to_s3(
    bucket: dict[str, str], http: aiohttp.ClientSession, enter: Enter, tmp_path: Path
) -> None:
    async with Server.running(tmp_path / "data", bucket | {"objects.redirect": "true"}) as server:
        ann = await Person.register(http, server.url, "ann")
        session = (await ann.post("/video-sessions", {"title": "Redirected"}))["id"]
        teacher = await enter(server.url, ann, 0)
        await teacher.join("video", session)
        await teacher.do("publish", "camera")
        took_s = await record(teacher, 3)
        recording = await ready(ann, "video", session)
        url = server.url + recording["videoFileUrl"]
        async with http.get(url, allow_redirects=False) as answer:
            assert answer.status == 302
            assert answer.headers["Location"].startswith(bucket["objects.endpoint_url"])
        played = await teacher.page.call(PLAY, url)
        assert abs(played["duration"] - took_s) <= 0.5 and played["pictures"] > 5


def _altered(server: Server, url: str, stranger: Person) -> list[str]:
    """URLs that must not work: altered in every part, signed for one without the right, and expired."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    key = parts.path.removeprefix("/files/")
    altered = [
        url.replace(query["signature"], "A" * len(query["signature"])),
        url.replace(f"expires={query['expires']}", f"expires={int(query['expires']) + 60}"),
        url.replace(query["person"], str(stranger.user["id"])),
        url.replace("program.mp4", "other.mp4"),
        f"{server.url}{parts.path}",
    ]
    signer = UrlSigner(Secrets.load(server.data).url_key)
    now = utc_now()
    holder = LinkHolder(query["person"], query["login"], int(query["epoch"]))
    unentitled = signer.url(key, replace(holder, person=str(stranger.user["id"])), now, 600)
    expired = signer.url(key, holder, now - timedelta(hours=2), 600)
    return [*altered, server.url + unentitled, server.url + expired]


async def _each_track_holds_its_own(
    http: aiohttp.ClientSession, server: Server, recording: dict[str, object], whos: dict[str, int], folder: Path
) -> None:
    tracks = recording["tracks"]
    assert isinstance(tracks, list)
    assert sorted(track["source"] for track in tracks) == ["camera", "camera", "microphone", "microphone"]
    heard, seen = set(), set()
    for number, track in enumerate(tracks):
        file = Recording.read(await download(http, server.url + track["url"], folder / f"track{number}"))
        if track["source"] == "microphone":
            (who,) = [who for who in range(4) if file.loudness_db(tone_of(who), 3, 8) > -20]
            assert who == whos[track["userId"]]
            heard.add(who)
        else:
            codes = [code for _, picture in file.video if (code := read_code(picture))]
            assert len({code[0] for code in codes}) == 1 and len(codes) > 20
            assert codes[0][0] == whos[track["userId"]]
            seen.add(codes[0][0])
    assert heard == seen == {0, 1}
