// One participant of a session in a page, through the product's SDK; the tests talk to `window.attendee`.
(() => {
  const SOURCE_TONES = { microphone: 0, screenAudio: 95 };
  const toneFor = (who, source) => kit.toneOf(who) + SOURCE_TONES[source];

  class Attendee {
    constructor(sdk, token, who) {
      Object.assign(this, { sdk, who, outs: [], problems: [], assigned: [] });
      this.session = new sdk.Session({ url: location.origin, token });
      this.session.on("out", (detail) => this.outs.push(detail.reason));
      this.session.on("problem", (error) => this.problems.push(String(error?.message ?? error)));
    }

    async join(kind, sessionId) {
      await this.session.join({ kind, sessionId });
      return { participantId: this.session.participantId, welcome: this.session.welcome };
    }

    // Screens get a `who` of their own, 8 more than the person's.
    publish(source, options) {
      const video = source === "camera" || source === "screen";
      const track = video
        ? options?.noise ? kit.noise(options) : kit.picture(source === "screen" ? this.who + 8 : this.who, options)
        : kit.tone(toneFor(this.who, source));
      return this.session.publish(source, track);
    }

    people() {
      return this.session.tiles.map(({ participant, hasCamera, hasScreen, live, me, camera, screen, audio, screenAudio }) => ({
        id: participant.id, username: participant.username, mute: participant.mute, hand: participant.handRaised,
        videoVisible: participant.videoVisible, casting: participant.castScreen, canPublish: participant.canPublish,
        connection: participant.connection, hasCamera, hasScreen, live, me,
        camera: !!camera, screen: !!screen, audio: !!audio, screenAudio: !!screenAudio,
      }));
    }

    tile(username) {
      return this.session.tiles.find(({ participant }) => participant.username === username) ?? null;
    }

    // What is seen in somebody's tile for a while, or null when nothing is shown.
    async see(username, source = "camera", ms = 1000) {
      const stream = this.tile(username)?.[source];
      return stream ? kit.watch(stream, ms) : null;
    }

    // Which tones are heard, by whose tile they come from and in all that is played:
    // {all: {"who/source": dB}, tiles: {username: {microphone: {"who/source": dB}, screenAudio: …}}}.
    async hear(whos, ms = 700) {
      const names = whos.flatMap((who) => Object.keys(SOURCE_TONES).map((source) => [who, source]));
      const tones = names.map(([who, source]) => toneFor(who, source));
      const listen = async (stream) => {
        const levels = await kit.hear(stream, tones, ms);
        return Object.fromEntries(names.map(([who, source], i) => [`${who}/${source}`, levels[i]]));
      };
      const tiles = {};
      const waiting = this.session.tiles.flatMap(({ participant, audio, screenAudio }) =>
        Object.entries({ microphone: audio, screenAudio }).filter(([, stream]) => stream).map(async ([source, stream]) => {
          tiles[participant.username] = { ...tiles[participant.username], [source]: await listen(stream) };
        }));
      const streams = Promise.all(this.session.audioStreams.map(listen));
      await Promise.all(waiting);
      const all = Object.fromEntries(names.map(([who, source]) => [`${who}/${source}`, -200]));
      for (const levels of await streams) for (const name in levels) all[name] = Math.max(all[name], levels[name]);
      return { all, tiles };
    }

    // Until `username` is seen moving under the right name; the time that it took in ms, or null.
    async firstSight(username, expected, source = "camera", timeoutMs = 10000) {
      const start = performance.now();
      while (performance.now() - start < timeoutMs) {
        const stream = this.tile(username)?.[source];
        const seen = stream && kit.look(kit.element(stream));
        if (seen?.who === expected) return performance.now() - start;
        await new Promise((done) => setTimeout(done, 20));
      }
      return null;
    }

    // Milliseconds until pictures of somebody move, or null. Those under way when a server died do not count:
    // more than a second's worth of different ones must be seen.
    async movesAgain(username, expected, timeoutMs) {
      const start = performance.now();
      const seen = new Set();
      while (performance.now() - start < timeoutMs) {
        const stream = this.tile(username)?.camera;
        const now = stream && this.session.media.iceState !== "failed" ? kit.look(kit.element(stream)) : null;
        if (now?.who === expected) seen.add(now.frame);
        if (seen.size > 20) return performance.now() - start;
        await new Promise((done) => setTimeout(done, 30));
      }
      return null;
    }

    // Join, and the time from that call to the first picture of the only other one, in ms.
    async joinAndSee(kind, sessionId, expected) {
      const start = performance.now();
      await this.join(kind, sessionId);
      const other = this.session.tiles.find(({ me }) => !me).participant.username;
      const waited = await this.firstSight(other, expected);
      return waited === null ? null : performance.now() - start;
    }

    chat() {
      return this.session.chat.messages.map(({ sequence, senderName, contentType, content, clientId }) => ({
        sequence, senderName, contentType, content, clientId,
      }));
    }

    // Frames that arrived and were decoded, over all video slots and since the page began.
    async frames() {
      const total = { received: 0, decoded: 0, packetsLost: 0, retransmitted: 0 };
      for (const [, report] of await this.session.media.pc.getStats()) {
        if (report.type !== "inbound-rtp" || report.kind !== "video") continue;
        total.received += report.framesReceived ?? 0;
        total.decoded += report.framesDecoded ?? 0;
        total.packetsLost += report.packetsLost ?? 0;
        total.retransmitted += report.retransmittedPacketsReceived ?? 0;
      }
      return total;
    }

    // What is decoded and lost for a while: {frames, longestGapMs, audioLost, audioReceived}.
    async watchDecoding(ms) {
      const look = async () => {
        const seen = { frames: 0, audioLost: 0, audioReceived: 0 };
        for (const [, report] of await this.session.media.pc.getStats()) {
          if (report.type !== "inbound-rtp") continue;
          if (report.kind === "video") seen.frames += report.framesDecoded ?? 0;
          else {
            seen.audioLost += report.packetsLost ?? 0;
            seen.audioReceived += report.packetsReceived ?? 0;
          }
        }
        return seen;
      };
      const start = performance.now();
      const first = await look();
      let last = first, movedAt = start, longestGapMs = 0;
      for (let now = start; now - start < ms; now = performance.now()) {
        await new Promise((done) => setTimeout(done, 50));
        const seen = await look();
        if (seen.frames > last.frames) movedAt = performance.now();
        longestGapMs = Math.max(longestGapMs, performance.now() - movedAt);
        last = seen;
      }
      const grown = (name) => last[name] - first[name];
      return { frames: grown("frames"), longestGapMs, audioLost: grown("audioLost"), audioReceived: grown("audioReceived") };
    }

    // Frames sent by simulcast layer: {"320x180": n, …}.
    // {"width×height": bytes}, retransmissions and padding included.
    async sentBytes() {
      const bytes = {};
      for (const [, report] of await this.session.media.pc.getStats()) {
        if (report.type === "outbound-rtp" && report.kind === "video" && report.frameWidth) {
          bytes[`${report.frameWidth}x${report.frameHeight}`] = report.bytesSent + report.headerBytesSent;
        }
      }
      return bytes;
    }

    async sentFrames() {
      const frames = {};
      for (const [, report] of await this.session.media.pc.getStats()) {
        if (report.type === "outbound-rtp" && report.kind === "video") {
          frames[`${report.frameWidth}x${report.frameHeight}`] = report.framesSent ?? report.framesEncoded;
        }
      }
      return frames;
    }
  }

  window.becomeAttendee = async ({ token, who }) => {
    const sdk = await import("/web/sdk/index.js");
    window.attendee = new Attendee(sdk, token, who);
  };
})();
