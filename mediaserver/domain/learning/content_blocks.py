"""What lessons and submissions are made of: typed blocks, each `{type, value}` with a value of its own shape."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, model_validator

from mediaserver.domain.documents.document import COMPONENT, Id, UploadId, Value, broken_rule
from mediaserver.domain.sessions.chat_messages import ContentType
from mediaserver.domain.text.text import Line, Prose, Source, WebAddress

_Words = Annotated[Prose, StringConstraints(min_length=1, max_length=50_000)]


class TextBlock(Value):
    type: Literal["text"]
    value: _Words


class MarkdownBlock(Value):
    type: Literal["markdown"]
    value: _Words


class ImageBlock(Value):
    type: Literal["image"]
    value: UploadId


class VideoBlock(Value):
    type: Literal["video"]
    value: UploadId


class AudioBlock(Value):
    type: Literal["audio"]
    value: UploadId


class FileBlock(Value):
    type: Literal["file"]
    value: UploadId


class Code(Value):
    language: Annotated[Line, StringConstraints(max_length=50)] = ""
    source: Annotated[Source, StringConstraints(min_length=1, max_length=50_000)]
    """Its indentation is kept."""


class CodeBlock(Value):
    type: Literal["code"]
    value: Code


class Hyperlink(Value):
    url: WebAddress
    title: Annotated[Line, StringConstraints(max_length=200)] = ""


class LinkBlock(Value):
    type: Literal["link"]
    value: Hyperlink


class ClipBlock(Value):
    type: Literal["clip"]
    value: Id
    """A clip of the same course; answers have its summary."""


_Option = Annotated[Line, StringConstraints(min_length=1, max_length=500)]
_Choice = Annotated[int, Field(ge=0, le=9)]


class Quiz(Value):
    """One question; `answer` is the position of the right option, or those of several."""

    question: Annotated[Prose, StringConstraints(min_length=1, max_length=2000)]
    options: Annotated[list[_Option], Field(min_length=2, max_length=10)]
    answer: _Choice | Annotated[list[_Choice], Field(min_length=1, max_length=10)]
    explanation: Annotated[Prose, StringConstraints(max_length=5000)] = ""

    @model_validator(mode="after")
    def _answers_are_options(self) -> "Quiz":
        chosen = self.answer if isinstance(self.answer, list) else [self.answer]
        if len(set(chosen)) != len(chosen) or max(chosen) >= len(self.options):
            raise broken_rule("answer must name options by their positions from 0, each once")
        return self


class QuizBlock(Value):
    type: Literal["quiz"]
    value: Quiz


_HandedIn = TextBlock | MarkdownBlock | ImageBlock | VideoBlock | AudioBlock | FileBlock | CodeBlock | LinkBlock
Block = Annotated[
    _HandedIn | ClipBlock | QuizBlock,
    Field(discriminator="type", json_schema_extra={COMPONENT: "LessonBlock"}),
]
"""A part of a lesson."""
Work = Annotated[_HandedIn, Field(discriminator="type", json_schema_extra={COMPONENT: "SubmissionBlock"})]
"""What a student hands in."""

MEDIA_CLASSES: Final[Mapping[str, ContentType]] = {
    "image": "Image",
    "video": "Video",
    "audio": "Audio",
    "file": "File",
}
"""What an upload must be to stand in a block of a type, as `messages.fits` names it."""


def words(blocks: Iterable[Any]) -> str:
    """What is to be read in blocks, for searches."""
    return "\n".join(text for block in blocks for text in _texts(block.value) if text)


def _texts(value: Any) -> list[str]:
    if isinstance(value, Code):
        return [value.source]
    if isinstance(value, Hyperlink):
        return [value.title, value.url]
    if isinstance(value, Quiz):
        return [value.question, *value.options, value.explanation]
    return [value] if isinstance(value, str) else []
