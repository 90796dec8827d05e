"""One participant's peer connection as the server negotiates it: an offer in, worker requests, an answer out.

Negotiations of one participant are serialised; the room hears of one only when it has succeeded."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mediaserver.base.errors import Conflict, FieldError, Invalid, Unavailable
from mediaserver.base.ids import new_id
from mediaserver.base.processes.channel import ChannelClosed
from mediaserver.domain.sessions.sessions import Source
from mediaserver.media import messages as m
from mediaserver.rooms.interfaces import Worker
from mediaserver.rooms.negotiation.sdp import Section, bad_sdp
from mediaserver.rooms.negotiation.sdp_answer import Accepted, Endpoint, SlotSource, write_answer
from mediaserver.rooms.state import effects as fx
from mediaserver.rooms.state.members import KIND_OF, Member

if TYPE_CHECKING:
    from mediaserver.rooms.room_task import Host


@dataclass(slots=True)
class Link:
    """What one peer connection has negotiated so far."""

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
    """By mid, as the worker was told."""
    slots: dict[str, SlotSource] = field(default_factory=dict)


async def negotiate(
    host: "Host", participant: str, generation: int, sdp: str, sources: Mapping[str, Source]
) -> dict[str, Any]:
    """The answer to `media.negotiate`: `{generation, sdp, tracks, slots}`."""
    async with host.negotiation_lock(participant):
        try:
            return await _negotiate(host, participant, generation, sdp, sources)
        except (ChannelClosed, TimeoutError) as error:
            raise Unavailable("media_unavailable", "the media worker is away; try again in a moment") from error


async def _negotiate(
    host: "Host", participant: str, generation: int, sdp: str, sources: Mapping[str, Source]
) -> dict[str, Any]:
    member = host.room.member(participant)
    link = host.links.get(participant)
    if generation < member.generation or (generation == member.generation and link is None):
        raise Conflict("stale_generation", f"number this connection higher than {member.generation}")
    offer = await host.offers.read(sdp, host.video_codec)
    accepted, remote = offer.accepted, offer.transport
    _check_tracks(host, member, accepted, sources)
    fresh = link is None or generation > link.generation
    if link is None or fresh:
        link = await _open(host, generation, remote)
    try:
        await _follow_ice(link, remote)
        published = [
            await _set_track(host, member, link, a, sources[a.mid]) for a in accepted if a.role == "track"
        ]
        for a in accepted:
            if a.role == "slot":
                await _set_slot(link, a)
        await _commit(host, member, link, published, accepted)
    except BaseException:
        if fresh:
            host.close_transport(link.transport)
        else:
            _take_back(host, member, link)
        raise
    link.version += 1
    fingerprint, port = link.worker.fingerprint, link.worker.port
    endpoint = Endpoint(link.ice, fingerprint, host.addresses, port)
    return {
        "generation": generation,
        "sdp": write_answer(accepted, link.slots, endpoint, link.session, link.version),
        "tracks": {track.mid: track.id for track in published},
        "slots": [a.mid for a in accepted if a.role == "slot"],
    }


def _check_tracks(
    host: "Host", member: Member, accepted: Sequence[Accepted], sources: Mapping[str, Source]
) -> None:
    """Every sending m-line is named once with a fitting source that this participant may publish."""
    sending = {a.mid: a for a in accepted if a.role == "track"}
    faults = [
        FieldError(f"tracks.{mid}", "this m-line sends, so say its source")
        for mid in sending
        if mid not in sources
    ]
    seen: set[str] = set()
    for mid, source in sources.items():
        where = f"tracks.{mid}"
        if mid not in sending:
            faults.append(FieldError(where, "there is no sendonly m-line with this mid"))
        elif sending[mid].kind != KIND_OF[source]:
            faults.append(FieldError(where, f"{source} is {KIND_OF[source]}, the m-line is {sending[mid].kind}"))
        if source in seen:
            faults.append(FieldError(where, f"{source} is published twice"))
        seen.add(source)
    if faults:
        raise Invalid("invalid", "the tracks do not fit the offer", faults)
    for source in sources.values():
        host.room.stage.check_may_publish(member, source)


async def _open(host: "Host", generation: int, remote: Section) -> Link:
    worker = await host.living_worker()
    epoch, transport = host.worker_epoch, f"{host.key}.{new_id()}"
    ice = await worker.open_transport(m.OpenTransport(room=host.key, transport=transport))
    fingerprints = [m.Fingerprint(algorithm=algorithm, value=value) for algorithm, value in remote.fingerprints]
    remote_ice = _ice_parameters(remote)
    try:
        await worker.connect_transport(
            m.ConnectTransport(transport=transport, ice=remote_ice, fingerprints=fingerprints)
        )
    except BaseException:
        host.close_transport(transport)
        raise
    return Link(generation, transport, worker, epoch, ice, remote_ice, remote.fingerprints)


async def _follow_ice(link: Link, remote: Section) -> None:
    """New credentials in the offer are an ICE restart (RFC 8839 section 4.4.1.1.1): ours change as well."""
    if remote.fingerprints != link.fingerprints:
        raise bad_sdp("the DTLS fingerprint changed: a new connection needs a higher generation")
    remote_ice = _ice_parameters(remote)
    if remote_ice != link.remote_ice:
        link.ice = await link.worker.restart_ice(m.RestartIce(transport=link.transport, ice=remote_ice))
        link.remote_ice = remote_ice


def _ice_parameters(remote: Section) -> m.IceParameters:
    return m.IceParameters(ufrag=remote.ice_ufrag, pwd=remote.ice_pwd)


async def _set_track(host: "Host", member: Member, link: Link, a: Accepted, source: Source) -> fx.Published:
    assert a.codec is not None
    before = link.tracks.get(a.mid)
    known = before is not None and before.source == source and member.tracks.get(source) is not None
    told = m.SetTrack(
        transport=link.transport, track=before.track if before and known else new_id(), mid=a.mid,
        kind=KIND_OF[source], source=source, codecs=[a.codec], extensions=a.extension_ids,
        ssrcs=list(a.ssrcs), rtx_ssrcs=dict(a.rtx_ssrcs), rids=list(a.rids),
        enabled=host.room.stage.will_flow(member, source),
    )  # fmt: skip
    if told != before:
        await link.worker.set_track(told)
        link.tracks[a.mid] = told
    return fx.Published(told.track, told.mid, source, KIND_OF[source], told.enabled)


def _take_back(host: "Host", member: Member, link: Link) -> None:
    """Close the tracks that a failed negotiation has set up and the room has not heard of."""
    published = {track.id for track in member.tracks.values()}
    for mid, told in list(link.tracks.items()):
        if told.track not in published:
            host.close_track(told.track)
            del link.tracks[mid]


async def _set_slot(link: Link, a: Accepted) -> None:
    assert a.codec is not None
    source = link.slots.get(a.mid)
    if source is None:
        has_rtx = a.codec.rtx_payload_type is not None
        source = SlotSource(_new_ssrc(link), _new_ssrc(link) if has_rtx else None, f"s-{link.session}")
        link.slots[a.mid] = source
    await link.worker.set_slot(
        m.SetSlot(
            transport=link.transport,
            mid=a.mid,
            kind="audio" if a.kind == "audio" else "video",
            ssrc=source.ssrc,
            rtx_ssrc=source.rtx_ssrc,
            cname=source.cname,
            codecs=[a.codec],
            extensions=a.extension_ids,
        )
    )


def _new_ssrc(link: Link) -> int:
    taken = {s for source in link.slots.values() for s in (source.ssrc, source.rtx_ssrc)}
    while (ssrc := secrets.randbelow(0xFFFFFFFE) + 1) in taken:
        pass
    return ssrc


async def _commit(
    host: "Host", member: Member, link: Link, published: list[fx.Published], accepted: Sequence[Accepted]
) -> None:
    """Tell the room, unless the worker died meanwhile or the participant left."""
    slots: dict[str, m.Kind] = {
        a.mid: "audio" if a.kind == "audio" else "video" for a in accepted if a.role == "slot"
    }

    def succeed(now: float) -> list[fx.Effect]:
        if host.worker_epoch != link.worker_epoch:
            raise Unavailable("media_unavailable", "the media worker was restarted; try again")
        done = host.room.negotiated(member.id, link.generation, link.transport, published, slots, now)
        host.links[member.id] = link
        kept = {track.id for track in published}
        link.tracks = {mid: told for mid, told in link.tracks.items() if told.track in kept}
        host.told.update({told.track: told for told in link.tracks.values()})
        return done

    await host.command(succeed)
