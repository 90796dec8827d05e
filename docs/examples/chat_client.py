"""A whole participant: signs in, joins a session, says a line, prints what happens there.

    python docs/examples/chat_client.py http://127.0.0.1:8080 maria 'a long password' --title 'Algebra'
    python docs/examples/chat_client.py http://127.0.0.1:8080 jonas 'another password' --join SESSION_ID

The protocol is in docs/protocol.md. It needs aiohttp and python-socketio only, and takes no media.
"""

import argparse
import asyncio
import uuid
from typing import Any

import aiohttp
import socketio


async def sign_in(http: aiohttp.ClientSession, name: str, password: str) -> str:
    """An access token; the account is opened when there is none."""
    body = {"username": name, "email": f"{name}@example.org", "password": password}
    async with http.post("/api/v1/auth/register", json=body) as answer:
        if answer.status == 201:
            return str((await answer.json())["accessToken"])
    async with http.post("/api/v1/auth/login", json={"login": name, "password": password}) as answer:
        signed_in = await answer.json()
        if answer.status != 200:
            raise SystemExit(f"{signed_in['code']}: {signed_in['detail']}")
        return str(signed_in["accessToken"])


async def create_session(http: aiohttp.ClientSession, token: str, title: str) -> str:
    headers = {"Authorization": f"Bearer {token}"}
    async with http.post("/api/v1/video-sessions", json={"title": title}, headers=headers) as answer:
        answer.raise_for_status()
        return str((await answer.json())["id"])


class Participant:
    """One person in one session: keeps the state that the events tell, and comes back after a lost connection."""

    def __init__(self, url: str, token: str, session_id: str) -> None:
        self.url, self.token, self.session_id = url, token, session_id
        self.people: dict[str, str] = {}
        self.since: dict[str, Any] = {"chat": 0}
        self.over = asyncio.Event()
        self.sio = socketio.AsyncClient()
        self.sio.on("connect", self._join)
        self.sio.on("chat.message", self._chat)
        self.sio.on("session.replaced", self._out)
        self.sio.on("*", self._apply)

    async def call(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = await self.sio.call(event, payload)
        if not answer["ok"]:
            raise RuntimeError(f"{event}: {answer['error']['code']}: {answer['error']['message']}")
        return answer

    async def enter(self) -> None:
        """Connect and wait until joined; the client library connects again by itself, and `_join` joins again."""
        self.joined = asyncio.get_running_loop().create_future()
        await self.sio.connect(self.url, auth={"token": self.token}, transports=["websocket"])
        await self.joined

    async def say(self, text: str) -> None:
        """Once, however often it is tried: the `clientId` stays the same."""
        message = {"clientId": str(uuid.uuid4()), "contentType": "Text", "content": text}
        await self.call("chat.send", message)

    async def _join(self) -> None:
        try:
            answer = await self.call(
                "session.join", {"kind": "video", "sessionId": self.session_id, "since": self.since}
            )
        except RuntimeError as error:
            if self.joined.done():
                self._out({"reason": str(error)})
            else:
                self.joined.set_exception(error)
            return
        if (snapshot := answer["snapshot"]) is not None:
            self.people = {one["id"]: one["username"] for one in snapshot["participants"]}
        for missed in answer["events"] or ():
            self._apply(missed["event"], missed["data"])
        for message in answer["chat"]["messages"]:
            self._chat(message)
        self.since |= {"epoch": answer["epoch"], "n": answer["n"]}
        print(f"joined {answer['session']['title']} with {', '.join(self.people.values())}", flush=True)
        if not self.joined.done():
            self.joined.set_result(None)

    def _apply(self, event: str, data: dict[str, Any]) -> None:
        """Any other event; those that are numbered tell the room's state."""
        if "n" not in data:
            return
        self.since |= {"epoch": data["epoch"], "n": data["n"]}
        if "participant" in data:
            self.people[data["participant"]["id"]] = data["participant"]["username"]
        print(event, ", ".join(self.people.values()), flush=True)
        if event == "participant.left":
            self.people.pop(data["participantId"], None)
        if event == "session.ended":
            self.over.set()

    def _chat(self, message: dict[str, Any]) -> None:
        if message["sequence"] > self.since["chat"]:
            self.since["chat"] = message["sequence"]
            print(f"{message['sequence']} {message['senderName']}: {message['content']}", flush=True)

    def _out(self, data: dict[str, Any]) -> None:
        print(f"out: {data['reason']}", flush=True)
        self.over.set()


async def main() -> None:
    parser = argparse.ArgumentParser(description="Join a video session and chat.")
    parser.add_argument("url")
    parser.add_argument("name")
    parser.add_argument("password")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--join", metavar="SESSION_ID")
    where.add_argument("--title", help="make a session with this title; joining starts it")
    parser.add_argument("--say", default="Hello!")
    given = parser.parse_args()
    async with aiohttp.ClientSession(given.url) as http:
        token = await sign_in(http, given.name, given.password)
        session_id = given.join or await create_session(http, token, given.title)
    print(f"session {session_id}", flush=True)
    me = Participant(given.url, token, session_id)
    try:
        await me.enter()
        await me.say(given.say)
        await me.over.wait()
    except RuntimeError as error:
        raise SystemExit(str(error)) from None
    finally:
        await me.sio.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
