"""`/blocks` and `/reports`: what people do about others whom they had enough of."""

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.resource import Create, Delete, Listing, Resource, Update
from mediaserver.api.declarations.shapes import view_of
from mediaserver.api.declarations.views import PersonView
from mediaserver.domain.social.blocks import Block
from mediaserver.domain.social.reports import Report
from mediaserver.usecases.social import blocks, reports

BLOCKS = Resource(
    path="/blocks",
    document=Block,
    listing=Listing(filters=("blocked_user_id",)),
    create=Create(("blocked_user_id",), blocks.block),
    delete=Delete(blocks.unblock),
)


class ReportTarget(Body):
    """What is reported: a person's own words about themselves, or what they said."""

    author: PersonView
    text: str


REPORTS = Resource(
    path="/reports",
    document=Report,
    listing=Listing(filters=("status", "target_kind", "target_id")),
    create=Create(("target_kind", "target_id", "reason"), reports.report),
    update=Update(("status",)),
    view=view_of(Report, target=(ReportTarget | None, ...)),
    describe=reports.describe,
)
