"""The hot path against its model: whatever comes, slots get what `SlotRewriter` says packet by packet."""

import copy
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media import messages as m
from mediaserver.media.core.packets import rtp
from mediaserver.media.forwarding.forward import Forwarder, in_order
from mediaserver.media.forwarding.header_rewrite import HeaderRewrite
from mediaserver.media.forwarding.streams import Slot, Stream
from mediaserver.media.net import srtp

CODEC = m.Codec(name="VP8", payload_type=96, clock_rate=90_000, rtx_payload_type=97, nack=True)
THERE = m.Codec(name="VP8", payload_type=101, clock_rate=90_000, rtx_payload_type=102, nack=True)
Sent = tuple[int, int, int, bytes]


class RecordingSendSocket:
    """Remembers sequence, timestamp, SSRC and payload of each datagram."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.lost_count = 0

    def raw_send(self, datagram: memoryview) -> int:
        _, _, sequence, timestamp, ssrc = rtp.FIXED_HEADER.unpack_from(datagram)
        self.sent.append((sequence, timestamp, ssrc, bytes(datagram[12:])))
        return len(datagram)

    send = raw_send

    def send_run(self, run: memoryview, size: int) -> None:
        for at in range(0, len(run), size):
            self.raw_send(run[at : at + size])

    def lost(self, error: OSError, count: int) -> None:
        self.lost_count += count


class Setting:
    """One stream that feeds slots; beside each slot a model of its numbering."""

    def __init__(self, *, special: tuple[bool, ...] = (False, False, True)) -> None:
        self.dropped: Counter[str] = Counter()
        self.forwarder = Forwarder(SimpleNamespace(dropped=self.dropped))  # type: ignore[arg-type]
        track: Any = SimpleNamespace(clock_rate=90_000, kind="video", taps={})
        self.stream = Stream(1, track, 0)
        rewrite = HeaderRewrite([CODEC], {}, [THERE], {})
        self.send_sockets = [RecordingSendSocket() for _ in special]
        self.slots: list[Slot] = []
        for index, one in enumerate(special):
            transport: Any = SimpleNamespace(path=(None, self.send_sockets[index], 0))
            slot = Slot(transport, m.SetSlot(
                transport="t", mid="9", kind="video", ssrc=100 + index, rtx_ssrc=None if one else 7, cname="c",
                codecs=[THERE], extensions={},
            ))  # fmt: skip
            self.slots.append(slot)
            slot.begin(self.stream)
            self.stream.groups.setdefault(rewrite, []).append(slot)
        self.models = [copy.copy(slot.rewriter) for slot in self.slots]
        for model in self.models:
            model._steps = []
        self.expected: list[list[Sent]] = [[] for _ in special]
        self.now = 1.0

    def send(self, *packets: tuple[int, int]) -> None:
        """Packets of (unwrapped sequence, payload size) that arrived together."""
        self.now += 0.01
        for sequence, size in packets:
            data = (
                rtp.FIXED_HEADER.pack(0x80, 96, sequence & 0xFFFF, sequence * 90 & 0xFFFFFFFF, 1)
                + bytes([size]) * size
            )
            header = rtp.parse(data, len(data))
            assert header is not None
            self.stream.pending.append((data, header, None))
        self.forwarder.forward(self.stream, self.now)
        first = packets[0][0] & 0xFFFF
        for sequence, size in sorted(packets, key=lambda one: one[0] - first + 0x8000 & 0xFFFF):
            for index, model in enumerate(self.models):
                if self.slots[index].transport.path is None:
                    continue
                numbers = model.rewrite(sequence & 0xFFFF, sequence * 90 & 0xFFFFFFFF, self.now)
                if numbers is not None:
                    self.expected[index].append((*numbers, 100 + index, bytes([size]) * size))

    def skip(self, sequence: int) -> None:
        self.stream.leave_fast_path()
        for one in (*(slot.rewriter for slot in self.slots), *self.models):
            one.skip(sequence & 0xFFFF)

    def toggle_path(self, index: int) -> None:
        self.stream.leave_fast_path()
        transport: Any = self.slots[index].transport
        transport.path = None if transport.path else (None, self.send_sockets[index], 0)

    def check(self) -> None:
        self.stream.book()
        for slot, send_socket, expected, model in zip(
            self.slots, self.send_sockets, self.expected, self.models, strict=True
        ):
            assert send_socket.sent == expected
            assert slot.packets == len(expected)
            assert slot.octets == sum(12 + len(body) for *_, body in expected)
            assert slot.rewriter.last_sequence == model.last_sequence
            assert slot.rewriter.timestamp_offset == model.timestamp_offset


@pytest.fixture(autouse=True)
def plaintext(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srtp, "protect", lambda tx, pointer, length: 0)


SIZES = st.lists(st.sampled_from([20, 20, 20, 9]), min_size=1, max_size=6)
ACTION = st.one_of(
    st.tuples(st.just("send"), SIZES),
    st.tuples(st.just("send"), SIZES),
    st.tuples(st.just("gap"), st.sampled_from([1, 2, 900, 2900])),
    st.tuples(st.just("restart"), st.integers(4000, 60_000)),
    st.tuples(st.just("late"), st.integers(1, 30)),
    st.tuples(st.just("skip"), st.just(0)),
    st.tuples(st.just("path"), st.integers(0, 2)),
    st.tuples(st.just("book"), st.just(0)),
)


@given(st.integers(0, 0xFFFF), st.lists(ACTION, max_size=60))
def test_steady_slots_get_what_they_would_get_packet_by_packet(
    first: int, actions: list[tuple[str, Any]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(srtp, "protect", lambda tx, pointer, length: 0)
        setting = Setting()
        position = first
        for action, amount in [("send", [20]), *actions, ("send", [20, 20])]:
            if action == "send":
                setting.send(*((position + index, size) for index, size in enumerate(amount)))
                position += len(amount)
            elif action in ("gap", "restart"):
                position += amount
            elif action == "late":
                setting.send((position - amount, 30))
            elif action == "skip":
                setting.skip(position)
                position += 1
            elif action == "path":
                setting.toggle_path(amount)
            else:
                setting.stream.book()
        setting.check()


def test_slots_become_steady_with_the_second_packet_and_stay() -> None:
    setting = Setting(special=(False, False))
    for sequence in range(65_530, 65_530 + 10_000):
        setting.send((sequence, 20))
        assert bool(setting.stream.fast_paths) == (sequence > 65_530)
    setting.check()


def test_what_cannot_be_encrypted_is_neither_sent_nor_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting(special=(False,))
    setting.send((1, 20))
    setting.send((2, 20))
    monkeypatch.setattr(srtp, "protect", lambda tx, pointer, length: 1)
    setting.send((3, 20))
    setting.send((4, 20), (5, 20))
    setting.stream.book()
    assert (len(setting.send_sockets[0].sent), setting.slots[0].packets, setting.forwarder.packets) == (2, 2, 2)
    assert setting.dropped["protect"] == 3


def test_a_full_socket_buffer_is_counted_and_the_others_are_served() -> None:
    def full(_: memoryview) -> int:
        raise BlockingIOError

    setting = Setting(special=(False, False))
    setting.send_sockets[0].raw_send = full  # type: ignore[method-assign]
    setting.slots[0].transport.path = (None, setting.send_sockets[0], 0)  # type: ignore[assignment]
    setting.send_sockets[0].send = lambda data: len(data)  # type: ignore[method-assign]
    for sequence in range(4):
        setting.send((sequence, 20))
    assert setting.send_sockets[0].lost_count == 2, "the first two were sent with care"
    assert len(setting.send_sockets[1].sent) == 4


def test_packets_that_overtook_each_other_are_put_in_order() -> None:
    rewrite = HeaderRewrite([CODEC], {}, [THERE], {})
    prepared = []
    for sequence in (65_535, 1, 0, 2):
        data = rtp.FIXED_HEADER.pack(0x80, 96, sequence, 0, 1) + b"x"
        header = rtp.parse(data, len(data))
        assert header is not None
        one = rewrite.prepare(data, header, None, 0.0)
        assert one is not None
        prepared.append(one)
    in_order(prepared)
    assert [one.sequence for one in prepared] == [65_535, 0, 1, 2]
