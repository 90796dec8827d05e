"""The HTTP API: REST under `/api/v1`, files and health checks, composed of declared endpoints and resources."""

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
from mediaserver.api.middleware.security_headers import SecurityHeaders
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
    """The signed query string of a file link. The link is refused when any part of it was altered."""

    person: str
    """Id of the user that the link was made for, or `anyone`."""
    login: str | None = None
    """Id of the login that the link was made for. The link ends with the login."""
    epoch: int | None = None
    """Epoch of that login. The link ends when all logins of the user end or the password changes."""
    expires: int
    """Unix time in seconds at which the link expires. For recordings: until when playback may be started."""
    name: str | None = None
    """File name under which browsers save the file."""
    signature: str
    """The server's signature over all other parts."""


async def _serve_file(call: Call) -> web.StreamResponse:
    """Return the bytes of an upload or a recording. The query string is the signature of the link, made for one
    user. Supports ranges and conditions (RFC 9110). Redirects to the bucket if the server is configured to.
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
    """Return all endpoints. The OpenAPI document is derived from them."""
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
    "Identity": "Accounts, signing in and signing out. Access tokens are valid for minutes, logins for weeks.",
    "Recordings": "Recordings of sessions, for the users who took part in them.",
    "Uploads": "Files that users upload: images, videos, audio and others. Unused uploads expire.",
    "Files": "The bytes of uploads and recordings, by signed link.",
    "Operation": "Health checks and metrics for operators, and this document.",
}
"""Descriptions of the tags of routes. The tags of resources are described by their documents' docstrings."""


def description(resources: Sequence[Resource[Any]] = RESOURCES) -> dict[str, Any]:
    """Return the OpenAPI document as JSON types."""
    return _described(tuple(resources))


@cache
def _described(resources: tuple[Resource[Any], ...]) -> dict[str, Any]:
    """Cached for the process, since deriving the document is slow."""
    documents = {r.tag or r.document.__name__: inspect.cleandoc(r.document.__doc__ or "") for r in resources}
    return openapi_document.describe(declared(resources), {**documents, **TAGS})


_DESCRIPTION = web.AppKey("openapi", dict)


async def _describe(call: Call) -> Answer:
    """Return this OpenAPI document."""
    return Answer(call.request.app[_DESCRIPTION])


def build_api(app: web.Application, services: Services, resources: Sequence[Resource[Any]] = RESOURCES) -> None:
    """Add all routes and middlewares to `app`. Raises: StartError for contradictory settings."""
    settings = services.context.settings.http
    app[SERVICES] = services
    app[PROXIES] = TrustedProxies(settings.trusted_proxies)
    app[health.ACCESS] = MonitoringAccess(services.context.settings)
    SecurityHeaders(services.context.settings).install(app)
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
