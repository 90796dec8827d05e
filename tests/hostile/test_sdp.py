"""Offers that are made to take long: what they cost, and that the event loop goes on meanwhile."""

import pytest

from mediaserver.base.errors import Problem
from mediaserver.rooms.negotiation.offer_reader import INLINE_CHARACTERS, OfferReader, read_whole_offer
from mediaserver.rooms.negotiation.sdp import MAX_CHARACTERS
from mediaserver.rooms.negotiation.sdp_answer import Endpoint, SlotSource, write_answer
from tests.hostile.cost import assert_quick, assert_quick_async, cpu_s
from tests.hostile.offers import HOSTILE, largest_honest_offer


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
def test_the_largest_offers_of_browsers_are_accepted(browser: str) -> None:
    offer = read_whole_offer(largest_honest_offer(browser), "VP8")
    assert sum(one.role == "slot" for one in offer.accepted) == 70


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_offer_costs_no_more_than_a_large_honest_one(name: str) -> None:
    text = HOSTILE[name][:MAX_CHARACTERS]
    honest_s = cpu_s(lambda: read_whole_offer(largest_honest_offer("chromium"), "VP8"), 3)
    assert cpu_s(lambda: read_whole_offer(text, "VP8"), 3) < 3 * honest_s


@pytest.mark.parametrize("name", HOSTILE)
async def test_reading_it_holds_up_the_event_loop_only_briefly(name: str) -> None:
    reader = OfferReader()
    for text in (HOSTILE[name][:INLINE_CHARACTERS], HOSTILE[name][:MAX_CHARACTERS]):

        async def read(offer: str = text) -> None:
            try:
                await reader.read(offer, "VP8")
            except Problem as problem:
                assert problem.code in ("bad_sdp", "codec_unsupported")

        await assert_quick_async(read)


def test_writing_the_largest_answer_is_quick(endpoint: Endpoint) -> None:
    accepted = read_whole_offer(largest_honest_offer("chromium"), "VP8").accepted
    slots = {one.mid: SlotSource(1, 2, "cname") for one in accepted}
    assert_quick(lambda: write_answer(accepted, slots, endpoint, 1, 1))
