/** The icons: inline SVG, drawn on a 24 px grid with a 1.8 px line in the colour of the text. */

const PATHS = {
  mic: '<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3"/>',
  micOff: '<path d="M9 9.5V11a3 3 0 0 0 4.6 2.5M15 11V6a3 3 0 0 0-5.7-1.3M5.5 11.5a6.5 6.5 0 0 0 10.2 5.3M18.5 11.5c0 .8-.1 1.500-.4 2.200M12 18v3M4 4l16 16"/>',
  camera: '<rect x="3" y="6.500" width="12.500" height="11" rx="2.500"/><path d="m15.500 11 5-3v8l-5-3"/>',
  cameraOff: '<path d="M10.500 6.500H13a2.500 2.500 0 0 1 2.500 2.500v2l5-3v8l-2-1.200M15.200 15.700A2.500 2.500 0 0 1 13 17.500H5.500A2.500 2.500 0 0 1 3 15V9a2.500 2.500 0 0 1 2.200-2.500M4 4l16 16"/>',
  screen: '<rect x="3" y="4.500" width="18" height="12" rx="2"/><path d="M9 20h6M12 13.500v-5M9.500 10.500 12 8l2.500 2.500"/>',
  hand: '<path d="M8 12.500V6a1.500 1.500 0 0 1 3 0v5M11 10.500V4.500a1.500 1.500 0 0 1 3 0v6M14 11V6a1.500 1.500 0 0 1 3 0v8.500a6.500 6.500 0 0 1-6.500 6.500c-2.600 0-4-1.200-5.200-3.300L3.600 14a1.500 1.500 0 0 1 2.500-1.600L8 14.500"/>',
  leave: '<path d="M3.600 15.400c-.9-.9-.9-2.300 0-3.200 4.700-4.300 12.100-4.300 16.800 0 .9.900.9 2.300 0 3.200l-.7.700c-.5.500-1.300.6-1.900.2l-2.300-1.500a1.500 1.500 0 0 1-.7-1.300v-1.700a11.500 11.500 0 0 0-5.600 0v1.700c0 .5-.3 1-.7 1.300l-2.300 1.500c-.6.400-1.400.3-1.900-.2z"/>',
  people: '<circle cx="9" cy="8" r="3.500"/><path d="M3 19.500c.4-3.300 2.900-5.500 6-5.500s5.600 2.200 6 5.500M16 5a3.200 3.200 0 0 1 0 6M17.500 14.300c2 .7 3.300 2.600 3.500 5.200"/>',
  chat: '<path d="M20.500 11.500c0 4.100-3.800 7.500-8.500 7.500-1.100 0-2.200-.2-3.200-.5L4 20l1.300-3.800a7 7 0 0 1-1.800-4.700C3.500 7.400 7.300 4 12 4s8.500 3.400 8.500 7.500z"/>',
  more: '<circle cx="5.500" cy="12" r=".8"/><circle cx="12" cy="12" r=".8"/><circle cx="18.500" cy="12" r=".8"/>',
  close: '<path d="m6 6 12 12M18 6 6 18"/>',
  plus: '<path d="M12 5v14M5 12h14"/>',
  send: '<path d="M4.500 12 3.500 4.500 21 12 3.500 19.500zM4.500 12H12"/>',
  clip: '<path d="m20 11.500-7.800 7.800a5 5 0 0 1-7-7.100l8-8a3.300 3.300 0 0 1 4.700 4.700l-8 8a1.700 1.700 0 0 1-2.400-2.400l7.200-7.200"/>',
  record: '<circle cx="12" cy="12" r="8.500"/><circle cx="12" cy="12" r="3.500" fill="currentColor" stroke="none"/>',
  stop: '<circle cx="12" cy="12" r="8.500"/><rect x="9" y="9" width="6" height="6" rx="1" fill="currentColor" stroke="none"/>',
  play: '<path d="M7.500 4.800v14.400L19 12z"/>',
  sun: '<circle cx="12" cy="12" r="4"/><path d="M12 3v1.500M12 19.500V21M3 12h1.500M19.500 12H21M5.600 5.600l1.100 1.100M17.300 17.300l1.100 1.100M5.600 18.400l1.100-1.100M17.300 6.700l1.100-1.100"/>',
  moon: '<path d="M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z"/>',
  user: '<circle cx="12" cy="8" r="4"/><path d="M4.500 20c.6-3.900 3.600-6.500 7.500-6.500s6.900 2.600 7.500 6.500"/>',
  back: '<path d="M19 12H5M11 6l-6 6 6 6"/>',
  gear: '<circle cx="12" cy="12" r="3"/><path d="M12 3v2.500M12 18.500V21M3 12h2.500M18.500 12H21M5.600 5.600l1.800 1.800M16.600 16.600l1.800 1.800M5.600 18.400l1.800-1.800M16.600 7.400l1.800-1.800"/>',
  link: '<path d="M10 14a4 4 0 0 0 5.700 0l3-3A4 4 0 0 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3a4 4 0 0 0 5.700 5.700l1-1"/>',
  file: '<path d="M13.500 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8.500zM13.500 3v5.500H19"/>',
  download: '<path d="M12 4v11M7.500 11l4.500 4.500 4.500-4.500M4.500 20h15"/>',
  trash: '<path d="M4.500 7h15M9.500 7V4.500h5V7M6.500 7l.8 11.600A1.500 1.500 0 0 0 8.800 20h6.400a1.500 1.500 0 0 0 1.500-1.400L17.500 7"/>',
  warn: '<path d="M12 4 2.800 19.500h18.400zM12 10v4.500M12 17.200v.1"/>',
  check: '<path d="m5 12.500 4.500 4.500L19 7.500"/>',
  sound: '<path d="M4 9.500v5h3.500L12 18.500v-13L7.500 9.500zM15.500 9a4.200 4.200 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11"/>',
  live: '<circle cx="12" cy="12" r="2.500"/><path d="M7 7a7 7 0 0 0 0 10M17 7a7 7 0 0 1 0 10M4.200 4.200a11 11 0 0 0 0 15.600M19.800 4.200a11 11 0 0 1 0 15.600"/>',
  device: '<rect x="3.500" y="5" width="17" height="11" rx="1.500"/><path d="M2 19.500h20"/>',
  mail: '<rect x="3" y="5.500" width="18" height="13" rx="2"/><path d="m3.500 7.500 8.500 6 8.500-6"/>',
  calendar: '<rect x="4" y="5.500" width="16" height="14.500" rx="2"/><path d="M4 10h16M8.500 3.500v4M15.500 3.500v4"/>',
};

/** @returns {SVGElement} hidden from screen readers: the control around it has the name */
export function icon(name, size = 20) {
  const holder = document.createElement('template');
  holder.innerHTML = `<svg class="icon" width="${size}" height="${size}" viewBox="0 0 24 24" fill="none" stroke="currentColor"
    stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">${PATHS[name]}</svg>`;
  return holder.content.firstChild;
}
