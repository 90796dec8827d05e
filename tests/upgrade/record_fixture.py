"""Makes the fixture of a version: runs that version's server, fills it like people do, and packs what it stored.

Run it with the code of the version that the fixture is of; `README.md` says how.
"""

import asyncio
import gzip
import io
import os
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from aiortc import RTCCertificate
from bson import json_util
from PIL import Image
from pymongo import AsyncMongoClient

from tests.e2e.server import Person, Server
from tests.scenarios.room import Room, recording_ready, say

PASSWORD = "a fixture password"
KEPT = ("secrets", "documents", "objects", "node")
LARGEST = 100_000
"""Bytes of an object; larger ones are left out."""
SMALL = {"recording.width": "160", "recording.height": "90", "recording.fps": "10"}
NAMES = (
    "admin",
    "adm\u3164",
    "\u0430dm",
    "limes11",
    "Iimes11",
    "a\u0301\u0302\u0303\u0304\u0306",
    "grace.hopper",
)
"""Some of them are names that a later version refuses to new accounts."""
TWEETS = (
    "#welcome to the new versions, @ada!",
    "还有可能是定期检修",
    "トロピカルジュース",
    "สวัสดีชาวโลก",
    "https://foo.example/?bar=@ada",
    "Naïve cafés re-open",
)


async def record(target: Path) -> None:
    """Write `documents.json.gz` and `data.tar.xz`."""
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        server = Server(data, SMALL, {})
        await _seed(server)
        await server.start()
        async with aiohttp.ClientSession() as http:
            await _use(http, server)
            dump = await _dump(data)
        await server.stop()
        (target / "documents.json.gz").write_bytes(gzip.compress(dump, mtime=0))
        with tarfile.open(target / "data.tar.xz", "w:xz", preset=9) as archive:
            for name in KEPT:
                archive.add(data / name, name, filter=_small)


def _small(file: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """All but large uploads and the key that every start makes when it is missing."""
    large = file.name.startswith("objects/") and file.size > LARGEST
    return None if large or file.name.endswith("dtls.pem") else file


async def _seed(server: Server) -> None:
    flags = [part for name, value in server.settings.items() for part in (f"--{name}", value)]
    command = (sys.executable, "-m", "mediaserver", "seed", "--password", PASSWORD, *flags)
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0


async def _use(http: aiohttp.ClientSession, server: Server) -> None:
    people = [await _register(http, server.url, f"person{number}", name) for number, name in enumerate(NAMES)]
    writer = people[-1]
    for text in TWEETS:
        await writer.post("/tweets", {"content": {"text": text}})
    tweet = await writer.post("/tweets", {"content": {"media": [await _upload(writer)]}})
    await people[0].post(f"/tweets/{tweet['id']}/comments", {"content": {"text": "Where was this?"}})
    assert (await people[0].request("PUT", f"/tweets/{tweet['id']}/like"))[0] < 300
    await people[0].post("/follows", {"followingUserId": writer.user["id"]})
    room = Room(http, RTCCertificate.generateCertificate())
    moderator = await room.open(server.url)
    await say(moderator, "Hello")
    await say(moderator, "\u3164 ")
    await room.publish(moderator)
    recording = (await moderator.call("recording.start", {}))["recording"]["id"]
    await asyncio.sleep(2)
    await moderator.call("recording.stop", {})
    await recording_ready(http, server.url, moderator.token, recording)
    await room.close()


async def _register(http: aiohttp.ClientSession, url: str, mailbox: str, username: str) -> Person:
    body = {"username": username, "email": f"{mailbox}@example.org", "password": PASSWORD}
    async with http.post(f"{url}/api/v1/auth/register", json=body) as answer:
        assert answer.status == 201, await answer.text()
        return Person(http, url, await answer.json())


async def _upload(person: Person) -> str:
    """A photo that says where it was taken."""
    picture, exif, bytes_ = Image.new("RGB", (64, 48), "teal"), Image.Exif(), io.BytesIO()
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)}
    picture.save(bytes_, "JPEG", exif=exif)
    form = aiohttp.FormData()
    form.add_field("file", bytes_.getvalue(), filename="holiday.jpg", content_type="image/jpeg")
    status, upload = await person.request("POST", "/uploads", data=form)
    assert status == 201, upload
    return str(upload["id"])


async def _dump(data: Path) -> bytes:
    """Every collection with its indexes, as canonical extended JSON."""
    uri = f"mongodb://{quote(os.fsdecode(data / 'documents' / 'documents.sock'), safe='')}"
    found: dict[str, Any] = {}
    async with AsyncMongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        database = client["mediaserver"]
        for name in sorted(await database.list_collection_names()):
            indexes = [dict(one) async for one in await database[name].list_indexes()]
            found[name] = {"indexes": indexes, "documents": await database[name].find({}).sort("_id").to_list()}
    return json_util.dumps(found, json_options=json_util.CANONICAL_JSON_OPTIONS, indent=0).encode()


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1])))
