from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.packets.packet_cache import PacketCache


def test_a_packet_is_kept_once() -> None:
    cache = PacketCache(8)
    packet = bytearray(b"one")
    assert cache.insert(5, memoryview(packet), 1.0)
    assert not cache.insert(5, b"again", 1.0)
    packet[:] = b"two"  # the receive buffer is used again
    assert cache.get(5, 1.0) == b"one"
    assert cache.get(6, 1.0) is None


def test_a_newer_packet_takes_the_place_of_an_older_one_but_not_the_reverse() -> None:
    cache = PacketCache(8)
    assert cache.insert(65535, b"old", 1.0)
    assert cache.insert(7, b"new", 1.0)
    assert not cache.insert(65535, b"late", 1.0)
    assert cache.get(65535, 1.0) is None
    assert cache.get(7, 1.0) == b"new"


def test_what_is_too_old_is_not_given_out_and_gives_way() -> None:
    cache = PacketCache(8, max_age_s=2.0)
    assert cache.insert(5, b"a", 1.0)
    assert cache.get(5, 3.0) == b"a"
    assert cache.get(5, 3.1) is None
    assert cache.insert(13, b"of a stream that began anew", 3.1)
    assert cache.insert(5, b"before that", 9.0)
    assert cache.get(5, 9.0) == b"before that"


def test_a_number_is_refused_again_however_late() -> None:
    cache = PacketCache(8, max_age_s=2.0)
    assert cache.insert(5, b"a", 1.0)
    assert not cache.insert(5, b"b", 1000.0)


def test_a_cleared_cache_takes_any_number() -> None:
    cache = PacketCache(8)
    cache.insert(13, b"a", 1.0)
    cache.clear()
    assert cache.get(13, 1.0) is None
    assert cache.insert(5, b"b", 1.0)


@given(first=st.integers(0, 0xFFFF), count=st.integers(1, 300))
def test_the_last_64_packets_can_always_be_resent(first: int, count: int) -> None:
    cache = PacketCache(64)
    for number in range(first, first + count):
        assert cache.insert(number & 0xFFFF, number.to_bytes(4, "big"), 0.0)
    for number in range(max(first, first + count - 64), first + count):
        assert cache.get(number & 0xFFFF, 0.0) == number.to_bytes(4, "big")
