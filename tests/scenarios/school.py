"""A school on a server, and what students and teachers do in it all at once."""

from dataclasses import dataclass, field
from typing import Any

from tests.scenarios.crowd import Act, Answered, Client

GONE = (404, 409, 422)
"""What is said to those who want something of what is just being deleted."""


@dataclass
class Lecture:
    """A course as its students know it."""

    id: str
    code: str
    levels: list[str] = field(default_factory=list)
    lessons: list[str] = field(default_factory=list)


class School:
    """One course that stays, others that come and go while people take them."""

    def __init__(self, admin: Client, teachers: list[Client]) -> None:
        self.admin, self.teachers = admin, teachers
        self.lasting = Lecture("", "")
        self.passing: list[Lecture] = []
        self.taken: dict[tuple[str, str], bool] = {}
        """Whether a student takes the lasting course, as the server last told them; by name and course."""
        self.learning: list[tuple[int, Act]] = [
            (6, self.enroll), (3, self.leave), (8, self.progress), (2, self.look)
        ]  # fmt: skip
        self.teaching: list[tuple[int, Act]] = [
            (4, self.open_course), (2, self.close_course), (3, self.add_lesson), (3, self.drop_lesson),
            (2, self.drop_level), (2, self.reorder),
        ]  # fmt: skip

    async def found(self) -> None:
        """The admin makes the teachers such; the first one opens the course that stays."""
        for teacher in self.teachers:
            await self.admin.ask("PATCH", f"/users/{teacher.id}", {"role": "instructor"}, expect=(200,))
        self.lasting = await self._course(self.teachers[0], lessons=3)

    # ------------------------------------------------------------------------------------------ students

    async def enroll(self, student: Client) -> None:
        course = self._any(student)
        again = student.random.random() < 0.3
        answered = await student.ask(
            "POST", "/enrollments", {"courseId": course.id}, key=student.key(), expect=(201, *GONE), again=again
        )
        self._may_be_gone(answered, course, taken=("enrollment_exists",))
        if answered.code in (None, "enrollment_exists"):
            self.taken[student.name, course.id] = True

    async def leave(self, student: Client) -> None:
        course = self._any(student)
        taking = await student.ask("GET", f"/enrollments?userId={student.id}&courseId={course.id}", expect=(200,))
        for one in taking.body["items"]:
            await student.ask("DELETE", f"/enrollments/{one['id']}", expect=(204, 404))
            self.taken[student.name, course.id] = False

    async def progress(self, student: Client) -> None:
        course = self._any(student)
        if not course.lessons:
            return
        lesson = student.random.choice(course.lessons)
        status = student.random.choice(("not-started", "in-progress", "completed"))
        body = {"lessonId": lesson, "completionStatus": status}
        answered = await student.ask("PUT", "/progress", body, expect=(200, 403, *GONE))
        if answered.status in GONE:
            assert lesson not in self.lasting.lessons, answered

    async def look(self, student: Client) -> None:
        course = self._any(student)
        outline = await student.ask("GET", f"/courses/{course.id}/outline", expect=(200, 403, 404))
        if outline.status == 200:
            lessons = [lesson for level in outline.body["levels"] for lesson in level["lessons"]]
            assert len(lessons) == len({lesson["id"] for lesson in lessons})
        await student.ask("GET", f"/progress?courseId={course.id}", expect=(200,))

    # ------------------------------------------------------------------------------------------ teachers

    async def open_course(self, teacher: Client) -> None:
        if len(self.passing) < 4:
            self.passing.append(await self._course(teacher, lessons=2))

    async def close_course(self, teacher: Client) -> None:
        """Whoever made it: admins may close any."""
        if len(self.passing) > 1:
            course = self.passing.pop(0)
            await self.admin.ask("DELETE", f"/courses/{course.id}", expect=(204, 404))

    async def add_lesson(self, teacher: Client) -> None:
        course = self._any(teacher)
        if course.levels:
            level = teacher.random.choice(course.levels)
            await self._lesson(course, level, teacher)

    async def drop_lesson(self, teacher: Client) -> None:
        course = self._any(teacher)
        if course.lessons and (course is not self.lasting or len(course.lessons) > 4):
            lesson = course.lessons.pop()
            await self.admin.ask("DELETE", f"/lessons/{lesson}", expect=(204, 404))

    async def drop_level(self, teacher: Client) -> None:
        if self.passing:
            course = teacher.random.choice(self.passing)
            if course.levels:
                await self.admin.ask("DELETE", f"/levels/{course.levels.pop()}", expect=(204, 404))

    async def reorder(self, teacher: Client) -> None:
        """Of the course that stays, and nobody adds to or takes from its levels."""
        levels = list(self.lasting.levels)
        teacher.random.shuffle(levels)
        path = f"/courses/{self.lasting.id}/levels/order"
        await self.admin.ask("PUT", path, {"levelIds": levels}, expect=(204,))

    # ------------------------------------------------------------------------------------------ within

    async def _course(self, teacher: Client, lessons: int) -> Lecture:
        code = teacher.key().upper()
        body = {"courseCode": code, "title": f"Course {code}", "published": True}
        made = await teacher.ask("POST", "/courses", body, key=teacher.key(), expect=(201,), again=True)
        course = Lecture(made.id, code)
        for title in ("First", "Second"):
            path = f"/courses/{course.id}/levels"
            level = await teacher.ask("POST", path, {"title": title}, key=teacher.key(), expect=(201,))
            course.levels.append(level.id)
            for _ in range(lessons):
                await self._lesson(course, level.id, teacher)
        return course

    async def _lesson(self, course: Lecture, level: str, teacher: Client) -> None:
        body = {"title": teacher.key(), "content": [{"type": "text", "value": "Read this."}]}
        who = self.admin if course is not self.lasting else self.teachers[0]
        added = await who.ask(
            "POST", f"/levels/{level}/lessons", body, key=teacher.key(), expect=(201, 403, *GONE)
        )
        if added.status == 201:
            course.lessons.append(added.id)

    def _any(self, client: Client) -> Lecture:
        """The lasting one every other time."""
        if self.passing and client.random.random() < 0.5:
            return client.random.choice(self.passing)
        return self.lasting

    def _may_be_gone(self, answered: Answered, course: Lecture, taken: tuple[str, ...]) -> None:
        if answered.status in GONE and answered.code not in taken:
            assert course is not self.lasting, f"the lasting course is gone: {answered}"

    async def counts_agree(self) -> None:
        """What REST says of the lasting course is what REST lists of it."""
        course: Any = (await self.admin.ask("GET", f"/courses/{self.lasting.id}", expect=(200,))).body
        taking = await self.admin.all_of(f"/courses/{self.lasting.id}/enrollments")
        assert course["enrolledCount"] == len(taking) == len({one["userId"] for one in taking})
        lessons = [
            lesson
            for level in await self.admin.all_of(f"/courses/{self.lasting.id}/levels")
            for lesson in await self.admin.all_of(f"/levels/{level['id']}/lessons")
        ]
        assert course["lessonsCount"] == len(lessons)
        assert {lesson["id"] for lesson in lessons} == set(self.lasting.lessons)
        there = {one["user"]["username"] for one in taking}
        told = {name for (name, course_id), takes in self.taken.items() if takes and course_id == course["id"]}
        assert there == told, "everyone is where they were told that they are"
