// What tests bring into a page: media that says whose it is, and eyes and ears that tell whose they see and hear.
// Picture: a 4×4 board of black and white fields: 4 fields say who, 10 count frames, 2 check parity.
(() => {
  const WIDTH = 320, HEIGHT = 180, COLUMNS = 4, ROWS = 4;
  const HUES = ["#a00", "#0a0", "#00a", "#a50", "#a0a", "#0aa", "#850", "#555"];
  const toneOf = (who) => 420 + 190 * who;
  const parity = (value) => { let p = 0; for (let v = value; v; v >>= 1) p ^= v & 1; return p; };

  const bits = (who, frame) => {
    const out = [];
    for (let i = 0; i < 4; i++) out.push(who >> i & 1);
    for (let i = 0; i < 10; i++) out.push(frame >> i & 1);
    out.push(parity(who), parity(frame & 1023) ^ 1);
    return out;
  };

  // With `detail` there is moving noise between the fields, which takes all the bitrate that the encoder may use.
  function picture(who, { width = WIDTH, height = HEIGHT, fps = 15, detail = false } = {}) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    let frame = 0;
    const draw = () => {
      context.fillStyle = HUES[who % HUES.length];
      context.fillRect(0, 0, width, height);
      const fieldWidth = width / COLUMNS, fieldHeight = height / ROWS;
      if (detail) {
        for (let i = 0; i < 600; i++) {
          context.fillStyle = `hsl(${Math.random() * 360} 80% 50%)`;
          context.fillRect(Math.random() * width, Math.random() * height, 16, 16);
        }
      }
      bits(who, frame).forEach((bit, i) => {
        context.fillStyle = bit ? "#fff" : "#000";
        context.fillRect((i % COLUMNS) * fieldWidth + 3, Math.floor(i / COLUMNS) * fieldHeight + 3, fieldWidth - 6, fieldHeight - 6);
      });
      frame++;
    };
    draw();
    setInterval(draw, 1000 / fps);
    return canvas.captureStream(fps).getVideoTracks()[0];
  }

  // A picture that is as hard to encode as it gets: encoders send all that they may.
  function noise({ width = 1920, height = 1080, fps = 15 } = {}) {
    const grain = new OffscreenCanvas(width / 2, height / 2), pen = grain.getContext("2d");
    const pixels = pen.createImageData(grain.width, grain.height);
    for (let i = 0; i < pixels.data.length; i++) pixels.data[i] = i % 4 === 3 ? 255 : Math.random() * 256;
    pen.putImageData(pixels, 0, 0);
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    const draw = () => {
      const x = -Math.random() * grain.width, y = -Math.random() * grain.height;
      for (let dx = 0; dx < 3; dx++) for (let dy = 0; dy < 3; dy++) context.drawImage(grain, x + dx * grain.width, y + dy * grain.height);
    };
    draw();
    setInterval(draw, 1000 / fps);
    return canvas.captureStream(fps).getVideoTracks()[0];
  }

  let audio;
  const audioContext = () => (audio ??= new AudioContext({ sampleRate: 48000 }));

  function tone(hz) {
    const context = audioContext();
    const oscillator = new OscillatorNode(context, { frequency: hz });
    const destination = context.createMediaStreamDestination();
    oscillator.connect(new GainNode(context, { gain: 0.2 })).connect(destination);
    oscillator.start();
    return destination.stream.getAudioTracks()[0];
  }

  // What one picture says: {who, frame, width, height}, or null when it is not one of ours.
  function look(source) {
    const width = source.videoWidth ?? source.width, height = source.videoHeight ?? source.height;
    if (!width || source.readyState < 2) return null;
    const canvas = new OffscreenCanvas(WIDTH, HEIGHT), context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(source, 0, 0, WIDTH, HEIGHT);
    const pixels = context.getImageData(0, 0, WIDTH, HEIGHT).data;
    const seen = [];
    for (let i = 0; i < COLUMNS * ROWS; i++) {
      let sum = 0;
      const x0 = (i % COLUMNS + 0.5) * WIDTH / COLUMNS, y0 = (Math.floor(i / COLUMNS) + 0.5) * HEIGHT / ROWS;
      for (let dy = -3; dy <= 3; dy++) for (let dx = -3; dx <= 3; dx++) {
        const at = ((y0 + dy | 0) * WIDTH + (x0 + dx | 0)) * 4;
        sum += pixels[at] + pixels[at + 1] + pixels[at + 2];
      }
      const level = sum / (49 * 3);
      if (level > 85 && level < 170) return null;
      seen.push(level >= 170 ? 1 : 0);
    }
    let who = 0, frame = 0;
    for (let i = 0; i < 4; i++) who |= seen[i] << i;
    for (let i = 0; i < 10; i++) frame |= seen[4 + i] << i;
    return seen[14] === parity(who) && seen[15] === (parity(frame) ^ 1) ? { who, frame, width, height } : null;
  }

  const watched = new Map();
  // A hidden video element that plays a stream; the same stream gets the same element.
  function element(stream) {
    if (!watched.has(stream.id)) {
      const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, playsInline: true, srcObject: stream });
      document.body.append(video);
      video.play().catch(() => {});
      watched.set(stream.id, video);
    }
    return watched.get(stream.id);
  }

  // Watch one video for a while: who was seen, how many different frames, and how many pictures were unreadable.
  async function watch(source, ms = 1000) {
    const video = source instanceof MediaStream ? element(source) : source;
    const whos = {}, frames = new Set();
    let unreadable = 0, last = null;
    const end = performance.now() + ms;
    while (performance.now() < end) {
      const seen = look(video);
      if (seen) { whos[seen.who] = (whos[seen.who] ?? 0) + 1; frames.add(seen.frame); last = seen; }
      else if (video.readyState >= 2) unreadable++;
      await new Promise((done) => setTimeout(done, 30));
    }
    return { whos: Object.keys(whos).map(Number), frames: frames.size, unreadable, last };
  }

  const ears = new Map();
  // Level in dB of some frequencies in a stream's sound, and of the loudest thing between them.
  async function hear(stream, tones, ms = 600) {
    const context = audioContext();
    if (context.state !== "running") await context.resume();
    if (!ears.has(stream.id)) {
      // Chromium feeds a remote stream to Web Audio only while an element plays it.
      const player = Object.assign(document.createElement("audio"), { muted: true, autoplay: true, srcObject: stream });
      player.play().catch(() => {});
      const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
      context.createMediaStreamSource(stream).connect(analyser);
      ears.set(stream.id, { analyser, player });
    }
    const { analyser } = ears.get(stream.id);
    const spectrum = new Float32Array(analyser.frequencyBinCount);
    const best = tones.map(() => -200);
    const end = performance.now() + ms;
    do {
      await new Promise((done) => setTimeout(done, 100));
      analyser.getFloatFrequencyData(spectrum);
      tones.forEach((hz, i) => {
        const bin = Math.round(hz / (context.sampleRate / analyser.fftSize));
        for (let b = bin - 1; b <= bin + 1; b++) best[i] = Math.max(best[i], spectrum[b]);
      });
    } while (performance.now() < end);
    return best;
  }

  window.kit = { picture, noise, tone, toneOf, look, watch, hear, element };
})();
