/** The page: which view is shown for which address, the frame around it, who is signed in, what is told as it happens. */
import { Client } from '../sdk/index.js';
import { fill, h } from './dom.js';
import { frame } from './frame.js';
import { keepLinksFresh } from './freshlinks.js';
import { notice, noticeText } from './notices.js';
import { Router } from './router.js';
import { setTitle, setUnread } from './title.js';
import { toast } from './toast.js';
import { assignmentView } from './views/assignments.js';
import { clipView } from './views/clip.js';
import { courseView } from './views/course.js';
import { courseEditView } from './views/courseedit.js';
import { newCourseView } from './views/courseform.js';
import { coursesView } from './views/courses.js';
import { createView } from './views/create.js';
import { deviceView } from './views/device.js';
import { followsView } from './views/follows.js';
import { homeView } from './views/home.js';
import { lessonView } from './views/lesson.js';
import { lessonEditView } from './views/lessonedit.js';
import { messagesView } from './views/messages.js';
import { notificationsView } from './views/notifications.js';
import { personView } from './views/person.js';
import { profileView } from './views/profile.js';
import { recordingsView } from './views/recordings.js';
import { reportsView } from './views/reports.js';
import { forgotView, resetView } from './views/reset.js';
import { searchView } from './views/search.js';
import { sessionsView } from './views/sessions.js';
import { signInView } from './views/signin.js';
import { skillView } from './views/skill.js';
import { studentsView } from './views/students.js';
import { tagView } from './views/tag.js';
import { tweetView } from './views/tweet.js';
import { verificationBanner, verifyView } from './views/verify.js';
import { roomView } from './room/page.js';

const START = '/home';

/**
 * Address patterns; `bare` views bring their own frame, `open` ones need no login, `guests` are for those without one;
 * `keep`: as it was when one comes back; `wide`: as wide and high as there is room.
 */
const ROUTES = [
  { path: /^\/signin$/, view: signInView, open: true, guests: true },
  { path: /^\/forgot$/, view: forgotView, open: true },
  { path: /^\/reset\/([^/]+)$/, view: resetView, open: true },
  { path: /^\/device\/([^/]+)$/, view: deviceView, open: true },
  { path: /^\/verify\/([^/]+)$/, view: verifyView, open: true },
  { path: /^\/home$/, view: homeView, nav: 'home', keep: true },
  { path: /^\/tweets\/([^/]+)$/, view: tweetView, nav: 'home' },
  { path: /^\/tag\/([^/]+)$/, view: tagView, nav: 'home', keep: true },
  { path: /^\/search(?:\/(people|tweets|courses|skills)(?:\/(.*))?)?$/, view: searchView, nav: 'search', keep: true },
  { path: /^\/people\/([^/]+)$/, view: personView, keep: true },
  { path: /^\/people\/([^/]+)\/(followers|following)$/, view: followsView, keep: true },
  { path: /^\/skills\/([^/]+)$/, view: skillView, keep: true },
  { path: /^\/courses\/new$/, view: newCourseView, nav: 'courses' },
  { path: /^\/courses(?:\/(mine|teaching))?$/, view: coursesView, nav: 'courses' },
  { path: /^\/courses\/([^/]+)$/, view: courseView, nav: 'courses' },
  { path: /^\/courses\/([^/]+)\/edit$/, view: courseEditView, nav: 'courses' },
  { path: /^\/courses\/([^/]+)\/students$/, view: studentsView, nav: 'courses' },
  { path: /^\/lessons\/([^/]+)$/, view: lessonView, nav: 'courses' },
  { path: /^\/lessons\/([^/]+)\/edit$/, view: lessonEditView, nav: 'courses' },
  { path: /^\/assignments\/([^/]+)$/, view: assignmentView, nav: 'courses' },
  { path: /^\/clips\/([^/]+)$/, view: clipView, nav: 'courses' },
  { path: /^\/sessions$/, view: sessionsView, nav: 'sessions' },
  { path: /^\/create(?:\/(courses|lessons)\/([^/]+))?$/, view: createView, nav: 'sessions' },
  { path: /^\/recordings(?:\/(live|video|audio)\/([^/]+))?$/, view: recordingsView, nav: 'recordings' },
  { path: /^\/messages(?:\/([^/]+))?$/, view: messagesView, nav: 'messages', wide: true },
  { path: /^\/notifications$/, view: notificationsView, nav: 'notifications' },
  { path: /^\/profile$/, view: profileView },
  { path: /^\/reports$/, view: reportsView },
  { path: /^\/room\/(live|video|audio)\/([^/]+)$/, view: roomView, bare: true },
];

const client = new Client({ url: location.origin, storage: window.localStorage });
const router = new Router(ROUTES, { choose, make: (route, ...parts) => route.view(app, ...parts), show });
const app = {
  client,
  /** Where to go after signing in. */
  wanted: null,
  go: (path) => router.go(path),
  back: () => router.back(),
};
let around = null;
let who;

/** Somewhere else than the address says, if that must be. */
function choose(route, path) {
  if (!route) return START;
  if (!route.open && !client.user) {
    app.wanted = path;
    return '/signin';
  }
  return route.guests && client.user ? START : null;
}

function show(view, route) {
  setTitle(view.title);
  if (!around) around = surround();
  around.mark(route.nav);
  const main = h('main', { id: 'main', tabindex: '-1', class: route.bare ? 'bare' : route.wide ? 'page wide-page' : 'page' }, view.element);
  around.element.hidden = Boolean(route.bare);
  const banner = client.user?.emailVerified === false && !route.bare && route.view !== verifyView && verificationBanner(app);
  fill(document.getElementById('app'), around.element, banner, main);
  if (view.focus && !matchMedia('(pointer: coarse)').matches) view.focus();
  else main.focus({ preventScroll: true });
}

/** The frame of whoever is signed in, with what their connection tells. */
function surround() {
  const made = frame(app);
  setUnread(0);
  if (!client.user) return made;
  const live = client.live();
  live.on('unread', (unread) => {
    made.count(unread);
    setUnread(unread.notifications);
  });
  live.on('notification', tell);
  return made;
}

/** Said once where one is; not in a room, nor where one reads it anyway. */
function tell(notification) {
  const { route, view } = router.current;
  const [actor] = notification.content.actors;
  const reads = notification.content.type === 'message' && view.talkingTo && view.talkingTo === actor?.id;
  if (route.bare || reads || notification.isRead || document.hidden) return;
  toast(noticeText(notification), { symbol: 'bell', action: { label: 'Open', run: () => app.go(notice(notification).href.slice(1)) } });
}

client.on('user', (user) => {
  if (user?.id !== who) {
    who = user?.id;
    around = null;
    router.forget();
  }
  if (!user && !ROUTES.some(({ path, open }) => open && path.test(location.hash.slice(1)))) app.go('/signin');
});
who = client.user?.id;
keepLinksFresh(client);
// The address is the route: the skip link must not change it.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  document.getElementById('main')?.focus();
});
router.draw();
