"""What instructors make of submissions."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Accepts, Returns
from mediaserver.api.declarations.revisions import claim, require_revision
from mediaserver.api.learning.assignment_resources import SUBMISSION_VIEW
from mediaserver.domain.documents.document import Moment
from mediaserver.domain.learning.submissions import Mark
from mediaserver.domain.text.text import Prose
from mediaserver.usecases.learning import submissions
from mediaserver.usecases.representation.expansion import describe


class GradePut(Body):
    score: Annotated[float, Field(ge=0, le=100)]
    feedback: Annotated[Prose, StringConstraints(max_length=10_000)] = ""
    timestamp: Moment | None = Field(
        default=None, description="The submission's as it was read: what was handed in since is not graded."
    )


async def _grade(call: Call) -> Answer:
    """Set or replace the grade of a submission. With `timestamp`, the request fails when the student handed in
    something else since you read the submission.
    """
    before = await submissions.find(call.context, call.actor, call.id())
    await submissions.require_teaching(call.context, call.actor, before)
    mark = Mark(score=call.body.score, feedback=call.body.feedback)
    if submissions.has_mark(before, call.actor, mark, call.body.timestamp):
        require_revision(call, before)
        graded = before
    else:
        await claim(call, before)
        graded = await submissions.grade(call.context, call.actor, before, mark, call.body.timestamp)
    (wire,) = await describe(call.context, call.actor, [graded])
    return Answer(wire, revision=graded.revision)


ENDPOINTS = [
    Endpoint(
        "PUT",
        "/submissions/{id}/grade",
        "Grade a submission",
        _grade,
        "Submission",
        accepts=Accepts(body=GradePut, conditional=True),
        returns=Returns(model=SUBMISSION_VIEW, errors=(403, 404, 409, 412)),
    ),
]
