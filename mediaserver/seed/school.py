"""What the school teaches and what its people say: data only, in the order in which it came to be."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

Block = dict[str, Any]
"""As a lesson's body has it; a value that begins with `@` names one of `FILES`."""

FILES: Final = ("light.png", "waves.png", "staff.png", "tone.wav", "film.webm")


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    role: Literal["student", "instructor"] = "student"
    bio: str = ""
    location: str = ""
    skills: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lesson:
    title: str
    content: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Level:
    title: str
    lessons: tuple[Lesson, ...]


@dataclass(frozen=True, slots=True)
class Course:
    code: str
    title: str
    description: str
    skill: str
    instructor: str
    minutes: int
    levels: tuple[Level, ...]
    students: tuple[str, ...] = ()
    published: bool = True


@dataclass(frozen=True, slots=True)
class Tweet:
    by: str
    text: str
    days_ago: float
    picture: str | None = None
    liked_by: tuple[str, ...] = ()
    comments: tuple[tuple[str, str], ...] = field(default_factory=tuple)


def text(value: str) -> Block:
    return {"type": "text", "value": value}


def markdown(value: str) -> Block:
    return {"type": "markdown", "value": value}


def shown(kind: str, file: str) -> Block:
    return {"type": kind, "value": f"@{file}"}


def quiz(question: str, options: list[str], answer: int, explanation: str = "") -> Block:
    value = {"question": question, "options": options, "answer": answer, "explanation": explanation}
    return {"type": "quiz", "value": value}


PEOPLE: Final = (
    Person("nora", "instructor", "Teaches physics, mostly by asking.", "Lab 2", ("Physics",)),
    Person("tom", "instructor", "Piano, theory, and patience.", "Music room", ("Music theory",)),
    Person("ada", bio="Likes numbers that behave.", skills=("Programming", "Physics")),
    Person("ben", bio="Learning to listen.", skills=("Music theory",)),
    Person("carla", bio="Draws what she cannot explain.", location="By the window", skills=("Drawing",)),
    Person("dai", skills=("Programming",)),
    Person("eve", bio="Asks the second question."),
    Person("finn"),
)

SKILLS: Final = (
    ("Physics", "How things move, shine and sound.", "Science"),
    ("Music theory", "Scales, chords, rhythm.", "Arts"),
    ("Programming", "Telling machines what to do.", "Technology"),
    ("Drawing", "Seeing first, then lines.", "Arts"),
)

COURSES: Final = (
    Course(
        "PHY-101", "Light and waves",
        "Why a straw looks broken in a glass of water, and what that has to do with sound. Twelve weeks, one"
        " evening each; bring a torch.",
        "Physics", "nora", 720,
        (
            Level("Light", (
                Lesson("Light travels straight", (
                    text("Shadows have edges because light does not go around corners."),
                    markdown("## Try it\n\n1. Hold a **torch** behind a card with a small hole.\n2. Move the card.\n"
                             "3. Where does the spot go, and why *exactly* there?"),
                    quiz("What makes a shadow sharp?", ["A large lamp", "A small lamp far away", "A bright lamp"], 1,
                         "Rays from a small lamp far away are nearly parallel, so all of them end at one line."),
                )),
                Lesson("Light bends", (
                    markdown("Where light enters water it slows down and **bends**. Snell found by how much:"),
                    {"type": "code", "value": {"language": "python", "source":
                        "from math import asin, degrees, radians, sin\n\n"
                        "def refracted(angle, n1=1.0, n2=1.33):\n"
                        "    return degrees(asin(sin(radians(angle)) * n1 / n2))\n"}},
                    shown("image", "light.png"),
                    quiz("Light goes from air into water at 45°. In the water the angle is…",
                         ["larger", "smaller", "the same"], 1),
                )),
            )),
            Level("Waves", (
                Lesson("A wave that runs", (
                    text("Nothing travels but the shape: each point only goes up and down."),
                    shown("video", "film.webm"),
                )),
                Lesson("Two waves at once", (
                    text("Where two waves meet they simply add. Look at the third line."),
                    shown("image", "waves.png"),
                    {"type": "link", "value": {"url": "https://www.rfc-editor.org/rfc/rfc6716",
                                               "title": "How Opus codes sound, for the curious"}},
                )),
            )),
        ),
        ("ada", "ben", "carla", "dai", "eve"),
    ),
    Course(
        "MUS-110", "Hearing scales", "Eight notes, seven steps, and why two of them are short.",
        "Music theory", "tom", 300,
        (
            Level("The major scale", (
                Lesson("Listen first", (
                    text("Hum along before you read on."),
                    shown("audio", "tone.wav"),
                    shown("image", "staff.png"),
                )),
                Lesson("Whole and half steps", (
                    markdown("Whole, whole, **half**, whole, whole, whole, **half**."),
                    quiz("Between which notes are the half steps?", ["1–2 and 5–6", "3–4 and 7–8", "2–3 and 6–7"], 1),
                )),
            )),
        ),
        ("ada", "ben", "eve", "finn"),
    ),
    Course(
        "PRG-100", "First programs", "Being written; come back in spring.", "Programming", "nora", 600,
        (Level("Before we begin", (Lesson("What a program is", (text("A recipe for somebody who takes it literally."),)),)),),
        published=False,
    ),
)  # fmt: skip

FOLLOWS: Final = {
    "ada": ("nora", "ben", "carla", "eve"),
    "ben": ("tom", "ada"),
    "carla": ("ada", "nora", "ben"),
    "dai": ("ada", "nora"),
    "eve": ("nora", "tom", "ada", "carla"),
    "finn": ("tom",),
    "nora": ("tom", "ada"),
    "tom": ("nora",),
}

TWEETS: Final = (
    Tweet("nora", "First evening of #light on Tuesday. Bring a torch, and a question that you cannot answer.", 6,
          liked_by=("ada", "carla", "eve"), comments=(("eve", "Only one question?"), ("nora", "@eve one to begin with."))),
    Tweet("tom", "A scale is a promise: after seven steps you are home. #music", 5, "staff.png", ("ben", "finn")),
    Tweet("carla", "Drew what @nora said about shadows until I believed it. #light", 3.5, liked_by=("nora", "ada")),
    Tweet("ada", "Snell's law in four lines of Python, and it knows more than I do. #light #programming", 3,
          "light.png", ("nora", "ben", "carla", "dai", "eve"),
          (("dai", "What happens above 90 degrees?"), ("ada", "@dai it refuses. So does light."))),
    Tweet("ben", "I can hear the half steps now. Thank you @tom", 2, liked_by=("tom", "eve", "finn")),
    Tweet("eve", "Why do two waves add and two lamps not? #waves", 1, "waves.png", ("nora",),
          (("nora", "They do. Come on Thursday, we measure it."),)),
    Tweet("dai", "Homework done a day early. Nobody will believe it.", 0.3, liked_by=("ada",)),
)  # fmt: skip

MESSAGES: Final = (
    ("ada", "nora", "May I hand in the second lesson's work on Friday?"),
    ("nora", "ada", "Until the deadline nothing is late. Friday is fine."),
    ("ada", "nora", "Thank you!"),
    ("carla", "ada", "Can you send me your plot?"),
    ("ben", "tom", "Is there a room with a piano free tomorrow?"),
)
