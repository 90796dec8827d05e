"""Clients that reach the server through a TURN relay only."""

from pathlib import Path

import aiohttp
import pytest

from tests.e2e.conftest import Enter
from tests.e2e.coturn import Coturn
from tests.e2e.server import Person, Server, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

RELAY_ONLY = """async () => {
  const Original = RTCPeerConnection;
  window.connections = [];
  window.RTCPeerConnection = class extends Original {
    constructor(configuration) {
      super({...configuration, iceTransportPolicy: "relay"});
      window.connections.push(this);
    }
  };
}"""
LOCAL_CANDIDATE = """async () => {
  const stats = await connections.at(-1).getStats();
  const transport = [...stats.values()].find((one) => one.type === "transport");
  const pair = stats.get(transport?.selectedCandidatePairId);
  return stats.get(pair?.localCandidateId)?.candidateType ?? null;
}"""


async def test_people_meet_through_coturn(http: aiohttp.ClientSession, enter: Enter, tmp_path: Path) -> None:
    async with (
        Coturn.running(tmp_path) as relay,
        Server.running(tmp_path / "data", relay.settings) as server,
    ):
        ann, ben = [await Person.register(http, server.url, name) for name in ("ann", "ben")]
        session = (await ann.post("/video-sessions", {"title": "Behind a firewall"}))["id"]
        people = [await enter(server.url, person, who) for who, person in enumerate((ann, ben))]
        for one in people:
            await one.page.call(RELAY_ONLY)
            await one.join("video", session)
            await one.do("publish", "camera")
            await one.do("publish", "microphone")
        for one, other in (people, people[::-1]):
            await one.sees(other)
            await one.hears({other.who})
            await wait_until(
                lambda one=one: one.page.call(LOCAL_CANDIDATE), 5, "a pair of candidates is selected"
            )
            assert await one.page.call(LOCAL_CANDIDATE) == "relay"
