"""Participants in real browsers: what they do, what they see under whose name, whom they hear."""

import json
from pathlib import Path
from typing import Any

from tests.e2e.browsers import Page
from tests.e2e.server import Person, wait_until

_SCRIPT = (Path(__file__).parent / "attendee.js").read_text()
HEARD_DB, SILENT_DB = -40.0, -50.0
"""A tone of ours arrives at about −28 dB; what leaks to other bins stays below −60 dB."""


class Attendee:
    """One person in one page; `who` is the code in their picture and the pitch of their tone."""

    def __init__(self, page: Page, person: Person, who: int, known: dict[str, int] | None = None) -> None:
        self.page, self.person, self.who = page, person, who
        self._known = {} if known is None else known
        """Whose pictures and tones belong to which name, of everybody in this scenario."""
        self._known[self.name] = who
        self.participant_id = ""

    @property
    def name(self) -> str:
        return str(self.person.user["username"])

    async def open(self, url: str) -> "Attendee":
        await self.page.goto(url)
        await self.page.call(f"async () => {{ {_SCRIPT} }}")
        await self.page.call(
            "async (given) => { await becomeAttendee(given); }", {"token": self.person.token, "who": self.who}
        )
        return self

    async def join(self, kind: str, session_id: str) -> dict[str, Any]:
        joined: dict[str, Any] = await self.do("join", kind, session_id)
        self.participant_id = joined["participantId"]
        return joined

    async def do(self, method: str, *args: Any, timeout_s: float = 60) -> Any:
        """Call a method of the page's attendee; errors of the SDK arrive as their code and message."""
        answer = await self.page.call(
            "async ({method, args}) => { try { return {value: (await attendee[method](...args)) ?? null}; }"
            " catch (error) { return {error: {code: error.code, message: String(error.message ?? error)}}; } }",
            {"method": method, "args": list(args)},
            timeout_s,
        )
        return self._value(answer)

    async def session(self, method: str, *args: Any) -> Any:
        """Call a method of the SDK's session."""
        answer = await self.page.call(
            "async ({method, args}) => { try { await attendee.session[method](...args); return {value: null}; }"
            " catch (error) { return {error: {code: error.code, message: String(error.message ?? error)}}; } }",
            {"method": method, "args": list(args)},
        )
        return self._value(answer)

    @staticmethod
    def _value(answer: dict[str, Any]) -> Any:
        if "error" in answer:
            raise AttendeeError(answer["error"].get("code"), answer["error"]["message"])
        return answer["value"]

    async def say(self, text: str) -> None:
        await self.page.call("async (text) => { await attendee.session.chat.send(text); }", text)

    async def chat(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = await self.do("chat")
        return messages

    async def person_named(self, name: str) -> dict[str, Any] | None:
        return next((one for one in await self.do("people") if one["username"] == name), None)

    async def sees(self, other: "Attendee", source: str = "camera", timeout_s: float = 15) -> dict[str, Any]:
        """Wait until the other's tile moves, and make sure that it never shows anybody else."""
        expected = other.who + (8 if source == "screen" else 0)

        async def moving() -> dict[str, Any] | None:
            seen = await self.do("see", other.name, source, 800)
            if seen is None:
                return None
            assert set(seen["whos"]) <= {expected}, f"{self.name} sees {seen['whos']} under {other.name}'s name"
            return seen if seen["frames"] >= 4 else None

        seen: dict[str, Any] = await wait_until(moving, timeout_s, f"{self.name} sees {other.name} ({source})")
        return seen

    async def hears(self, whos: set[int], source: str = "microphone", timeout_s: float = 15) -> None:
        """Wait until just these people's tones are heard (of the first five), each in the tile of its name.

        A tone in somebody else's tile fails at once, whatever is waited for.
        """

        async def right() -> bool:
            heard = await self.do("hear", list(range(5)))
            self._heard = json.dumps(heard)
            by_name = set()
            for name, sources in heard["tiles"].items():
                for kind, levels in sources.items():
                    tones = {tone for tone, level in levels.items() if level > HEARD_DB}
                    own = f"{self._known[name]}/{kind}"
                    assert tones <= {own}, f"{self.name} hears {tones} under {name}'s name ({kind})"
                    by_name |= {self._known[name]} if kind == source and tones else set()
            loud = {who for who in range(5) if heard["all"][f"{who}/{source}"] > HEARD_DB}
            quiet = {who for who in range(5) if heard["all"][f"{who}/{source}"] < SILENT_DB}
            return loud == by_name == whos and quiet == set(range(5)) - whos

        try:
            await wait_until(right, timeout_s, f"{self.name} hears {whos} ({source})")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._heard}") from None

    _heard = ""


class AttendeeError(Exception):
    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
