"""The bare handlers that the API is held against: aiohttp and PyMongo, the same queries, nothing else.

`python -m bench.bare_rest <uri> <database> <reader's id>` prints its URL and serves until its input ends.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

import uvloop
from aiohttp import web
from pymongo import AsyncMongoClient

from mediaserver.base.ids import new_id

Stored = dict[str, Any]
_CHUNK = 200


class Bare:
    def __init__(self, uri: str, database: str, reader: str) -> None:
        self._db = AsyncMongoClient[Stored](uri, tz_aware=True)[database]
        self._reader = reader
        self._followed: list[str] = []

    async def get(self, request: web.Request) -> web.Response:
        tweet = await self._db["tweets"].find_one({"_id": request.match_info["id"]})
        assert tweet is not None
        return _json((await self._with_authors([tweet]))[0])

    async def listed(self, request: web.Request) -> web.Response:
        tweets = await self._db["tweets"].find({}, sort=[("_id", -1)], limit=21).to_list()
        return _json({"items": await self._with_authors(tweets[:20]), "nextCursor": tweets[19]["_id"]})

    async def create(self, request: web.Request) -> web.Response:
        body, now = await request.json(), datetime.now(UTC)
        tweet = {"_id": new_id(), "createdAt": now, "userId": self._reader, "content": body["content"]}
        await self._db["bare_tweets"].insert_one(tweet)
        return _json(tweet, 201)

    async def feed(self, request: web.Request) -> web.Response:
        if not self._followed:
            follows = self._db["follows"].find({"followerUserId": self._reader})
            self._followed = [self._reader, *[one["followingUserId"] async for one in follows]]
        chunks = [self._followed[at : at + _CHUNK] for at in range(0, len(self._followed), _CHUNK)]
        newest = [
            tweet
            for chunk in chunks
            for tweet in await self._db["tweets"]
            .find({"userId": {"$in": chunk}}, sort=[("_id", -1)], limit=21)
            .to_list()
        ]
        newest.sort(key=lambda tweet: tweet["_id"], reverse=True)
        return _json({"items": await self._with_authors(newest[:20]), "nextCursor": newest[19]["_id"]})

    async def _with_authors(self, tweets: list[Stored]) -> list[Stored]:
        """Their names, and which of them the reader likes."""
        ids = list({tweet["userId"] for tweet in tweets})
        people = await self._db["users"].find({"_id": {"$in": ids}}).to_list()
        wanted = {"tweetId": {"$in": [tweet["_id"] for tweet in tweets]}, "userId": self._reader}
        liked = {like["tweetId"] for like in await self._db["tweet_likes"].find(wanted).to_list()}
        names = {person["_id"]: person["username"] for person in people}
        return [
            {
                **tweet,
                "author": {"id": tweet["userId"], "username": names[tweet["userId"]]},
                "liked": tweet["_id"] in liked,
            }
            for tweet in tweets
        ]


def _json(data: Any, status: int = 200) -> web.Response:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=datetime.isoformat)
    return web.Response(text=text, status=status, content_type="application/json")


async def _serve(uri: str, database: str, reader: str) -> None:
    bare, app = Bare(uri, database, reader), web.Application()
    app.router.add_get("/tweets/{id}", bare.get)
    app.router.add_get("/tweets", bare.listed)
    app.router.add_post("/tweets", bare.create)
    app.router.add_get("/feed", bare.feed)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:]))
