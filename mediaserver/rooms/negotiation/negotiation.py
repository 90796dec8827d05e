"""Negotiates a participant's peer connection: reads the offer, sends requests to the worker, writes the answer.

Negotiations of one participant are serialized. The room's state changes only when a negotiation has succeeded.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mediaserver.base.errors import Conflict, FieldError, Invalid, Unavailable
from mediaserver.base.ids import new_id
from mediaserver.base.processes.channel import ChannelClosed
from mediaserver.domain.sessions.sessions import Source
from mediaserver.media import messages as m
from mediaserver.rooms.interfaces import Worker
from mediaserver.rooms.negotiation.offer_reader import OfferReader
from mediaserver.rooms.negotiation.sdp import Section, bad_sdp
from mediaserver.rooms.negotiation.sdp_answer import Accepted, Endpoint, SlotSource, VideoCodec, write_answer
from mediaserver.rooms.state import effects as fx
from mediaserver.rooms.state.members import KIND_OF, Member
from mediaserver.rooms.state.room import Room


@dataclass(slots=True)
class PeerConnection:
    """What a participant and the server have negotiated so far."""

    generation: int
    transport: str
    worker: Worker
    worker_epoch: int
    ice: m.IceParameters
    remote_ice: m.IceParameters
    fingerprints: list[tuple[str, str]]
    session: int = field(default_factory=lambda: secrets.randbits(62))
    version: int = 0
    tracks: dict[str, m.SetTrack] = field(default_factory=dict)
    """The requests that announced tracks to the worker, by mid."""
    slots: dict[str, SlotSource] = field(default_factory=dict)


class NegotiatingRoom(Protocol):
    """What negotiations need of a room's task."""

    @property
    def key(self) -> str: ...

    @property
    def room(self) -> Room: ...

    @property
    def video_codec(self) -> VideoCodec: ...

    @property
    def addresses(self) -> tuple[str, ...]:
        """IP addresses of the media ports, announced in every answer."""

    @property
    def offers(self) -> OfferReader: ...

    @property
    def worker_epoch(self) -> int:
        """Grows when the worker dies."""

    @property
    def connections(self) -> MutableMapping[str, PeerConnection]:
        """The peer connection of each participant."""

    @property
    def worker_tracks(self) -> MutableMapping[str, m.SetTrack]:
        """The requests that announced the tracks to the worker."""

    def negotiation_lock(self, participant: str) -> asyncio.Lock: ...
    async def get_worker(self) -> Worker: ...
    def close_transport(self, transport: str) -> None: ...
    def close_track(self, track: str) -> None: ...
    async def command(self, command: Callable[[float], list[fx.Effect]]) -> None: ...


async def negotiate(
    task: NegotiatingRoom, participant: str, generation: int, sdp: str, sources: Mapping[str, Source]
) -> dict[str, Any]:
    """Return the answer to `media.negotiate`: `{generation, sdp, tracks, slots}`.

    Raises: Conflict("stale_generation"); Invalid; BadRequest("bad_sdp"); Forbidden; Unavailable.
    """
    async with task.negotiation_lock(participant):
        try:
            return await _negotiate(task, participant, generation, sdp, sources)
        except (ChannelClosed, TimeoutError) as error:
            detail = "The media worker is unavailable. Try again in a moment."
            raise Unavailable("media_unavailable", detail) from error


async def _negotiate(
    task: NegotiatingRoom, participant: str, generation: int, sdp: str, sources: Mapping[str, Source]
) -> dict[str, Any]:
    member = task.room.member(participant)
    connection = task.connections.get(participant)
    if generation < member.generation or (generation == member.generation and connection is None):
        detail = f"The generation of this connection must be greater than {member.generation}."
        raise Conflict("stale_generation", detail)
    offer = await task.offers.read(sdp, task.video_codec)
    accepted, remote = offer.accepted, offer.transport
    _check_tracks(task, member, accepted, sources)
    fresh = connection is None or generation > connection.generation
    if connection is None or fresh:
        connection = await _open(task, generation, remote)
    try:
        await _follow_ice(connection, remote)
        published = [
            await _set_track(task, member, connection, section, sources[section.mid])
            for section in accepted
            if section.role == "track"
        ]
        for section in accepted:
            if section.role == "slot":
                await _set_slot(connection, section)
        await _commit(task, member, connection, published, accepted)
    except BaseException:
        if fresh:
            task.close_transport(connection.transport)
        else:
            _undo(task, member, connection)
        raise
    connection.version += 1
    fingerprint, port = connection.worker.fingerprint, connection.worker.port
    endpoint = Endpoint(connection.ice, fingerprint, task.addresses, port)
    return {
        "generation": generation,
        "sdp": write_answer(accepted, connection.slots, endpoint, connection.session, connection.version),
        "tracks": {track.mid: track.id for track in published},
        "slots": [section.mid for section in accepted if section.role == "slot"],
    }


