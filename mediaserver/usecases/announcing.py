"""Telling those who take a course of what is new in it: thousands perhaps, so not while somebody waits.

The document itself says that it is still to be announced, in the write that makes it so: no crash loses it, and
announcing it twice tells nobody twice (`notifications`).
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from mediaserver.base.errors import Problem
from mediaserver.domain.assignments import Assignment
from mediaserver.domain.document import Document
from mediaserver.domain.enrollments import Enrollment
from mediaserver.domain.lessons import Lesson
from mediaserver.domain.notifications import Kind
from mediaserver.domain.sessions import Session
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import Announced
from mediaserver.usecases.notifications import notify
