/** Times, sizes and names as people read them. */
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' });
const dayAlone = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' });

export const time = (iso) => clock.format(new Date(iso));

export function dateTime(iso, now = new Date()) {
  if (!iso) return '';
  return `${dayName(iso, now)}, ${clock.format(new Date(iso))}`;
}

/** A moment that has just been, within a sentence: `02:11` today, else with its day. */
export function since(iso, now = new Date()) {
  return iso && startOfDay(new Date(iso)) === startOfDay(now) ? clock.format(new Date(iso)) : dateTime(iso, now);
}

/** How long ago, short: `now`, `3 min`, `5 h`, then the day. */
export function ago(iso, now = new Date()) {
  const seconds = (now - new Date(iso)) / 1000;
  if (seconds < 45) return 'now';
  if (seconds < 3570) return `${Math.max(1, Math.round(seconds / 60))} min`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h`;
  const date = new Date(iso);
  return (date.getFullYear() === now.getFullYear() ? dayAlone : dayOfYear).format(date);
}

/** The day by name, for headings: `Today`, `Yesterday`, `Mon, 4 May`. */
export function dayName(iso, now = new Date()) {
  const date = new Date(iso);
  const days = Math.round((startOfDay(date) - startOfDay(now)) / 86_400_000);
  return { '-1': 'Yesterday', 0: 'Today', 1: 'Tomorrow' }[days] ?? (date.getFullYear() === now.getFullYear() ? day : dayOfYear).format(date);
}

/** Minutes of teaching, as people say them: `45 min`, `3 h`, `3 h 20 min`. */
export function hours(minutes) {
  const [whole, rest] = [Math.floor(minutes / 60), minutes % 60];
  return [whole && `${whole} h`, (rest || !whole) && `${rest} min`].filter(Boolean).join(' ');
}

const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value) => String(value).padStart(2, '0');
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

export function bytes(size) {
  if (size < 1024) return `${size} B`;
  const units = ['KB', 'MB', 'GB'];
  const power = Math.min(Math.floor(Math.log(size) / Math.log(1024)), units.length);
  const value = size / 1024 ** power;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power - 1]}`;
}

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

export const initials = (name) => (name.match(/[\p{L}\p{N}]+/gu) ?? ['?']).slice(0, 2).map((word) => word[0].toUpperCase()).join('');

const BROWSERS = [[/Edg(e|A|iOS)?\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\/|FxiOS/, 'Firefox'], [/Chrom(e|ium)\/|CriOS/, 'Chrome'], [/Safari\//, 'Safari']];
const SYSTEMS = [[/Android/, 'Android'], [/iPhone|iPod/, 'iPhone'], [/iPad/, 'iPad'], [/Windows/, 'Windows'], [/Mac OS X|Macintosh/, 'Mac'], [/CrOS/, 'ChromeOS'], [/Linux|X11/, 'Linux']];

/** What a `User-Agent` says, as people call it: `Firefox on Linux`. */
export function deviceName(userAgent) {
  const known = (list) => list.find(([pattern]) => pattern.test(userAgent))?.[1];
  const [browser, system] = [known(BROWSERS), known(SYSTEMS)];
  if (browser) return system ? `${browser} on ${system}` : browser;
  return userAgent.split(/[\s/(]/)[0] || 'Unknown device';
}

/** A stable hue for a name, so that people keep their colour. */
export function hueOf(name) {
  let hash = 7;
  for (const char of name) hash = (hash * 31 + char.codePointAt(0)) % 360;
  return hash;
}
