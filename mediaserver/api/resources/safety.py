"""`/blocks` and `/reports`: what people do about others whom they had enough of."""

from mediaserver.api.bodies import Body
from mediaserver.api.resource import Resource
from mediaserver.api.shapes import view_of
from mediaserver.api.views import PersonView
from mediaserver.domain.blocks import Block
from mediaserver.domain.reports import Report
from mediaserver.usecases import blocks, reports

BLOCKS = Resource(
    path="/blocks",
    document=Block,
    create=("blocked_user_id",),
    filters=("blocked_user_id",),
    deletable=True,
    creates=blocks.block,
    deletes=blocks.unblock,
)


class ReportTarget(Body):
    """What is reported: a person's own words about themselves, or what they said."""

    author: PersonView
    text: str


REPORTS = Resource(
    path="/reports",
    document=Report,
    create=("target_kind", "target_id", "reason"),
    update=("status",),
    filters=("status", "target_kind", "target_id"),
    view=view_of(Report, target=(ReportTarget | None, ...)),
    creates=reports.report,
    describes=reports.describe,
)
