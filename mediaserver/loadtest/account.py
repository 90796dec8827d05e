"""What a bot does over REST: its account, and the session that all bots of a run are in."""

from typing import Any

import aiohttp


class Refused(Exception):
    """The server refused a request or an event; the message carries the error's code."""


class Account:
    """A user of the server, by its public REST API."""

    def __init__(self, http: aiohttp.ClientSession, url: str, name: str) -> None:
        self._http, self._url, self.name = http, url, name
        self.token = ""
        self.user_id = ""
        self.is_new = False
        """Whether `sign_in` registered it."""
        self._password = ""

    async def sign_in(self, password: str = "loadtest-password") -> None:
        """Register, or log in where the account exists."""
        self._password = password
        body = {"username": self.name, "email": f"{self.name}@loadtest.invalid", "password": password}
        status, answer = await self._request("POST", "/auth/register", body)
        if status == 409:
            await self._log_in()
            return
        answer = _expect(201, status, answer)
        self.is_new = True
        self._signed_in(answer)
        if answer["user"].get("emailVerified") is False:
            raise Refused(
                "email_unverified: the server requires confirmed email addresses; run this where the server's "
                "settings are, with --config and --create-accounts"
            )

    async def log_in_first(self, password: str) -> None:
        """Log in to an account that was created for this run."""
        self._password, self.is_new = password, True
        await self._log_in()

    async def create_session(self, kind: str, title: str) -> str:
        status, answer = await self._request("POST", f"/{kind}-sessions", {"title": title})
        return str(_expect(201, status, answer)["id"])

    async def remove_session(self, kind: str, session_id: str) -> None:
        """End a session if it is live, then delete it."""
        path = f"/{kind}-sessions/{session_id}"
        status, answer = await self._persist("POST", f"{path}/end")
        if answer.get("code") != "not_started":
            _expect(200, status, answer)
        _expect(204, *await self._persist("DELETE", path))

    async def remove(self) -> None:
        """Delete the account with everything that is only its own."""
        _expect(204, *await self._persist("DELETE", f"/users/{self.user_id}"))

    async def _persist(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        """Request, signing in again once: a run may last longer than an access token."""
        status, answer = await self._request(method, path)
        if status == 401:
            self.token = ""
            await self._log_in()
            status, answer = await self._request(method, path)
        return status, answer

    async def _log_in(self) -> None:
        body = {"login": self.name, "password": self._password}
        self._signed_in(_expect(200, *await self._request("POST", "/auth/login", body)))

    def _signed_in(self, answer: dict[str, Any]) -> None:
        self.token, self.user_id = answer["accessToken"], answer["user"]["id"]

    async def _request(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self._http.request(
            method, f"{self._url}/api/v1{path}", json=body, headers=headers
        ) as response:
            return response.status, {} if response.status == 204 else await response.json()


def _expect(expected: int, status: int, answer: dict[str, Any]) -> dict[str, Any]:
    if status != expected:
        raise Refused(f"{answer.get('code')}: {answer.get('detail')}")
    return answer
