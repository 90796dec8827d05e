/**
 * The shapes of the protocol (docs/protocol.md) for editors and type checkers; there is no code here.
 *
 * @typedef {'live' | 'video' | 'audio'} Kind
 * @typedef {'microphone' | 'camera' | 'screen' | 'screenAudio'} Source
 * @typedef {{id: string, username: string, role: 'student' | 'instructor' | 'admin', email?: string,
 *   emailVerified?: boolean, pendingEmail?: string | null}} User
 * @typedef {{id: string, createdAt: string, lastUsedAt: string, expiresAt: string, userAgent: string, current: boolean}} Login
 * @typedef {{id: string, createdAt: string, lastUsedAt: string, expiresAt: string, userAgent: string, current: boolean}} Device
 * @typedef {{id: string, kind: Kind, title: string, description: string | null, type?: 'meeting' | 'broadcast',
 *   status: 'scheduled' | 'live' | 'ended', startTime: string | null, endTime: string | null, moderatorUserId: string,
 *   moderator: Person, startedAt: string | null, endedAt: string | null,
 *   participantCount: number, endsWhenEmpty: boolean}} SessionDocument
 * @typedef {{id: string, userId: string, username: string, profileImageUrl: string | null,
 *   role: 'moderator' | 'participant', canPublish: boolean, mute: boolean, videoVisible: boolean, castScreen: boolean,
 *   handRaised: boolean, connection: 'connected' | 'reconnecting', joinedAt: string}} Participant
 * @typedef {{id: string, participantId: string, source: Source, kind: 'audio' | 'video', enabled: boolean}} Track
 * @typedef {{id: string, contentType: string, size: number, name: string, width: number | null, height: number | null,
 *   duration: number | null, url: string, thumbnail: {url: string, width: number, height: number} | null}} Upload
 * @typedef {{id: string, senderUserId: string, senderName: string,
 *   contentType: 'Text' | 'Image' | 'Video' | 'Audio' | 'File', content: string | Upload, timestamp: string,
 *   sequence: number, clientId: string | null}} Message
 * @typedef {{clientId: string, contentType: string, content: string, preview: any, failed: Error | null,
 *   slowed: boolean}} Pending
 *   a message that is not acknowledged yet, or that was refused (`failed`); `slowed`: it waits because too many were sent
 * @typedef {{participantId: string, participant: Participant, me: boolean, camera: MediaStream | null,
 *   screen: MediaStream | null, audio: MediaStream | null, screenAudio: MediaStream | null, hasCamera: boolean,
 *   hasScreen: boolean, cameraPaused: boolean, screenPaused: boolean, live: boolean, speaking: boolean}} Tile
 *   `camera` and `screen` are null while nothing of this very participant can be shown; `hasCamera` says that one is
 *   published and switched on; `live` that its pictures are arriving; `cameraPaused` and `screenPaused` that the server holds them back, since one's own
 *   connection is too slow
 * @typedef {{id: string, username: string, profileImage: string | null}} Person what others show of somebody; one who is gone
 *   is called `deleted user`
 * @typedef {User & {profile: {bio: string, location: string, links: string[]}, profileImage: Upload | null,
 *   skills: Skill[], followersCount: number, followingCount: number, tweetsCount: number, following: boolean,
 *   joinDate: string}} Profile
 * @typedef {{id: string, name: string, category: string}} Skill
 * @typedef {{id: string, userId: string, author: Person, content: {text: string, media: (Upload | null)[]}, timestamp: string,
 *   editedAt: string | null, mentions: Person[], hashtags: string[], likesCount: number, commentsCount: number,
 *   liked: boolean, removed: boolean}} Tweet
 * @typedef {{id: string, courseCode: string, title: string, description: string, skillId: string | null, skill: Skill | null,
 *   instructorUserId: string, instructor: Person, duration: number, published: boolean, enrolledCount: number,
 *   lessonsCount: number}} Course
 * @typedef {'not-started' | 'in-progress' | 'completed'} CompletionStatus
 * @typedef {{lessons: number, completed: number, inProgress: number, percent: number, lastActivity: string | null}} Reached
 * @typedef {{course: Course, enrollment: {id: string} | null, progress: Reached | null, assignmentsCount: number,
 *   levels: {id: string, title: string, position: number, lessons: {id: string, title: string, position: number,
 *   completionStatus: CompletionStatus | null, assignmentsCount: number}[]}[],
 *   clips: {id: string, lessonId: string, title: string, description: string, duration: number | null}[] | null,
 *   sessions: SessionDocument[]}} Outline
 * @typedef {{type: string, value: any}} Block
 * @typedef {{id: string, levelId: string, courseId: string, title: string, content: Block[], position: number}} Lesson
 * @typedef {{id: string, content: {type: string, actors: Person[], actorCount: number, count: number, title?: string,
 *   text?: string}, timestamp: string, isRead: boolean}} Notification `content` also has the ids of what it is about
 * @typedef {{id: string, user: Person, lastMessage: DirectMessage | null, lastAt: string, unreadCount: number}} Conversation
 * @typedef {{id: string, senderUserId: string, receiverUserId: string, sender: Person, receiver: Person,
 *   contentType: 'Text' | 'Image' | 'Video' | 'Audio' | 'File', content: string | Upload | null, timestamp: string,
 *   isRead: boolean, clientId: string}} DirectMessage
 * @template T
 * @typedef {{items: T[], nextCursor: string | null}} Page
 * @typedef {'idle' | 'connecting' | 'joined' | 'reconnecting' | 'left'} State
 */
export {};
