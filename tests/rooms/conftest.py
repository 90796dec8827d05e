"""What several tests of rooms use: captured offers and our end of a transport."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mediaserver.media.messages import Fingerprint, IceParameters
from mediaserver.rooms.negotiation.sdp_answer import Endpoint

OFFERS = Path(__file__).parent / "offers"


@pytest.fixture
def offer_text() -> Callable[[str], str]:
    return lambda name: (OFFERS / f"{name}.sdp").read_bytes().decode()


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint(
        ice=IceParameters(ufrag="srvU", pwd="serverpasswordserverpw12"),
        fingerprint=Fingerprint(algorithm="sha-256", value=":".join(["AB"] * 32)),
        addresses=["203.0.113.7", "2001:db8::7"],
        port=40000,
    )
