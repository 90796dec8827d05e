"""The hot path: packets of one stream to all slots that it feeds, encrypted in place and sent in runs.

Per packet and subscriber this does what differs between subscribers and nothing else: the fixed header, perhaps a
transport-wide number and a VP8 descriptor, encryption. All else was done once for all of them.
"""

from typing import TYPE_CHECKING, Any

from mediaserver.media import srtp
from mediaserver.media.core import rtp
from mediaserver.media.core.runs import MAX_BYTES, split_runs
from mediaserver.media.port import SLOT, Port
from mediaserver.media.wiring import Prepared

if TYPE_CHECKING:
    from mediaserver.media.slot import Slot
    from mediaserver.media.track import Stream

_pack_header = rtp.FIXED_HEADER.pack_into


class Forwarder:
    """Sends through one port. `packets` and `bytes` count what went out."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._memory = srtp.Memory(MAX_BYTES + SLOT)
        self._length = srtp.length_cell()
        self.packets = self.bytes = 0

    def forward(self, stream: "Stream", now: float) -> None:
        """Send what `stream` has pending to the slots that it feeds."""
        packets, stream.pending = stream.pending, []
        for wiring, slots in stream.groups.items():
            prepared = [
                one
                for data, header, descriptor in packets
                if (one := wiring.prepare(data, header, descriptor, now))
            ]
            if len(prepared) == 1:
                self._send_one(prepared[0], slots, now)
                continue
            in_order(prepared)
            for start, end in split_runs([one.size for one in prepared], overhead=srtp.MAX_TAG):
                self._send_run(prepared[start:end], slots, now)

    def _send_one(self, one: Prepared, slots: "list[Slot]", now: float) -> None:
        """A packet that came alone, as most do: `_send_run` with everything unrolled."""
        size, first, second, sequence, timestamp, body, transport_cc_at, _, _ = one
        view, pointer, length = self._memory.view, self._memory.pointer(0), self._length
        protect, pack = srtp.protect, _pack_header
        behind_header = view[12:size]
        datagrams = {tag: view[: size + tag] for tag in srtp.TAGS}
        for slot in slots:
            path = slot.transport.path
            if path is None:
                continue
            shift = slot.rewriter.rewrite_run(sequence, sequence, timestamp, now)
            if shift is None or slot.special or transport_cc_at:
                self._send_shifted([one], slot, shift, now)
                continue
            tx, leg, tag = path
            outgoing = sequence + shift[0] & 0xFFFF
            pack(view, 0, first, second, outgoing, timestamp + shift[1] & 0xFFFFFFFF, slot.ssrc)
            behind_header[:] = body
            length[0] = size
            if protect(tx, pointer, length):  # never send what is not encrypted
                self._port.dropped["protect"] += 1
                continue
            leg.send(datagrams[tag])
            slot.packets += 1
            slot.octets += size
            self.packets += 1
            self.bytes += size

    def _send_run(self, run: list[Prepared], slots: "list[Slot]", now: float) -> None:
        first, last, last_timestamp = run[0].sequence, run[-1].sequence, run[-1].timestamp
        for slot in slots:
            if slot.transport.path is not None:
                shift = slot.rewriter.rewrite_run(first, last, last_timestamp, now)
                self._send_shifted(run, slot, shift, now)

    def _send_shifted(self, run: list[Prepared], slot: "Slot", shift: tuple[int, int] | None, now: float) -> None:
        """A run with one shift for all its packets; where it is not simply the next one, each has its own."""
        if shift is not None:
            self._send_filled(run, slot, shift[0], shift[1])
            return
        for one in run:
            numbers = slot.rewriter.rewrite(one.sequence, one.timestamp, now)
            if numbers is not None:
                self._send_filled([one], slot, numbers[0] - one.sequence, numbers[1] - one.timestamp)

    def _send_filled(self, run: list[Prepared], slot: "Slot", sequence_shift: int, timestamp_shift: int) -> None:
        path = slot.transport.path
        if path is None:
            return
        tx, leg, tag = path
        stride = run[0].size + tag
        end = self._fill(run, slot, tx, sequence_shift, timestamp_shift, stride)
        if end > stride:
            leg.send_run(self._memory.view[:end], stride)
        elif end:
            leg.send(self._memory.view[:end])
        total = sum(one.size for one in run)
        slot.packets += len(run)
        slot.octets += total
        self.packets += len(run)
        self.bytes += total

    def _fill(
        self, run: list[Prepared], slot: "Slot", tx: Any, sequence_shift: int, timestamp_shift: int, stride: int
    ) -> int:
        """Lay the run's packets end to end, encrypted for `slot`; returns where they end, 0 for none."""
        view, pointer, length = self._memory.view, self._memory.pointer, self._length
        protect, ssrc, vp8 = srtp.protect, slot.ssrc, slot.vp8
        at = end = 0
        for size, first, second, sequence, timestamp, body, transport_cc_at, payload_at, descriptor in run:
            outgoing = sequence + sequence_shift & 0xFFFF
            _pack_header(view, at, first, second, outgoing, timestamp + timestamp_shift & 0xFFFFFFFF, ssrc)
            view[at + 12 : at + size] = body
            if transport_cc_at:
                number = slot.transport.next_transport_sequence()
                view[at + transport_cc_at : at + transport_cc_at + 2] = number.to_bytes(2, "big")
            if vp8 is not None and descriptor is not None:
                vp8.patch(view, at + payload_at, descriptor)
            length[0] = size
            if protect(tx, pointer(at), length):
                self._port.dropped["protect"] += 1
                continue
            end = at + length[0]
            if slot.sent is not None:
                slot.keep(outgoing, bytes(view[at:end]))
            at += stride
        return end


def in_order(packets: list[Prepared]) -> None:
    """Sort by sequence number where packets overtook each other; few do."""
    if packets:
        first = packets[0].sequence
        packets.sort(key=lambda one: (one.sequence - first + 0x8000) & 0xFFFF)
