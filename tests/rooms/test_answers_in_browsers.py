"""Browsers take our answers: simulcast, slots, and a second negotiation with m-lines turned inactive."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from mediaserver.rooms.negotiation.sdp import read_offer
from mediaserver.rooms.negotiation.sdp_answer import Endpoint, accept, write_answer
from tests.e2e.browsers import Chromium, Firefox
from tests.rooms.negotiation.test_sdp_answer import slot_sources

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]

OFFER = """async (simulcast) => {
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: "max-bundle"});
  const canvas = Object.assign(document.createElement("canvas"), {width: 640, height: 360});
  canvas.getContext("2d").fillRect(0, 0, 9, 9);
  const camera = canvas.captureStream(15).getVideoTracks()[0];
  const sound = new AudioContext().createMediaStreamDestination().stream.getAudioTracks()[0];
  pc.addTransceiver(sound, {direction: "sendonly"});
  const encodings = [{rid: "f"}, {rid: "h", scaleResolutionDownBy: 2}, {rid: "q", scaleResolutionDownBy: 4}];
  pc.addTransceiver(camera, {direction: "sendonly", sendEncodings: simulcast ? encodings : [{}]});
  for (const kind of ["audio", "video", "audio", "video"]) pc.addTransceiver(kind, {direction: "recvonly"});
  await pc.setLocalDescription(await pc.createOffer());
  return pc.localDescription.sdp;
}"""
ANSWER = """async (sdp) => {
  await pc.setRemoteDescription({type: "answer", sdp});
  return {
    directions: pc.getTransceivers().map((t) => t.currentDirection),
    encodings: pc.getTransceivers()[1].sender.getParameters().encodings.length,
    streams: pc.getReceivers().length,
  };
}"""
AGAIN = """async () => {
  pc.getTransceivers()[1].direction = "inactive";
  pc.getTransceivers()[3].direction = "inactive";
  pc.addTransceiver("video", {direction: "recvonly"});
  await pc.setLocalDescription(await pc.createOffer());
  return pc.localDescription.sdp;
}"""


@asynccontextmanager
async def blank_page() -> AsyncIterator[str]:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>blank</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


def answer_to(sdp: str, endpoint: Endpoint, codec: Any, version: int) -> str:
    accepted = accept(read_offer(sdp), codec)
    return write_answer(accepted, slot_sources(accepted), endpoint, 77, version)


async def negotiate_twice(browser: Any, endpoint: Endpoint, codec: str, layers: int) -> None:
    async with blank_page() as url:
        page = await browser.page()
        await page.goto(url)
        offer = await page.call(OFFER, layers > 1)
        taken = await page.call(ANSWER, answer_to(offer, endpoint, codec, 1))
        assert taken["directions"] == ["sendonly"] * 2 + ["recvonly"] * 4
        assert taken["encodings"] == layers
        offer = await page.call(AGAIN)
        taken = await page.call(ANSWER, answer_to(offer, endpoint, codec, 2))
        assert taken["directions"] == [
            "sendonly",
            "inactive",
            "recvonly",
            "inactive",
            "recvonly",
            "recvonly",
            "recvonly",
        ]
        await page.close()


@pytest.mark.parametrize(("codec", "layers"), [("VP8", 3), ("H264", 1)])
async def test_chromium_takes_our_answers(codec: str, layers: int, endpoint: Endpoint) -> None:
    async with Chromium.start() as chromium:
        await negotiate_twice(chromium, endpoint, codec, layers)


async def test_firefox_takes_our_answers(endpoint: Endpoint) -> None:
    async with Firefox.start() as firefox:
        await negotiate_twice(firefox, endpoint, "VP8", 3)
