"""What is published in a room and who receives it: tracks, speakers, slots. Pure: every call returns effects.

A track is on the stage from its publication until its end; slots carry only tracks that are on the stage."""

from collections.abc import Iterable, Mapping, Sequence

from mediaserver.base.errors import Forbidden, Invalid
from mediaserver.domain.sessions.sessions import MediaKind, Source
from mediaserver.rooms.state import effects as fx
from mediaserver.rooms.state.event_log import EventLog
from mediaserver.rooms.state.members import FLAG_OF, Member, Track
from mediaserver.rooms.state.slots import AUTO, Bound, Change, Paused, Resized, Resumed, Wish

Effects = list[fx.Effect]
Rankings = dict[MediaKind, tuple[list[str], list[str]]]
"""Per kind: active tracks and the rest, best first."""


class Stage:
    def __init__(self, members: dict[str, Member], log: EventLog, sources: Sequence[Source]) -> None:
        self._members, self._log, self._sources = members, log, sources
        self.tracks: dict[str, Track] = {}
        self.speakers: list[str] = []
        self.recording = False
        """Tracks are announced to the recorder while this is true."""

    # --------------------------------------------------------------- publishing

    def check_may_publish(self, member: Member, source: Source) -> None:
        if source not in self._sources:
            raise Forbidden("not_allowed", f"this kind of session takes no {source}")
        if not member.can_publish:
            raise Forbidden("not_allowed", "only moderators and people they promote publish here")

    def flags_after(self, member: Member, sources: Iterable[Source]) -> dict[str, bool]:
        """Which flags publishing `sources` switches on: the ones that were not switched off expressly."""
        flags = {FLAG_OF[source] for source in sources if source in FLAG_OF and source not in member.tracks}
        return {flag: True for flag in sorted(flags) if flag not in member.hidden and not getattr(member, flag)}

    def will_flow(self, member: Member, source: Source) -> bool:
        """Whether packets of a source may flow once it is published."""
        return member.allows(source) or FLAG_OF.get(source) in self.flags_after(member, [source])

    def negotiated(
        self,
        member: Member,
        generation: int,
        transport: str,
        published: Sequence[fx.Published],
        slots: Mapping[str, MediaKind],
        now: float,
    ) -> Effects:
        """A negotiation has succeeded in the worker; what it left out is unpublished."""
        done: Effects = []
        if member.transport != transport:
            done += self.connection_over(member, now)
        member.generation, member.transport = generation, transport
        kept = {track.id for track in published}
        for track in [t for t in member.tracks.values() if t.id not in kept]:
            done += self.unpublish(member, track, now)
        gone = [slot for mid, slot in member.slots.by_mid.items() if mid not in slots and slot.track]
        done += [fx.Bind(transport, slot.mid, None, slot.revision + 1, None, None) for slot in gone]
        member.slots.negotiated(slots)
        for new in published:
            done += self._publish(member, new)
        return done + self.rebalance(now)

    def _publish(self, member: Member, new: fx.Published) -> Effects:
        done: Effects = []
        allowed = member.allows(new.source)
        if allowed != new.enabled:  # it changed while the negotiation was under way
            done.append(fx.EnableTrack(new.id, allowed))
        if new.id in self.tracks:
            self.tracks[new.id].mid = new.mid
            return done
        track = Track(new.id, member.id, new.source, new.mid, allowed)
        self.tracks[track.id] = member.tracks[track.source] = track
        done.append(self._numbered("track.published", track))
        if self.recording:
            done.append(fx.TrackBegun(track.id))
        return done

    def unpublish(self, member: Member, track: Track, now: float, reason: str | None = None) -> Effects:
        """End one track; the slots that carried it become empty (automatic ones take another). `reason` is given
        when the server ends a track that its publisher goes on sending."""
        del self.tracks[track.id]
        if member.tracks.get(track.source) is track:
            del member.tracks[track.source]
        self.speakers = [speaker for speaker in self.speakers if speaker != track.id]
        done: Effects = [fx.TrackOver(track.id)] if self.recording else []
        done.append(fx.CloseTrack(track.id))
        data = {"trackId": track.id, "participantId": member.id, **({"reason": reason} if reason else {})}
        done.append(fx.Broadcast("track.unpublished", self._log.append("track.unpublished", data)))
        for other in self._members.values():
            done += self._apply(other, other.slots.ended(track.id, now))
        return done

    def connection_over(self, member: Member, now: float) -> Effects:
        """The participant's peer connection is gone with its tracks and slots."""
        done: Effects = []
        for track in list(member.tracks.values()):
            done += self.unpublish(member, track, now)
        if member.transport:
            done.append(fx.CloseTransport(member.transport))
        member.transport = None
        member.slots.negotiated({})
        return done

    def flags_changed(self, member: Member) -> Effects:
        """Let packets flow or not as the participant's flags now say."""
        done: Effects = []
        for track in member.tracks.values():
            allowed = member.allows(track.source)
            if allowed == track.enabled:
                continue
            track.enabled = allowed
            done.append(fx.EnableTrack(track.id, allowed))
            done.append(self._numbered("track.updated", track))
            if self.recording:
                done.append(fx.TrackMarked(track.id, allowed))
        return done

    # --------------------------------------------------------------- receiving

    def subscribe(self, member: Member, wishes: Sequence[Wish], now: float) -> Effects:
        """Carry out wishes; a track that does not exist (any more) empties its slot."""
        if faults := [wish.mid for wish in wishes if wish.mid not in member.slots.by_mid]:
            raise Invalid("unknown_slot", f"not a slot of your last offer: {', '.join(faults[:5])}")
        done: Effects = []
        for wish in wishes:
            if track := self.tracks.get(wish.track or ""):
                if track.participant_id == member.id:
                    raise Forbidden("not_allowed", "one's own tracks cannot be received")
                if track.kind != member.slots.by_mid[wish.mid].kind:
                    raise Invalid("wrong_kind", f"slot {wish.mid} is not for {track.kind}")
        for wish in wishes:
            known = wish.track == AUTO or wish.track in self.tracks
            done += self._apply(member, member.slots.wish(wish if known else _without_track(wish), now))
        return done + self._rebalance_member(member, now)

    def acknowledged(self, member: Member, mid: str, revision: int) -> Effects:
        return self._apply(member, member.slots.acknowledged(mid, revision))

    def speakers_changed(self, loudest: Sequence[str], now: float) -> Effects:
        """The worker's order of microphones; what is muted or gone is left out."""
        speakers = [track for track in loudest if track in self.tracks and self.tracks[track].enabled]
        if speakers == self.speakers:
            return []
        self.speakers = speakers
        return [fx.Broadcast("speaker.active", {"speakers": speakers}), *self.rebalance(now)]

    def assignments(self, member: Member) -> Effects:
        """What all slots carry, for a client that may have missed it."""
        return [e for slot in member.slots.by_mid.values() for e in self._assignment(member, Bound(slot))]

    def expire(self, now: float) -> Effects:
        done: Effects = []
        for member in self._members.values():
            done += self._apply(member, member.slots.expire(now))
        return done + self.rebalance(now)

    def deadlines(self, now: float) -> Iterable[float]:
        for member in self._members.values():
            yield from member.slots.deadlines()
            yield from member.slots.dwell_ends(now)

    def rebalance(self, now: float) -> Effects:
        """Let all automatic slots follow the speakers and screens."""
        rankings = self._rankings()
        return [e for member in self._members.values() for e in self._follow(member, rankings, now)]

    def _rebalance_member(self, member: Member, now: float) -> Effects:
        return self._follow(member, self._rankings(), now)

    def _follow(self, member: Member, rankings: Rankings, now: float) -> Effects:
        done: Effects = []
        own = {track.id for track in member.tracks.values()}
        for kind, (active, rest) in rankings.items():
            if any(slot.auto and slot.kind == kind for slot in member.slots.by_mid.values()):
                theirs = [[track for track in ranking if track not in own] for ranking in (active, rest)]
                done += self._apply(member, member.slots.rebalance(kind, theirs[0], theirs[1], now))
        return done

    def _rankings(self) -> Rankings:
        """Active: screens with their sound, then who speaks (and their cameras); then the rest."""
        of: dict[Source, list[Track]] = {"microphone": [], "camera": [], "screen": [], "screenAudio": []}
        for track in self.tracks.values():
            of[track.source].append(track)
        spoken = [self.tracks[track] for track in self.speakers if self.tracks[track].enabled]
        faces = [self._members[t.participant_id].tracks.get("camera") for t in spoken]
        shown = [t for t in [*reversed(of["screen"]), *faces] if t is not None and t.enabled]
        cameras = [t for t in of["camera"] if t.enabled]
        heard = [t for t in of["screenAudio"] if t.enabled] + spoken
        # A muted microphone may be carried as well: its owner's first word is then heard at once.
        microphones = sorted(of["microphone"], key=lambda t: not t.enabled)
        return {"audio": _split(heard, microphones), "video": _split(shown, cameras)}

    # --------------------------------------------------------------- telling

    def _numbered(self, event: str, track: Track) -> fx.Effect:
        return fx.Broadcast(event, self._log.append(event, {"track": track.wire()}))

    def _apply(self, member: Member, changes: Iterable[Change]) -> Effects:
        return [effect for change in changes for effect in self._effects(member, change)]

    def _effects(self, member: Member, change: Change) -> Effects:
        slot, transport = change.slot, member.transport
        if transport is None:
            return []
        bind = fx.Bind(transport, slot.mid, slot.track, slot.revision, slot.max_width, slot.max_height)
        match change:
            case Resumed():
                return [fx.Resume(transport, slot.mid, slot.revision)]
            case Paused():
                return [fx.Pause(transport, slot.mid)]
            case Resized():
                return [bind]
            case Bound():
                return [bind, *self._assignment(member, change)]

    def _assignment(self, member: Member, change: Bound) -> Effects:
        if member.socket is None:
            return []
        slot = change.slot
        track = self.tracks.get(slot.track or "")
        data = {
            "mid": slot.mid,
            "trackId": slot.track,
            "participantId": track.participant_id if track else None,
            "source": track.source if track else None,
            "revision": slot.revision,
        }
        return [fx.Assign(member.socket, member.id, slot.mid, slot.revision, data)]


def _without_track(wish: Wish) -> Wish:
    return Wish(wish.mid, None, wish.max_width, wish.max_height, wish.priority, wish.paused)


def _split(active: Sequence[Track], rest: Sequence[Track]) -> tuple[list[str], list[str]]:
    """Ids without repetition."""
    first = list(dict.fromkeys(track.id for track in active))
    return first, [track.id for track in rest if track.id not in first]
