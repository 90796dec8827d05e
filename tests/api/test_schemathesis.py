"""The running server does what its description says: every operation, with data made from its own schemas."""

import contextlib
import itertools
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation

from mediaserver.api import declared, description
from tests.api import schemathesis_rules
from tests.api.running import running
from tests.api.school import School

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).with_name("schemathesis.toml")
UPLOAD = "/api/v1/uploads"
"""Its body is a form whose type is read from the bytes: tests/api/uploads/test_uploads.py has that."""
LABELS = [
    label
    for endpoint in declared()
    if (label := f"{endpoint.method} {endpoint.prefix}{re.sub(r':[^}]+}', '}', endpoint.path)}")
    != f"POST {UPLOAD}"
]
MOST_BOUNDARIES = 300
"""Of one operation; one has more than that, and its like has fewer."""
NEVER_GOOD = {
    "GET /files/{key}": "needs a signed link",
    "POST /api/v1/auth/refresh": "needs a refresh token",
    "POST /api/v1/auth/password": "needs the password",
    "POST /api/v1/auth/password-reset/confirm": "needs a token from a mail",
    "POST /api/v1/auth/login-link/confirm": "needs a token from a mail",
    "POST /api/v1/auth/email/verify": "needs a token from a mail",
    **dict.fromkeys(
        ("GET /api/v1/course-removals/{id}", "DELETE /api/v1/course-removals/{id}"),
        "needs a student who was removed from a course",
    ),
    "POST /api/v1/auth/email/resend": "needs a server that requires confirmed addresses",
    "POST /api/v1/uploads/presign": "needs a bucket",
    "POST /api/v1/uploads/{id}/complete": "needs a bucket",
    "GET /api/v1/recordings/{id}": "needs a recording",
    "DELETE /api/v1/recordings/{id}": "needs a recording",
    "DELETE /api/v1/messages/{id}": "needs a message that the same person sent",
    "PUT /api/v1/progress": "needs a lesson of a course that the same person takes",
    **dict.fromkeys(
        (
            "GET /api/v1/assignments/{id}/submissions", "POST /api/v1/assignments/{id}/submissions",
            "GET /api/v1/submissions/{id}", "PATCH /api/v1/submissions/{id}",
            "PUT /api/v1/submissions/{id}/grade",
        ),
        "needs an assignment of a course that the same person takes, or teaches",
    ),
    **dict.fromkeys(
        (
            "POST /api/v1/lessons/{id}/clips", "GET /api/v1/clips/{id}", "PATCH /api/v1/clips/{id}",
            "DELETE /api/v1/clips/{id}", "PUT /api/v1/courses/{id}/clips/{clipId}",
        ),
        "needs a film",
    ),
    **dict.fromkeys(
        ("POST /api/v1/reports", "GET /api/v1/reports/{id}", "PATCH /api/v1/reports/{id}"),
        "needs something that somebody else said",
    ),
    **{
        f"{method} /api/v1/{kind}-sessions/{{id}}/participants/{{participantId}}": "needs somebody in a room"
        for method in ("GET", "PATCH")
        for kind in ("live", "video", "audio")
    },
}  # fmt: skip
"""What cannot be brought about from the description alone; tests of their own have the good answers."""


class Caller:
    """Carries out the cases and remembers what was answered."""

    def __init__(self, school: School) -> None:
        self.school = school
        self.statuses: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._at: tuple[str, str] | None = None
        self._number = 0
        self._session = requests.Session()

    def call(self, case: Any, who: str) -> None:
        school, path = self.school, case.operation.path
        person = school.people[who]
        if self._at != (who, case.operation.label):
            self._at = (who, case.operation.label)
            person.sign_in()
            school.prepare(path, who)
        self._number += 1
        if self._number % 8:  # else with ids that nothing has
            self._make_real(case, who)
        response = case.call(base_url=school.url, session=self._session, headers=person.headers, timeout=20)
        self.statuses[case.operation.label][response.status_code] += 1
        if response.status_code in (200, 201) and "json" in response.headers["content-type"][0]:
            school.ids.learn(path, response.json())
        elif response.status_code == 204 and case.method == "DELETE":
            for id in case.path_parameters.values():
                school.ids.forget(id)
        case.validate_response(response, headers=person.headers)

    def _make_real(self, case: Any, who: str) -> None:
        path = case.operation.path
        if not case.meta.is_negative_at(ParameterLocation.PATH):
            found = self.school.ids.for_path(path)
            if len(found) < path.count("{") or self._number % 16 == 1:
                self.school.prepare(path, who)
                found = self.school.ids.for_path(path)
            if path.startswith("/api/v1/users/{id}") and case.method == "GET" and self._number % 3 == 0:
                found["id"] = self.school.people[who].id
            case.path_parameters.update(found)
        if isinstance(case.body, (dict, list)):
            case.body = self.school.with_real_ids(case.body)


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    options = {"auth.access_ttl_s": "3600", "security.contacts": "security@example.org"}
    with running(tmp_path_factory.mktemp("school") / "data", "root", options) as url:
        yield Caller(School(url, description()))


@pytest.fixture(scope="module")
def schema() -> Any:
    described = schemathesis_rules.with_short_long_texts(schemathesis_rules.with_exact_patterns(description()))
    return schemathesis.openapi.from_dict(described, config=schemathesis.Config.from_path(CONFIG))


@pytest.mark.parametrize("label", LABELS)
def test_it_does_what_it_says(label: str, schema: Any, caller: Caller) -> None:
    """For an admin each boundary of each parameter and field, then any data; for a student any good data."""
    method, path = label.split(" ")
    operation = schema[path][method]
    boundaries = schema.iter_coverage_cases(
        operation,
        generation_modes=list(GenerationMode),
        generation_config=schema.config.generation_for(operation=operation, phase="coverage"),
    )
    for case in itertools.islice(boundaries, MOST_BOUNDARIES):
        caller.call(case, "admin")
    for who, mode, examples in (
        ("admin", GenerationMode.POSITIVE, 10), ("admin", GenerationMode.NEGATIVE, 10),
        ("student", GenerationMode.POSITIVE, 5),
    ):  # fmt: skip
        fuzz(operation, mode, examples, lambda case, who=who: caller.call(case, who))


def fuzz(operation: Any, mode: GenerationMode, examples: int, call: Callable[[Any], None]) -> None:
    @settings(max_examples=examples, derandomize=True, deadline=None, phases=(Phase.generate,), database=None)
    @given(operation.as_strategy(generation_mode=mode))
    def try_it(case: Any) -> None:
        call(case)

    with contextlib.suppress(Unsatisfiable):  # an operation without parameters cannot be called wrongly
        try_it()


def test_what_is_created_is_there_and_what_is_deleted_is_gone(caller: Caller) -> None:
    """Sequences of calls in which one goes on with what another answered."""
    person = caller.school.people["admin"]
    person.sign_in()
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run",
        f"{caller.school.url}/api/v1/openapi.json", "--phases", "stateful", "--max-examples", "30",
        "--exclude-path", UPLOAD, "--no-color",
        *(part for name, value in person.headers.items() for part in ("--header", f"{name}: {value}")),
    ]  # fmt: skip
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": schemathesis_rules.__name__}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_operation_was_carried_out(caller: Caller) -> None:
    """Of those that were tried: refusals alone show nothing of good answers."""
    refused = {
        label: sorted(found.items())
        for label, found in caller.statuses.items()
        if label not in NEVER_GOOD and not any(status < 300 for status in found)
    }
    assert not refused, "\n".join(map(str, refused.items()))
