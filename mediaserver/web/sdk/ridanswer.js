/**
 * Keeps simulcast possible, pure. Chromium offers for a new m-line only the header extensions that an earlier answer of the same
 * kind accepted. An answer to receive slots rightly leaves out the RID extensions (RFC 8852), and a camera that is published
 * later then could not send layers: "negotiates simulcast but does not negotiate the RID RTP header extension".
 * So they are put back into the answer that the browser sees. The server sends none of them: nothing changes on the wire.
 */
const RID = /^a=extmap:\d+(?:\/\w+)? urn:ietf:params:rtp-hdrext:sdes:(?:repaired-)?rtp-stream-id\r?$/;

const sections = (sdp) => sdp.split(/(?=^m=)/m);
const linesOf = (section) => section.split('\n');
const midOf = (section) => /^a=mid:(\S+)/m.exec(section)?.[1];

/** @param {string} offer @param {string} answer @returns {string} the answer, with the offer's RID extensions in every video section */
export function keepRidExtensions(offer, answer) {
  const offered = new Map(sections(offer).map((section) => [midOf(section), linesOf(section).filter((line) => RID.test(line))]));
  return sections(answer).map((section) => {
    const missing = offered.get(midOf(section)) ?? [];
    const accepted = section.startsWith('m=video') && !section.startsWith('m=video 0 ');
    if (!accepted || !missing.length || linesOf(section).some((line) => RID.test(line))) return section;
    return `${section}${section.endsWith('\n') ? '' : '\r\n'}${missing.map((line) => line.trimEnd()).join('\r\n')}\r\n`;
  }).join('');
}
