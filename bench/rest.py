"""REST beside bare handlers in the same run: one tweet, a list of 20, a new one, the home feed; embedded store.

Tweets are bulk-loaded. Each measurement is taken alternately of the whole server and of the bare handlers
(bench/bare_rest.py), which ask the same queries of the same document server; medians of their pairs count.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import uvloop
from pymongo import AsyncMongoClient

from bench import load
from bench.processes import cpu_s
from mediaserver.base.ids import new_id
from mediaserver.domain.accounts.users import User
from mediaserver.domain.social.follows import Follow
from mediaserver.domain.social.tweets import Content, Tweet
from mediaserver.store.mongo import embedded_socket
from tests.e2e.server import DOCUMENTS, Person, Server

AUTHORS, FOLLOWED = 5_000, 2_000
SIZES = (10_000, 100_000, 1_000_000)
_PAIRS = 5
_WORDS = ("today", "we", "look", "at", "how", "light", "bends", "sound", "travels", "numbers", "grow", "cells")


class School:
    """A server with many people and tweets, of whom one follows thousands."""

    def __init__(self, server: Server, reader: Person) -> None:
        self.server, self.reader = server, reader
        self.uri = f"mongodb://{quote(str(embedded_socket(server.data / 'documents')), safe='')}"
        self._db = AsyncMongoClient[dict[str, Any]](self.uri, tz_aware=True)["mediaserver"]
        self.chance = random.Random(1)
        self.authors: list[str] = []
        self.tweets: list[str] = []
        """Ids of some of them."""
        self.size = 0

    async def fill_people(self) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        stamp = {"created_at": now, "updated_at": now, "settled": True}
        people = [
            User(
                id=new_id(), username=f"author{n}", username_folded=f"author{n}", email=f"a{n}@example.org",
                email_folded=f"a{n}@example.org", password_hash="-", join_date=now, **stamp,
            )
            for n in range(AUTHORS)
        ]  # fmt: skip
        self.authors = [person.id for person in people]
        reader = self.reader.user["id"]
        follows = [
            Follow(id=new_id(), follower_user_id=reader, following_user_id=author, follow_date=now, **stamp)
            for author in self.chance.sample(self.authors, FOLLOWED)
        ]
        await self._insert("users", people)
        await self._insert("follows", follows)

    async def fill_tweets(self, size: int) -> None:
        """Spread over the last year, in the order in which they were made."""
        begin = datetime.now(UTC) - timedelta(days=365)
        while self.size < size:
            many = min(1000, size - self.size)
            made = [self._tweet(begin + timedelta(seconds=(self.size + n) * 10)) for n in range(many)]
            await self._insert("tweets", made)
            self.tweets = [*self.tweets[-20_000:], *(tweet.id for tweet in made)]
            self.size += many

    def _tweet(self, at: datetime) -> Tweet:
        at = at.replace(microsecond=0)
        return Tweet(
            id=new_id(),
            created_at=at,
            updated_at=at,
            settled=True,
            user_id=self.chance.choice(self.authors),
            timestamp=at,
            content=Content(text=" ".join(self.chance.choices(_WORDS, k=12))),
        )

    async def _insert(self, collection: str, documents: Sequence[Any]) -> None:
        await self._db[collection].insert_many([document.to_mongo() for document in documents], ordered=False)


@dataclass(frozen=True, slots=True)
class What:
    name: str
    count: int
    make: Callable[[School, str, str], bytes]
    """`(school, prefix of paths, token)` to a request."""


def _one(school: School, prefix: str, token: str) -> bytes:
    return load.request("GET", f"{prefix}/tweets/{school.chance.choice(school.tweets)}", token)


def _list(school: School, prefix: str, token: str) -> bytes:
    return load.request("GET", f"{prefix}/tweets?limit=20", token)


def _create(school: School, prefix: str, token: str) -> bytes:
    return load.request("POST", f"{prefix}/tweets", token, b'{"content":{"text":"something new about light"}}')


def _feed(school: School, prefix: str, token: str) -> bytes:
    return load.request("GET", f"{prefix}/feed?limit=20", token)


_PLAIN = (What("one tweet", 2000, _one), What("a list of 20", 600, _list), What("a new tweet", 400, _create))
_FEED = What(f"feed of {FOLLOWED:,} followed", 200, _feed)


class Beside:
    """The same requests to the server and to the bare handlers."""

    def __init__(self, school: School, bare_url: str, bare_pid: int) -> None:
        self._school = school
        self._bare = (bare_url, "", bare_pid)
        self._whole = (school.server.url, "/api/v1", school.server.pid)

    async def measure(self, what: What) -> str:
        """A table's cells: requests per second of both, their ratio, CPU per request of both, p50 and p95."""
        token = self._school.reader.token
        taken: list[list[tuple[load.Timed, float]]] = [[], []]
        for _ in range(_PAIRS):
            for which, place in enumerate((self._whole, self._bare)):
                url, prefix, pid = place
                requests = [what.make(self._school, prefix, token) for _ in range(what.count)]
                await load.run(url, requests[: what.count // 10])  # warm
                before = self._cpu(pid)
                timed = await load.run(url, requests)
                taken[which].append((timed, (self._cpu(pid) - before) / what.count * 1e6))
        ours, bare = taken
        ratios = [a[0].per_second / b[0].per_second for a, b in zip(ours, bare, strict=True)]
        middle = [statistics.median(t.per_second for t, _ in one) for one in taken]
        cpu = [statistics.median(us for _, us in one) for one in taken]
        p50, p95 = (statistics.median(t.percentile_ms(share) for t, _ in ours) for share in (0.5, 0.95))
        return (
            f"{middle[0]:,.0f} | {middle[1]:,.0f} | {statistics.median(ratios):.0%} "
            f"| {cpu[0]:,.0f} | {cpu[1]:,.0f} | {p50:.1f} ms | {p95:.1f} ms"
        )

    def _cpu(self, pid: int) -> float:
        """Of a process; the document server works for both and counts with either."""
        documents = self._school.server.children(DOCUMENTS)
        spent = cpu_s(pid)
        everyone = {pid: spent.get(pid, 0.0), **{one: cpu_s(one).get(one, 0.0) for one in documents}}
        return sum(everyone.values())


@asynccontextmanager
async def _bare(school: School) -> AsyncIterator[tuple[str, int]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.bare_rest", school.uri, "mediaserver", school.reader.user["id"],
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip(), process.pid
    finally:
        process.stdin.close()
        await process.wait()


async def row(beside: Beside, what: What, size: int) -> str:
    return f"| {what.name} | {size:,} | {await beside.measure(what)} |"


async def _run(sizes: Sequence[int]) -> str:
    lines = [
        "| request | tweets | req/s | bare req/s | ratio | CPU µs/request | bare CPU | p50 | p95 | alone, p95 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    settings = {"log.level": "warning"}
    with tempfile.TemporaryDirectory() as data:
        async with Server.running(Path(data), settings) as server, aiohttp.ClientSession() as http:
            school = School(server, await Person.register(http, server.url, "reader"))
            await school.fill_people()
            for size in sizes:
                begin = time.perf_counter()
                await school.fill_tweets(size)
                print(f"{size:,} tweets after {time.perf_counter() - begin:.0f} s", file=sys.stderr)
                async with _bare(school) as (url, pid):
                    beside = Beside(school, url, pid)
                    if size == sizes[min(1, len(sizes) - 1)]:
                        lines += [await row(beside, what, size) for what in _PLAIN]
                    alone = await _alone(school)
                    lines.append(await row(beside, _FEED, size) + f" {alone} |")
    return "\n".join(lines)


async def _alone(school: School) -> str:
    """The feed asked by one client, not eight at once."""
    timed = await load.run(
        school.server.url, [_feed(school, "/api/v1", school.reader.token)] * 200, connections=1
    )
    return f"{timed.percentile_ms(0.95):.1f} ms"


def main(sizes: Sequence[int] = SIZES) -> str:
    return uvloop.run(_run(sizes))


if __name__ == "__main__":
    print(main([int(word) for word in sys.argv[1:]] or SIZES))
