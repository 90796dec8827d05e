"""The running server does what its description says: every operation, with data made from its own schemas."""

import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import Phase, settings
from schemathesis.core.parameters import ParameterLocation

from mediaserver.api import description
from tests.api import schemathesis_rules
from tests.api.running import running
from tests.api.school import School

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).with_name("schemathesis.toml")
UPLOAD = {"method": "POST", "path": "/api/v1/uploads"}
"""Its body is a form whose type is read from the bytes: tests/api/test_uploads.py has that."""
NEVER_GOOD = {
    "GET /files/{key}": "needs a signed link",
    "POST /api/v1/auth/refresh": "needs a refresh token",
    "POST /api/v1/auth/password": "needs the password",
    "POST /api/v1/auth/password-reset/confirm": "needs a token from a mail",
    "POST /api/v1/uploads/presign": "needs a bucket",
    "POST /api/v1/uploads/{id}/complete": "needs a bucket",
    "GET /api/v1/recordings/{id}": "needs a recording",
    "DELETE /api/v1/recordings/{id}": "needs a recording",
    **{
        f"{method} /api/v1/{kind}-sessions/{{id}}/participants/{{participantId}}": "needs somebody in a room"
        for method in ("GET", "PATCH")
        for kind in ("live", "video", "audio")
    },
}
"""What cannot be brought about from the description alone; tests of their own have the good answers."""


def load(*phases: str) -> Any:
    config = schemathesis.Config.from_path(CONFIG)
    config.projects.default.phases.update(phases=list(phases))
    return schemathesis.openapi.from_dict(description(), config=config).exclude(**UPLOAD)


class Caller:
    """Carries out the cases and remembers what was answered."""

    def __init__(self, school: School) -> None:
        self.school = school
        self.statuses: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._at: tuple[str, str] | None = None
        self._number = 0

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
        schemathesis_rules.before_call(None, case, {})
        response = case.call(base_url=school.url, headers=person.headers, timeout=20)
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
            found = self.school.real_path(path)
            if len(found) < path.count("{") or self._number % 16 == 1:
                self.school.prepare(path, who)
                found = self.school.real_path(path)
            if path.startswith("/api/v1/users/{id}") and case.method == "GET" and self._number % 3 == 0:
                found["id"] = self.school.people[who].id
            case.path_parameters.update(found)
        if isinstance(case.body, (dict, list)):
            case.body = self.school.with_real_ids(case.body)


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    options = {"auth.access_ttl_s": "3600"}
    with running(tmp_path_factory.mktemp("school") / "data", "root", options) as url:
        yield Caller(School(url, description()))


@load("examples", "coverage", "fuzzing").parametrize()
@settings(max_examples=20, derandomize=True, phases=(Phase.explicit, Phase.generate), deadline=None)
def test_it_does_what_it_says_for_an_admin(case: Any, caller: Caller) -> None:
    caller.call(case, "admin")


@load("examples", "fuzzing").parametrize()
@settings(max_examples=10, derandomize=True, phases=(Phase.explicit, Phase.generate), deadline=None)
def test_it_does_what_it_says_for_a_student(case: Any, caller: Caller) -> None:
    caller.call(case, "student")


def test_what_is_created_is_there_and_what_is_deleted_is_gone(caller: Caller) -> None:
    """Sequences of calls in which one goes on with what another answered."""
    person = caller.school.people["admin"]
    person.sign_in()
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run",
        f"{caller.school.url}/api/v1/openapi.json", "--phases", "stateful", "--max-examples", "30",
        "--exclude-path", UPLOAD["path"], "--no-color",
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
