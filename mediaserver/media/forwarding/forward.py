"""The hot path: forwards the packets of a stream to all slots that it feeds, encrypted in place and sent at once.

Per packet and subscriber it only does what differs between subscribers: for most a header, encryption and sending
(`_send_alone`); for some also a transport-wide sequence number or a VP8 descriptor (`_fill`).
"""

import struct
from typing import Any

from mediaserver.media.core.packets import rtp
from mediaserver.media.core.packets.segmentation import MAX_BYTES, split_runs
from mediaserver.media.forwarding.fast_path import FastPath, Target
from mediaserver.media.forwarding.header_rewrite import HeaderRewrite, Prepared
from mediaserver.media.forwarding.streams import Packet, Slot, Stream
from mediaserver.media.net import srtp
from mediaserver.media.net.port import SLOT, Port

_pack_header = rtp.FIXED_HEADER.pack_into


class Forwarder:
    """Sends through one port. `packets` and `bytes` count what was sent."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._memory = srtp.Memory(MAX_BYTES + SLOT)
        self._length = srtp.length_cell()
        self._packers: dict[int, Any] = {}
        self.packets = self.bytes = 0

    def forward(self, stream: Stream, now: float) -> None:
        """Send the pending packets of `stream` to the slots that it feeds."""
        packets, stream.pending = stream.pending, []
        for rewrite, slots in stream.groups.items():
            prepared = [
                one
                for data, header, descriptor in packets
                if (one := rewrite.prepare(data, header, descriptor, now))
            ]
            if len(prepared) == 1:
                self._send_run(prepared, stream, rewrite, slots, now)
                continue
            in_order(prepared)
            for start, end in split_runs([one.size for one in prepared], overhead=srtp.MAX_TAG):
                self._send_run(prepared[start:end], stream, rewrite, slots, now)

    def replay(self, packets: list[Packet], slot: Slot, now: float) -> None:
        """Send packets that arrived before the slot was attached to it alone, in order."""
        rewrite = slot.header_rewrite
        assert rewrite is not None
        prepared: list[Prepared] = []
        for data, header, descriptor in packets:
            if rtp.is_padding_only(header):  # as the router does: no gap is left where it stood
                self._send_prepared(prepared, slot, now)
                prepared = []
                slot.rewriter.skip(header.sequence)
            elif one := rewrite.prepare(data, header, descriptor, now):
                prepared.append(one)
        self._send_prepared(prepared, slot, now)

    def _send_prepared(self, prepared: list[Prepared], slot: Slot, now: float) -> None:
        for start, end in split_runs([one.size for one in prepared], overhead=srtp.MAX_TAG):
            self._send_to(prepared[start:end], slot, now)

    def _send_run(
        self, run: list[Prepared], stream: Stream, rewrite: HeaderRewrite, slots: list[Slot], now: float
    ) -> None:
        """Send a run of packets of equal size, of which the last may be shorter. Most runs are single packets."""
        fast_path = stream.fast_paths.get(rewrite)
        octets = sum(one.size for one in run)
        last = run[-1]
        if fast_path is not None and fast_path.advance(
            run[0].sequence, last.sequence, last.timestamp, len(run), octets, now
        ):
            for tag, targets in fast_path.targets.items():
                if len(run) == 1:
                    self._send_alone(last, tag, targets)
                else:
                    self._send_together(run, tag, targets)
                self.packets += len(run) * len(targets)
                self.bytes += octets * len(targets)
            for slot in fast_path.others:
                self._send_to(run, slot, now)
            return
        if fast_path is not None:
            fast_path.book()
            del stream.fast_paths[rewrite]
        self._send_to_all(run, stream, rewrite, slots, now)

    def _send_to_all(
        self, run: list[Prepared], stream: Stream, rewrite: HeaderRewrite, slots: list[Slot], now: float
    ) -> None:
        """Compute each slot's numbering; once all slots have one, the next run takes the fast path."""
        fast_path: FastPath[Slot] = FastPath(run[-1].sequence, now)
        complete = not rewrite.numbers_transport
        for slot in slots:
            path = slot.transport.path
            if path is None:
                continue
            shift = self._send_to(run, slot, now)
            if slot.special:
                fast_path.others.append(slot)
            elif shift is None:
                complete = False
            else:
                fast_path.add(slot, path, shift)
        if complete:
            stream.fast_paths[rewrite] = fast_path

    # ------------------------------------------------------------------------------------------ fast path

    def _packer(self, size: int) -> Any:
        """Return a function that writes header and body of a packet of `size` bytes in one call."""
        packer = self._packers.get(size)
        if packer is None:
            packer = self._packers[size] = struct.Struct(f"!BBHII{size - 12}s").pack_into
        return packer

    def _send_alone(self, one: Prepared, tag: int, targets: list[Target[Slot]]) -> None:
        """Send one packet to each target. This is the innermost loop: it contains nothing that could be
        outside."""
        size, first, second, sequence, timestamp, body, _, _, _ = one
        view, pointer, length = self._memory.view, self._memory.pointer(0), self._length
        pack, protect, datagram = self._packer(size), srtp.protect, self._memory.view[: size + tag]
        for tx, send, ssrc, sequence_shift, timestamp_shift, slot, send_socket in targets:
            outgoing = sequence + sequence_shift & 0xFFFF
            pack(view, 0, first, second, outgoing, timestamp + timestamp_shift & 0xFFFFFFFF, ssrc, body)
            length[0] = size
            if protect(tx, pointer, length):  # never send what is not encrypted
                self._not_sent(slot, 1, size)
                continue
            try:
                send(datagram)
            except OSError as error:
                send_socket.lost(error, 1)

    def _send_together(self, run: list[Prepared], tag: int, targets: list[Target[Slot]]) -> None:
        """Do the same as `_send_alone` for packets that arrived together."""
        stride = run[0].size + tag
        view, length, protect = self._memory.view, self._length, srtp.protect
        cells = [
            (at, self._memory.pointer(at), self._packer(one.size), *one[:6])
            for at, one in zip(range(0, stride * len(run), stride), run, strict=True)
        ]
        datagrams = view[: stride * (len(run) - 1) + run[-1].size + tag]
        for tx, _, ssrc, sequence_shift, timestamp_shift, slot, send_socket in targets:
            failed = 0
            for at, pointer, pack, size, first, second, sequence, timestamp, body in cells:
                outgoing = sequence + sequence_shift & 0xFFFF
                pack(view, at, first, second, outgoing, timestamp + timestamp_shift & 0xFFFFFFFF, ssrc, body)
                length[0] = size
                failed |= protect(tx, pointer, length)
            if failed:
                self._not_sent(slot, len(run), sum(one.size for one in run))
            else:
                send_socket.send_run(datagrams, stride)

    def _not_sent(self, slot: Slot, packets: int, octets: int) -> None:
        self._port.dropped["protect"] += packets
        slot.packets -= packets
        slot.octets -= octets
        self.packets -= packets
        self.bytes -= octets

    # ------------------------------------------------------------------------------------------ other slots

    def _send_to(self, run: list[Prepared], slot: Slot, now: float) -> tuple[int, int] | None:
        """Send a run to one slot; return the shift of its numbers if all packets have the same one, else None."""
        if slot.transport.path is None:
            return None
        shift = slot.rewriter.rewrite_run(run[0].sequence, run[-1].sequence, run[-1].timestamp, now)
        if shift is not None:
            self._send_filled(run, slot, shift[0], shift[1])
            return shift
        for one in run:
            numbers = slot.rewriter.rewrite(one.sequence, one.timestamp, now)
            if numbers is not None:
                self._send_filled([one], slot, numbers[0] - one.sequence, numbers[1] - one.timestamp)
        return None

    def _send_filled(self, run: list[Prepared], slot: Slot, sequence_shift: int, timestamp_shift: int) -> None:
        path = slot.transport.path
        if path is None:
            return
        tx, send_socket, tag = path
        stride = run[0].size + tag
        end = self._fill(run, slot, tx, sequence_shift, timestamp_shift, stride)
        if end > stride:
            send_socket.send_run(self._memory.view[:end], stride)
        elif end:
            send_socket.send(self._memory.view[:end])
        total = sum(one.size for one in run)
        slot.packets += len(run)
        slot.octets += total
        self.packets += len(run)
        self.bytes += total

    def _fill(
        self, run: list[Prepared], slot: Slot, tx: Any, sequence_shift: int, timestamp_shift: int, stride: int
    ) -> int:
        """Encrypt the run's packets for `slot`, one behind the other; return the end offset, 0 for none."""
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
    """Sort packets by sequence number if any overtook another, which is rare."""
    if packets:
        first = packets[0].sequence
        packets.sort(key=lambda one: (one.sequence - first + 0x8000) & 0xFFFF)
