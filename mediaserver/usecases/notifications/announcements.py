"""Telling those who take a course of what is new in it: thousands perhaps, so not while somebody waits.

The document itself says that it is still to be announced, in the write that makes it so: no crash loses it, and
announcing it twice tells nobody twice (`notifications`).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from mediaserver.base.processes.supervision import periodic
from mediaserver.domain.documents.document import Document
from mediaserver.domain.documents.policy import Filter
from mediaserver.domain.learning.assignments import Assignment
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.notifications import Kind
from mediaserver.domain.sessions.sessions import Session
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import NewsCame
from mediaserver.usecases.notifications.notifications import notify

_POLL_S = 10.0
_BATCH = 500

_NEWS: Final[Mapping[type[Document], tuple[Kind, Filter]]] = {
    Assignment: ("assignment-posted", {"announced": False, "settled": True}),
    Session: ("session-starting", {"announced": False}),
}


async def run(ctx: Context) -> None:
    """Announce what there is, as it comes, until cancelled."""
    wake = asyncio.Event()
    unsubscribe = ctx.events.subscribe(NewsCame, lambda _: wake.set())
    try:
        await periodic("announcing", lambda: announce(ctx), _POLL_S, wake)
    finally:
        unsubscribe()


async def announce(ctx: Context) -> int:
    """Tell of all that is new; how much that was."""
    told = 0
    for kind, (what, waiting) in _NEWS.items():
        news: Any
        async for news in ctx.of(kind).each(waiting):
            await notify(ctx, _takers(ctx, news.course_id), what, _about(news))
            await ctx.of(kind).update_one({"_id": news.id}, set={"announced": True}, edits=False)
            told += 1
    return told


async def _takers(ctx: Context, course_id: str) -> AsyncIterator[str]:
    async for one in ctx.of(Enrollment).each({"courseId": course_id}, batch=_BATCH):
        yield one.user_id


def _about(news: Assignment | Session) -> dict[str, str]:
    about = {"courseId": str(news.course_id), "title": news.title}
    if isinstance(news, Assignment):
        return about | {"assignmentId": news.id, "lessonId": news.lesson_id}
    lesson = {"lessonId": news.lesson_id} if news.lesson_id else {}
    return about | {"sessionId": news.id, "sessionKind": news.kind, **lesson}
