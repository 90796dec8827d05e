import { hasExpired, linkIn, parseLink } from '/web/sdk/filelinks.js';
import { check, equal } from './expect.js';

const BASE = 'https://school.example/app/';
const link = (path, more = '&login=l&epoch=0') => `/files/${path}?person=p${more}&expires=1000&signature=s`;
const parsed = (url) => {
  const { collection, id, expiresMs, renewable } = parseLink(url, BASE) ?? {};
  return [collection, id, expiresMs, renewable];
};

check('a signed link says what it belongs to and when it ends', () => {
  equal(parsed(link('uploads/1/a.png')), ['uploads', '1', 1_000_000, true]);
  equal(parsed(`https://files.example${link('recordings/2/program.mp4')}`), ['recordings', '2', 1_000_000, true]);
  equal([hasExpired(parseLink(link('uploads/1/a.png'), BASE), 999_999), hasExpired(parseLink(link('uploads/1/a.png'), BASE), 1_000_000)], [false, true]);
});

check('links for everyone are not renewed, other addresses are no links', () => {
  equal(parsed(link('uploads/1/thumbnail.webp', '')), ['uploads', '1', 1_000_000, false]);
  for (const url of ['/files/uploads/1/a.png', '/api/v1/uploads/1', 'blob:https://school.example/1', link('other/1/a')]) equal(parseLink(url, BASE), null);
});

check('the fresh link to the same file is found, not that of another one', () => {
  const upload = { name: link('uploads/1/a.png'), url: link('uploads/1/a.png'), thumbnail: { url: link('uploads/1/thumbnail.webp') } };
  equal(linkIn(upload, '/files/uploads/1/thumbnail.webp', BASE), upload.thumbnail.url);
  equal(linkIn({ name: upload.name, thumbnail: null }, '/files/uploads/1/a.png', BASE), null);
  const recording = { videoFileUrl: link('recordings/2/program.mp4'), tracks: [{ url: link('recordings/2/camera.mp4') }] };
  equal(linkIn(recording, '/files/recordings/2/camera.mp4', BASE), recording.tracks[0].url);
  equal(linkIn(recording, '/files/recordings/2/program.mp4', BASE), recording.videoFileUrl);
});
