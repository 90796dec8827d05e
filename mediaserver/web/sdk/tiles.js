/** What to show of each participant, pure: made anew from the room's state, the slots and one's own publications. */

/**
 * @param {import('./roomstate.js').RoomState} room
 * @param {string} ownId
 * @param {{streamOf: (trackId: string) => MediaStream | null, own: (source: string) => MediaStream | null,
 *   isSuspended: (trackId: string) => boolean}} streams
 * @returns {import('./types.js').Tile[]} oneself first, then in the order of joining
 */
export function buildTiles(room, ownId, { streamOf, own, isSuspended }) {
  const speaking = new Set(room.speakers.map((trackId) => room.tracks.get(trackId)?.participantId));
  const people = [...room.participants.values()].sort((a, b) =>
    Number(b.id === ownId) - Number(a.id === ownId) || (a.joinedAt < b.joinedAt ? -1 : a.joinedAt > b.joinedAt ? 1 : 0));
  return people.map((participant) => {
    const me = participant.id === ownId;
    const stream = (source) => {
      const track = room.trackOf(participant.id, source);
      if (me) return own(source);
      return track?.enabled ? streamOf(track.id) : null;
    };
    const on = (source) => Boolean(me ? own(source) : room.trackOf(participant.id, source)?.enabled);
    const paused = (source) => {
      const track = room.trackOf(participant.id, source);
      return Boolean(!me && track?.enabled && isSuspended(track.id));
    };
    const camera = me && !participant.videoVisible ? null : stream('camera');
    return {
      participantId: participant.id,
      participant,
      me,
      camera,
      screen: stream('screen'),
      audio: me ? null : stream('microphone'),
      screenAudio: me ? null : stream('screenAudio'),
      hasCamera: on('camera') && participant.videoVisible,
      hasScreen: on('screen'),
      cameraPaused: paused('camera'),
      screenPaused: paused('screen'),
      live: camera !== null,
      speaking: speaking.has(participant.id) && !participant.mute,
    };
  });
}

/**
 * What to receive, most important first: screens, then cameras and microphones of the others.
 * @param {import('./roomstate.js').RoomState} room
 * @param {string} ownId
 * @param {{participantId: string, source?: string, width?: number, height?: number}[] | null} view
 *   the pictures on the page; null: all of them. Microphones are wanted in any case.
 * @param {boolean} video false in sessions of sound only
 * @returns {import('./slots.js').Want[]}
 */
export function wantsOf(room, ownId, view, video) {
  const shown = view && new Map(view.map((each) => [`${each.participantId}/${each.source ?? 'camera'}`, each]));
  const picture = (participant, source) => {
    const place = shown?.get(`${participant.id}/${source}`);
    if (!video || (shown && !place)) return { video: null };
    const size = place?.width ? { maxWidth: Math.round(place.width), maxHeight: Math.round(place.height) } : {};
    return { video: room.trackOf(participant.id, source)?.id ?? null, ...size };
  };
  const others = [...room.participants.values()].filter((each) => each.id !== ownId);
  const order = new Map((view ?? []).map((each, index) => [each.participantId, index]));
  others.sort((a, b) => (order.get(a.id) ?? Infinity) - (order.get(b.id) ?? Infinity) || (a.id < b.id ? -1 : 1));
  const screens = others.map((each) => ({
    key: `${each.id}/screen`, audio: room.trackOf(each.id, 'screenAudio')?.id ?? null, always: true, ...picture(each, 'screen'),
  }));
  const people = others.map((each) => ({
    key: each.id, audio: room.trackOf(each.id, 'microphone')?.id ?? null, ...picture(each, 'camera'),
  }));
  return [...screens, ...people].filter((want) => want.audio || want.video);
}
