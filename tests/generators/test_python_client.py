"""A client that openapi-python-client generates takes a course from registration to grade."""

import datetime
import importlib
import io
import pkgutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.api.running import PASSWORD
from tests.generators.conftest import ADMIN
from tests.generators.tools import HERE, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PACKAGE = "generated_client"


@pytest.fixture(scope="module")
def client(document: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The generated package. Generating it warns of nothing, so no operation and no field is left out."""
    folder = tmp_path_factory.mktemp("python")
    command = [
        sys.executable, "-m", "openapi_python_client", "generate", "--path", str(document), "--meta", "none",
        "--output-path", str(folder / PACKAGE), "--config", str(HERE / "python-client.yaml"), "--fail-on-warning",
    ]  # fmt: skip
    ran = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=280, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "WARNING" not in ran.stdout and "ERROR" not in ran.stdout, ran.stdout
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(PACKAGE)
    finally:
        sys.path.remove(str(folder))


class Api:
    """The generated functions by the names of their modules, called as one person."""

    def __init__(self, package: ModuleType, url: str, token: str = "") -> None:
        self._package = package
        self._url, self._token = url, token
        self._modules = {
            name.rpartition(".")[2]: name
            for _, name, is_package in pkgutil.walk_packages(package.__path__, f"{PACKAGE}.")
            if not is_package and ".api." in name
        }

    def __call__(self, operation: str, *ids: str, status: int = 200, **values: Any) -> Any:
        """What the operation answers, parsed; it must answer with `status`."""
        module = importlib.import_module(self._modules[operation])
        with self._connected() as client:
            response = module.sync_detailed(*ids, client=client, **values)
        assert response.status_code == status, (operation, response.content)
        return response.parsed

    def _connected(self) -> Any:
        settings = {"base_url": self._url, "raise_on_unexpected_status": True, "timeout": 20}
        if self._token:
            return self._package.AuthenticatedClient(token=self._token, **settings)
        return self._package.Client(**settings)


def signed_in(package: ModuleType, url: str, name: str) -> Api:
    login = Api(package, url)("login", body=package.models.Login(login=name, password=PASSWORD))
    return Api(package, url, login.access_token)


def registered(package: ModuleType, url: str, name: str) -> tuple[Api, Any]:
    body = package.models.Register(username=name, email=f"{name}@example.org", password=PASSWORD)
    made = Api(package, url)("register", body=body, status=201)
    return Api(package, url, made.access_token), made.user


def test_every_generated_module_can_be_imported(client: ModuleType) -> None:
    names = [name for _, name, _ in pkgutil.walk_packages(client.__path__, f"{PACKAGE}.")]
    assert len(names) > 300
    for name in names:
        importlib.import_module(name)


def test_a_course_is_taken_from_registration_to_grade(client: ModuleType, server: str) -> None:
    models, types = client.models, importlib.import_module(f"{PACKAGE}.types")
    admin = signed_in(client, server, ADMIN)
    student, ada = registered(client, server, "ada")
    _, grace = registered(client, server, "grace")
    promoted = admin("update_user", grace.id, body=models.UsersPatch(role=models.Role.INSTRUCTOR))
    assert promoted.role == models.Role.INSTRUCTOR
    teacher = signed_in(client, server, "grace")

    course = teacher(
        "create_course",
        body=models.CoursesCreate(course_code="MATH-101", title="Linear equations", published=True),
        status=201,
    )
    level = teacher("create_course_level", course.id, body=models.LevelsCreate(title="Lines"), status=201)
    blocks = [
        models.TextBlock(type_="text", value="Two lines that never meet are parallel."),
        models.QuizBlock(
            type_="quiz",
            value=models.Quiz(question="Which lines never meet?", options=["Parallel", "Crossing"], answer=0),
        ),
    ]
    lesson = teacher(
        "create_level_lesson", level.id, body=models.LessonsCreate(title="Parallels", content=blocks), status=201
    )
    assert isinstance(lesson.content[0], models.TextBlock)
    assert isinstance(lesson.content[1], models.QuizBlockView)
    deadline = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=7)
    assignment = teacher(
        "create_lesson_assignment",
        lesson.id,
        body=models.AssignmentsCreate(title="Draw two parallels", deadline=deadline),
        status=201,
    )

    student("create_enrollment", body=models.EnrollmentsCreate(course_id=course.id), status=201)
    drawing = "Zwei Parallelen — 平行線\n".encode()
    file = types.File(payload=io.BytesIO(drawing), file_name="parallels.txt", mime_type="text/plain")
    upload = student("create_upload", body=models.UploadForm(file=file), status=201)
    assert (upload.name, upload.size) == ("parallels.txt", len(drawing))
    work = models.FileBlock(type_="file", value=upload.id)
    submission = student(
        "create_assignment_submission", assignment.id, body=models.SubmissionsCreate(content=work), status=201
    )
    assert isinstance(submission.content, models.FileBlockView)
    assert submission.content.value.id == upload.id and submission.grade is None

    shown = teacher("get_submission", submission.id)
    link = urlsplit(shown.content.value.url)
    signature = {name: values[0] for name, values in parse_qs(link.query).items()}
    signature["expires"] = int(signature["expires"])  # type: ignore[assignment]
    answered = Api(client, server)("get_file", unquote(link.path.removeprefix("/files/")), **signature)
    assert answered.payload.read() == drawing

    graded = teacher(
        "grade_submission",
        submission.id,
        body=models.GradePut(score=92.5, feedback="Well drawn.", timestamp=shown.timestamp),
    )
    assert graded.grade.score == 92.5
    assert student("get_submission", submission.id).grade.feedback == "Well drawn."
    assert [one.id for one in student("list_submissions", course_id=course.id).items] == [submission.id]
    told = [one.content for one in student("list_notifications").items]
    (grade,) = [one for one in told if isinstance(one, models.GradedContent)]
    assert (grade.title, grade.submission_id) == ("Draw two parallels", submission.id)
    handed_in = [one.content for one in teacher("list_notifications").items]
    assert [type(one) for one in handed_in] == [models.SubmittedContent]
    assert handed_in[0].actors[0].username == "ada"

    archive = zipfile.ZipFile(io.BytesIO(student("export_user", ada.id).payload.read()))
    assert archive.testzip() is None and archive.namelist()


def test_messages_sessions_and_problems_are_parsed_as_what_they_are(client: ModuleType, server: str) -> None:
    models, types = client.models, importlib.import_module(f"{PACKAGE}.types")
    eve, _ = registered(client, server, "eve")
    bob, whom = registered(client, server, "bob")
    session = eve("create_video_session", body=models.VideoSessionsCreate(title="Office hour"), status=201)
    assert session.kind == "video" and session.course is None
    text = eve("create_message", body=models.MessagesCreate(receiver_user_id=whom.id, content="Hi!"), status=201)
    assert isinstance(text, models.DirectTextView) and text.content == "Hi!"
    file = types.File(payload=io.BytesIO(b"notes"), file_name="notes.txt", mime_type="text/plain")
    upload = eve("create_upload", body=models.UploadForm(file=file), status=201)
    body = models.MessagesCreate(
        receiver_user_id=whom.id, content=upload.id, content_type=models.ContentType.FILE
    )
    shown = eve("create_message", body=body, status=201)
    assert isinstance(shown, models.DirectUploadView) and shown.content.name == "notes.txt"
    assert [type(one) for one in bob("list_messages", with_=text.sender_user_id).items] == [
        models.DirectUploadView,
        models.DirectTextView,
    ]
    problem = bob("get_course", "01JNB6ZV3T8Q4R5S6W7X8Y9Z0A", status=404)
    assert isinstance(problem, models.ProblemView) and problem.code == "not_found"
    taken = models.Register(username="x", email="x", password=PASSWORD)
    problem = Api(client, server)("register", body=taken, status=422)
    assert {fault.loc for fault in problem.errors} == {"username", "email"}
