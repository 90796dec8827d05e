/**
 * The shapes of the protocol (docs/protocol.md) for editors and type checkers; there is no code here.
 *
 * @typedef {'live' | 'video' | 'audio'} Kind
 * @typedef {'microphone' | 'camera' | 'screen' | 'screenAudio'} Source
 * @typedef {{id: string, username: string, role: 'student' | 'instructor' | 'admin', email?: string}} User
 * @typedef {{id: string, createdAt: string, lastUsedAt: string, expiresAt: string, userAgent: string, current: boolean}} Login
 * @typedef {{id: string, kind: Kind, title: string, description: string | null, type?: 'meeting' | 'broadcast',
 *   status: 'scheduled' | 'live' | 'ended', startTime: string | null, endTime: string | null, moderatorUserId: string,
 *   moderator: {id: string, username: string}, startedAt: string | null, endedAt: string | null,
 *   participantCount: number}} SessionDocument
 * @typedef {{id: string, userId: string, username: string, profileImageUrl: string | null,
 *   role: 'moderator' | 'participant', canPublish: boolean, mute: boolean, videoVisible: boolean, castScreen: boolean,
 *   handRaised: boolean, connection: 'connected' | 'reconnecting', joinedAt: string}} Participant
 * @typedef {{id: string, participantId: string, source: Source, kind: 'audio' | 'video', enabled: boolean}} Track
 * @typedef {{id: string, contentType: string, size: number, name: string, width: number | null, height: number | null,
 *   duration: number | null, url: string, thumbnail: {url: string, width: number, height: number} | null}} Upload
 * @typedef {{id: string, senderUserId: string, senderName: string,
 *   contentType: 'Text' | 'Image' | 'Video' | 'Audio' | 'File', content: string | Upload, timestamp: string,
 *   sequence: number, clientId: string | null}} Message
 * @typedef {{clientId: string, contentType: string, content: string, preview: any, failed: Error | null}} Pending
 *   a message that is not acknowledged yet, or that was refused (`failed`)
 * @typedef {{participantId: string, participant: Participant, me: boolean, camera: MediaStream | null,
 *   screen: MediaStream | null, audio: MediaStream | null, screenAudio: MediaStream | null, hasCamera: boolean,
 *   hasScreen: boolean, live: boolean, speaking: boolean}} Tile
 *   `camera` and `screen` are null while nothing of this very participant can be shown; `hasCamera` says that one is
 *   published and switched on; `live` that its pictures are arriving
 * @typedef {'idle' | 'connecting' | 'joined' | 'reconnecting' | 'left'} State
 */
export {};
