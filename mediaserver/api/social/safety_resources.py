"""`/blocks` and `/reports`: what people do about others whom they had enough of."""

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.resource import Resource
from mediaserver.api.declarations.shapes import view_of
from mediaserver.api.declarations.views import PersonView
from mediaserver.domain.social.blocks import Block
from mediaserver.domain.social.reports import Report
from mediaserver.usecases.social import blocks, reports

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
