// A program over the types that openapi-typescript generates: tsc checks it, then Node.js runs it against a server.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.d.ts";

type Schemas = components["schemas"];

declare const process: { argv: string[]; exit(code: number): never };
const [url, admin, password] = process.argv.slice(2) as [string, string, string];

function client(token?: string) {
  return createClient<paths>({ baseUrl: url, headers: token ? { Authorization: `Bearer ${token}` } : {} });
}

// The answer, or the end of the program: a problem has a code, which the types know too.
function good<T>(answer: { data?: T; error?: Schemas["ProblemView"] | Schemas["ReadyView"] }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

async function register(username: string) {
  const body = { username, email: `${username}@example.org`, password };
  const made = good(await client().POST("/api/v1/auth/register", { body }));
  return { api: client(made.accessToken), user: made.user };
}

// Every member is told apart by its tag, and no kind is forgotten: the last line does not compile otherwise.
function sentence(content: Schemas["NotificationContent"]): string {
  const who = content.actors[0]?.username ?? "somebody";
  switch (content.type) {
    case "followed": return `${who} follows you`;
    case "liked": return `${who} likes ${content.commentId ?? content.tweetId}`;
    case "commented": return `${who} on ${content.tweetId}: ${content.text ?? ""}`;
    case "mentioned": return `${who} in ${content.tweetId}: ${content.text ?? ""}`;
    case "message": return `${who}: ${content.text ?? content.messageId}`;
    case "session-starting": return `${content.title} begins (${content.sessionKind})`;
    case "assignment-posted": return `new: ${content.title} of ${content.lessonId}`;
    case "submitted": return `${who} handed in ${content.title}`;
    case "graded": return `graded: ${content.title} at ${content.gradedAt}`;
    case "recording-ready": return `recorded: ${content.recordingId}`;
    default: return content satisfies never;
  }
}

function shown(block: Schemas["LessonBlockView"]): string {
  // @ts-expect-error Only some blocks have an upload.
  void block.value.url;
  if (block.type === "quiz") return `${block.value.question} (${block.value.options.length})`;
  if (block.type === "text" || block.type === "markdown") return block.value;
  if (block.type === "image") return block.value?.url ?? "deleted";
  return block.type;
}

function said(message: Schemas["DirectMessageView"]): string {
  return message.contentType === "Text" ? message.content.toUpperCase() : (message.content?.name ?? "deleted");
}

const login = good(await client().POST("/api/v1/auth/login", { body: { login: admin, password } }));
const root = client(login.accessToken);
const { user: teacher } = await register("tess");
const { api: student, user } = await register("tim");
const id = { path: { id: teacher.id } };
good(await root.PATCH("/api/v1/users/{id}", { params: id, body: { role: "instructor" } }));
const again = good(await client().POST("/api/v1/auth/login", { body: { login: "tess", password } }));
const tess = client(again.accessToken);

const course = good(await tess.POST("/api/v1/courses", {
  body: { courseCode: "TS-1", title: "Types", published: true },
}));
const level = good(await tess.POST("/api/v1/courses/{id}/levels", {
  params: { path: { id: course.id } }, body: { title: "Unions" },
}));
const lesson = good(await tess.POST("/api/v1/levels/{id}/lessons", {
  params: { path: { id: level.id } },
  body: {
    title: "Tags",
    content: [
      { type: "text", value: "A tag tells members apart." },
      { type: "quiz", value: { question: "Which field?", options: ["type", "value"], answer: 0 } },
    ],
  },
}));
good(await student.POST("/api/v1/enrollments", { body: { courseId: course.id } }));
const form = new FormData();
form.append("file", new Blob(["notes"]), "notes.txt");
const upload = good(await student.POST("/api/v1/uploads", { body: { file: "" }, bodySerializer: () => form }));
for (const body of [
  { receiverUserId: teacher.id, contentType: "File", content: upload.id },
  { receiverUserId: teacher.id, content: "hello" },
] as const) good(await student.POST("/api/v1/messages", { body }));

const told = good(await tess.GET("/api/v1/notifications", { params: { query: { limit: 10 } } }));
const messages = good(await tess.GET("/api/v1/messages", { params: { query: { with: user.id } } }));
const refused = await student.GET("/api/v1/courses/{id}", { params: { path: { id: user.id } } });
const count: number = course.enrolledCount;
console.log(JSON.stringify({
  blocks: lesson.content.map(shown),
  told: told.items.map((one) => sentence(one.content)),
  said: messages.items.map(said),
  refused: refused.error?.code,
  count,
}));
