"""The HTTP shell: REST under `/api/v1`, files, health. Every route is declared, so every route is described."""

import inspect
from collections.abc import Sequence
from functools import cache
from typing import Any

from aiohttp import web

from mediaserver.api import errors
from mediaserver.api.accounts import login_routes, personal_data_routes
from mediaserver.api.accounts.user_resources import USERS
from mediaserver.api.declarations import resource_handlers
from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import PREFIX, Endpoint
from mediaserver.api.declarations.operation import Accepts, Returns
from mediaserver.api.declarations.resource import Resource
from mediaserver.api.files import file_routes
from mediaserver.api.learning import learning_routes
from mediaserver.api.learning.learning_resources import LEARNING
from mediaserver.api.learning.skill_resources import SKILLS
from mediaserver.api.messaging import conversation_routes
from mediaserver.api.messaging.message_resources import DIRECT_MESSAGES
from mediaserver.api.middleware.cors import Cors
from mediaserver.api.middleware.encoded_bodies import refuse_encoded_bodies
from mediaserver.api.middleware.forwarded import forwarded_limit
from mediaserver.api.middleware.rate_limits import RateLimits
from mediaserver.api.middleware.request_turns import RequestTurns, request_turns
from mediaserver.api.middleware.security_headers import Protection
from mediaserver.api.middleware.timing import timing
from mediaserver.api.notifications import notification_routes
from mediaserver.api.notifications.notification_resources import NOTIFICATIONS
from mediaserver.api.openapi import openapi_document
from mediaserver.api.operations import health, security_txt
from mediaserver.api.operations.monitoring import MonitoringAccess
from mediaserver.api.runtime.authentication import PROXIES, TrustedProxies
from mediaserver.api.runtime.services import SERVICES, Services
from mediaserver.api.sessions import session_routes
from mediaserver.api.sessions.session_resources import SESSIONS
from mediaserver.api.social import like_routes
from mediaserver.api.social.follow_resources import FOLLOWS
from mediaserver.api.social.safety_resources import BLOCKS, REPORTS
from mediaserver.api.social.tweet_resources import COMMENTS, TWEETS
from mediaserver.api.uploads import upload_routes
from mediaserver.base.origins import Origins

__all__ = ["Services", "build_api", "build_monitoring", "declared"]

RESOURCES: tuple[Resource[Any], ...] = (
    USERS,
    *SESSIONS.values(),
    NOTIFICATIONS,
    DIRECT_MESSAGES,
    *LEARNING,
    SKILLS,
    FOLLOWS,
    TWEETS,
    COMMENTS,
    BLOCKS,
    REPORTS,
)


class SignedQuery(Body):
    """What the server signed; altering any of it voids the link."""

    person: str
    """Id of the user that the link was made for, or `anyone`."""
    login: str | None = None
    """Id of the login that the link was made for: it ends with that."""
    epoch: int | None = None
    """Epoch of that login: the link ends when all logins of the user are ended, or the password is changed."""
    expires: int
    """Until when it works, in seconds since 1970; the link to a recording, until when playback may be started."""
    name: str | None = None
    """File name for saving it."""
    signature: str
    """The server's signature over all the rest."""


async def _serve_file(call: Call) -> web.StreamResponse:
    """Return the bytes of an upload or a recording. The query string is the signature of the link, made for one
    user. Supports ranges and conditions (RFC 9110); redirects to the bucket where the server is set up so.
    """
    return await _SERVE(call.request)


_SERVE = file_routes.file_handler()
_FILES = Endpoint(
    "GET",
    "/files/{key:.+}",
    "Download a file by its signed link",
    _serve_file,
    "Files",
    accepts=Accepts(query=SignedQuery, check_query=False),
    returns=Returns(
        other_statuses=(206,), bodiless_statuses=(302, 304), produces="*/*", errors=(403, 404, 412, 416, 503)
    ),
    public=True,
    prefix="",
)


def declared(resources: Sequence[Resource[Any]] = RESOURCES) -> list[Endpoint]:
    """All endpoints: the OpenAPI description is made of these."""
    endpoints = [
        *login_routes.ENDPOINTS,
        *(endpoint for resource in resources for endpoint in resource_handlers.endpoints(resource)),
        *session_routes.ENDPOINTS,
        *notification_routes.ENDPOINTS,
        *learning_routes.ENDPOINTS,
        *conversation_routes.ENDPOINTS,
        *like_routes.ENDPOINTS,
        *upload_routes.endpoints(),
        *personal_data_routes.endpoints(),
        *health.ENDPOINTS,
        *security_txt.ENDPOINTS,
    ]
    about = Endpoint(
        "GET",
        "/openapi.json",
        "Read the OpenAPI document",
        _describe,
        "Operation",
        name="getOpenApi",
        public=True,
    )
    return [*endpoints, about, _FILES]


TAGS = {
    "Identity": "Opening an account, signing in and out. Access tokens live for minutes, logins for weeks.",
    "Recordings": "What was recorded of sessions, for those who took part.",
    "Uploads": "Files that people bring: pictures, videos, sounds and others; one that nothing uses expires.",
    "Files": "The bytes of uploads and recordings, for whom a signed link names.",
    "Operation": "For those who run the server, and this description.",
}
"""What is under the tags of routes; those of resources say it in their documents."""


def description(resources: Sequence[Resource[Any]] = RESOURCES) -> dict[str, Any]:
    """The OpenAPI document."""
    return _described(tuple(resources))


@cache
def _described(resources: tuple[Resource[Any], ...]) -> dict[str, Any]:
    """Made once in a process: it takes long."""
    documents = {r.tag or r.document.__name__: inspect.cleandoc(r.document.__doc__ or "") for r in resources}
    return openapi_document.describe(declared(resources), {**documents, **TAGS})


_DESCRIPTION = web.AppKey("openapi", dict)


async def _describe(call: Call) -> Answer:
    """Return this OpenAPI document."""
    return Answer(call.request.app[_DESCRIPTION])


def build_api(app: web.Application, services: Services, resources: Sequence[Resource[Any]] = RESOURCES) -> None:
    """Add all routes and what surrounds them to `app`. Raises `StartError` for settings that make no sense."""
    settings = services.context.settings.http
    app[SERVICES] = services
    app[PROXIES] = TrustedProxies(settings.trusted_proxies)
    app[health.ACCESS] = MonitoringAccess(services.context.settings)
    Protection(services.context.settings).install(app)
    app.middlewares.append(request_turns(RequestTurns()))
    app.middlewares.append(timing(services.metrics))
    app.middlewares.append(errors.problems)
    app.middlewares.append(refuse_encoded_bodies)
    app.middlewares.append(forwarded_limit(settings.max_connections_per_address))
    Cors(Origins(settings)).install(app)
    RateLimits(services.context.counters, services.context.settings.limits, PREFIX).install(app)
    endpoints = declared(resources)
    app[_DESCRIPTION] = description(resources)
    for endpoint in endpoints:
        path = endpoint.prefix + endpoint.route
        if endpoint.method == "GET":
            app.router.add_get(path, endpoint.__call__)  # and HEAD
        else:
            app.router.add_route(endpoint.method, path, endpoint.__call__)


def build_monitoring(app: web.Application, services: Services) -> None:
    """Add the routes for operators, for a separate listener."""
    app[SERVICES] = services
    app[PROXIES] = TrustedProxies(())
    app[health.ACCESS] = MonitoringAccess(services.context.settings, open=True)
    app.middlewares.append(errors.problems)
    for endpoint in health.ENDPOINTS:
        app.router.add_get(endpoint.path, endpoint.__call__)