def _check_tracks(
    task: NegotiatingRoom, member: Member, accepted: Sequence[Accepted], sources: Mapping[str, Source]
) -> None:
    """Check that each sending m-line is named once, with a suitable source that the participant may publish."""
    sending = {section.mid: section for section in accepted if section.role == "track"}
    faults = [
        FieldError(f"tracks.{mid}", "must name the source that this m-line sends")
        for mid in sending
        if mid not in sources
    ]
    seen: set[str] = set()
    for mid, source in sources.items():
        where = f"tracks.{mid}"
        if mid not in sending:
            faults.append(FieldError(where, "does not name a sendonly m-line of the offer"))
        elif sending[mid].kind != KIND_OF[source]:
            fault = f"must be {sending[mid].kind} as its m-line is, but {source} is {KIND_OF[source]}"
            faults.append(FieldError(where, fault))
        if source in seen:
            faults.append(FieldError(where, f"names {source} a second time"))
        seen.add(source)
    if faults:
        raise Invalid("invalid", "The tracks do not match the offer.", faults)
    for source in sources.values():
        task.room.stage.check_may_publish(member, source)


async def _open(task: NegotiatingRoom, generation: int, remote: Section) -> PeerConnection:
    worker = await task.get_worker()
    epoch, transport = task.worker_epoch, f"{task.key}.{new_id()}"
    ice = await worker.open_transport(m.OpenTransport(room=task.key, transport=transport))
    fingerprints = [m.Fingerprint(algorithm=algorithm, value=value) for algorithm, value in remote.fingerprints]
    remote_ice = _ice_parameters(remote)
    try:
        await worker.connect_transport(
            m.ConnectTransport(transport=transport, ice=remote_ice, fingerprints=fingerprints)
        )
    except BaseException:
        task.close_transport(transport)
        raise
    return PeerConnection(generation, transport, worker, epoch, ice, remote_ice, remote.fingerprints)


async def _follow_ice(connection: PeerConnection, remote: Section) -> None:
    """Restart ICE when the offer has new credentials (RFC 8839 section 4.4.1.1.1): the server's change, too."""
    if remote.fingerprints != connection.fingerprints:
        raise bad_sdp("The DTLS fingerprint changed. A new connection needs a higher generation.")
    remote_ice = _ice_parameters(remote)
    if remote_ice != connection.remote_ice:
        connection.ice = await connection.worker.restart_ice(
            m.RestartIce(transport=connection.transport, ice=remote_ice)
        )
        connection.remote_ice = remote_ice


def _ice_parameters(remote: Section) -> m.IceParameters:
    return m.IceParameters(ufrag=remote.ice_ufrag, pwd=remote.ice_pwd)


async def _set_track(
    task: NegotiatingRoom, member: Member, connection: PeerConnection, section: Accepted, source: Source
) -> fx.Published:
    assert section.codec is not None
    before = connection.tracks.get(section.mid)
    known = before is not None and before.source == source and member.tracks.get(source) is not None
    request = m.SetTrack(
        transport=connection.transport, track=before.track if before and known else new_id(), mid=section.mid,
        kind=KIND_OF[source], source=source, codecs=[section.codec], extensions=section.extension_ids,
        ssrcs=list(section.ssrcs), rtx_ssrcs=dict(section.rtx_ssrcs), rids=list(section.rids),
        enabled=task.room.stage.will_flow(member, source),
    )  # fmt: skip
    if request != before:
        await connection.worker.set_track(request)
        connection.tracks[section.mid] = request
    return fx.Published(request.track, request.mid, source, KIND_OF[source], request.enabled)


def _undo(task: NegotiatingRoom, member: Member, connection: PeerConnection) -> None:
    """Close the tracks of a failed negotiation, which the room does not know."""
    published = {track.id for track in member.tracks.values()}
    for mid, request in list(connection.tracks.items()):
        if request.track not in published:
            task.close_track(request.track)
            del connection.tracks[mid]


async def _set_slot(connection: PeerConnection, section: Accepted) -> None:
    assert section.codec is not None
    source = connection.slots.get(section.mid)
    if source is None:
        has_rtx = section.codec.rtx_payload_type is not None
        source = SlotSource(
            _new_ssrc(connection), _new_ssrc(connection) if has_rtx else None, f"s-{connection.session}"
        )
        connection.slots[section.mid] = source
    await connection.worker.set_slot(
        m.SetSlot(
            transport=connection.transport,
            mid=section.mid,
            kind="audio" if section.kind == "audio" else "video",
            ssrc=source.ssrc,
            rtx_ssrc=source.rtx_ssrc,
            cname=source.cname,
            codecs=[section.codec],
            extensions=section.extension_ids,
        )
    )


def _new_ssrc(connection: PeerConnection) -> int:
    taken = {s for source in connection.slots.values() for s in (source.ssrc, source.rtx_ssrc)}
    while (ssrc := secrets.randbelow(0xFFFFFFFE) + 1) in taken:
        pass
    return ssrc


async def _commit(
    task: NegotiatingRoom,
    member: Member,
    connection: PeerConnection,
    published: list[fx.Published],
    accepted: Sequence[Accepted],
) -> None:
    """Change the room's state, unless the worker died meanwhile or the participant left."""
    slots: dict[str, m.Kind] = {
        section.mid: "audio" if section.kind == "audio" else "video"
        for section in accepted
        if section.role == "slot"
    }

    def succeed(now: float) -> list[fx.Effect]:
        if task.worker_epoch != connection.worker_epoch:
            raise Unavailable("media_unavailable", "The media worker was restarted. Try again.")
        done = task.room.negotiated(member.id, connection.generation, connection.transport, published, slots, now)
        task.connections[member.id] = connection
        kept = {track.id for track in published}
        connection.tracks = {mid: request for mid, request in connection.tracks.items() if request.track in kept}
        task.worker_tracks.update({request.track: request for request in connection.tracks.values()})
        return done

    await task.command(succeed)
