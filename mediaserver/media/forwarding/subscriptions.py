"""Adapts what a subscriber receives to its link: the layers of its video slots and its retransmission budget.

It does nothing unless feedback shows a narrow link: each slot then has the layer for its tile (`Router.aim`).
"""

from collections.abc import Callable

from mediaserver.media.core.quality.downlink_estimate import Load
from mediaserver.media.core.quality.layer_allocation import allocate, next_step_bps, total_bps
from mediaserver.media.forwarding.router import Router
from mediaserver.media.forwarding.streams import Slot, Stream
from mediaserver.media.forwarding.transport import Transport


class Subscriptions:
    """Adapts transports. `adapt` is called every second, and soon after a client's estimate."""

    def __init__(self, router: Router, on_suspended: "Callable[[Slot], None]") -> None:
        """`on_suspended` is called for each slot that was suspended or resumed."""
        self._router, self._on_suspended = router, on_suspended

    def adapt(self, transport: Transport, now: float) -> None:
        if not transport.slots:
            return
        slots, options = self._video(transport, now)
        bitrates = [[_bitrate_bps(stream, now) for stream in streams] for streams in options]
        chosen = [
            None if slot.suspended else min(slot.steps_down, len(streams) - 1)
            for slot, streams in zip(slots, options, strict=True)
        ]
        rates_bps = {
            slot.ssrc: _bitrate_bps(slot.stream, now)
            for slot in transport.slots.values()
            if slot.kind == "audio" and slot.stream is not None
        }
        audio_bps = sum(rates_bps.values())
        for slot, bitrate, index in zip(slots, bitrates, chosen, strict=True):
            rates_bps[slot.ssrc] = 0 if index is None else bitrate[index]
        downlink, next_bps = transport.downlink, next_step_bps(bitrates, chosen)
        load = Load(
            rates_bps,
            floor_bps=audio_bps + sum(bitrate[-1] for bitrate in bitrates),
            next_bps=None if next_bps is None else audio_bps + next_bps,
        )
        binding = [(slot.mid, slot.revision, len(streams)) for slot, streams in zip(slots, options, strict=True)]
        if downlink.update(load, now) or (downlink.limit_bps is not None and binding != transport.allocated):
            if downlink.limit_bps is None:
                chosen = [0] * len(slots)
                self._unlimit(transport, now)
            else:
                chosen = allocate(bitrates, downlink.limit_bps - audio_bps, may_pause=downlink.by_remb)
                for slot, steps_down in zip(slots, chosen, strict=True):
                    self._limit(slot, steps_down, now, at_once=downlink.queue_is_full)
        transport.allocated = binding
        sent_bps = audio_bps + total_bps(bitrates, chosen)
        transport.retransmissions.update(sent_bps, downlink.spare_limit_bps(sent_bps), transport.rtt.seconds, now)

    def _unlimit(self, transport: Transport, now: float) -> None:
        for slot in transport.slots.values():
            if slot.steps_down or slot.suspended:
                self._limit(slot, 0, now, at_once=False)

    def _limit(self, slot: Slot, steps_down: int | None, now: float, *, at_once: bool) -> None:
        before = slot.suspended
        self._router.limit(slot, steps_down, now, at_once=at_once)
        if slot.suspended != before:
            self._on_suspended(slot)

    def _video(self, transport: Transport, now: float) -> "tuple[list[Slot], list[list[Stream]]]":
        """Return the active video slots, most important first, and the layers that each could carry."""
        found = [
            (slot, streams)
            for slot in transport.slots.values()
            if slot.kind == "video" and slot.resumed and slot.track is not None and slot.track.enabled
            and (streams := slot.track.fitting(slot.max_width, slot.max_height, now))
        ]  # fmt: skip
        found.sort(key=lambda one: _importance(one[0]), reverse=True)
        return [slot for slot, _ in found], [streams for _, streams in found]


def _importance(slot: Slot) -> tuple[bool, float]:
    """A screen before cameras, a large tile before small ones."""
    is_screen = slot.track is not None and slot.track.source == "screen"
    unlimited = slot.max_width is None and slot.max_height is None
    return is_screen, float("inf") if unlimited else (slot.max_width or 1) * (slot.max_height or 1)


def _bitrate_bps(stream: Stream, now: float) -> int:
    return stream.meter.measured(now).bitrate_bps
