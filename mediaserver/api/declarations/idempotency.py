"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a POST that is sent again is executed once.

Responses are stored encrypted with a key derived from the client's key. They may contain tokens, which the
database alone does not reveal.
"""

import hashlib
import hmac
import json
import re
import secrets
from typing import Any, Final, Protocol

from aiohttp import web
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mediaserver.api.declarations.bodies import read_body
from mediaserver.api.declarations.calls import Call
from mediaserver.api.declarations.operation import Accepts
from mediaserver.api.errors import problem_response
from mediaserver.base.errors import BadRequest, Conflict, Problem
from mediaserver.base.net.networks import client_network
from mediaserver.usecases.context import reserving
from mediaserver.usecases.login.login_attempts import HOUR_S, refuse_if_exceeded
from mediaserver.usecases.writes import idempotency

HEADER = "Idempotency-Key"
KEY_PATTERN = "^[!-~]([ -~]{0,253}[!-~])?$"
"""Printable ASCII; HTTP strips surrounding spaces."""

_KEY = re.compile(KEY_PATTERN)
_STORED_HEADERS = ("Location", "ETag", "Cache-Control", "Content-Type")
_NONCE_BYTES = 12
_TEMPORARY = (401, 408, 429)
"""Statuses that another attempt may not get."""
_ANONYMOUS_PER_HOUR: Final = 1000
"""Anonymous requests with a key, per address."""


class Operation(Protocol):
    """What idempotency needs of an endpoint."""

    @property
    def accepts(self) -> Accepts:
        """What the request carries."""

    @property
    def creates(self) -> bool:
        """Whether a success creates a document, whose id is reserved before the first attempt."""

    async def perform(self, call: Call) -> web.StreamResponse:
        """Run the handler of a call that was checked."""

    async def recovered(self, call: Call, id: str) -> web.StreamResponse | None:
        """Return the response to an earlier attempt that was cut off, if that created the document `id`."""


class Sealer:
    """Derives the stored name and the encryption of one client's key."""

    def __init__(self, server_key: bytes, scope: str, key: str) -> None:
        # No other text signed with the server's key begins with NUL.
        own = hmac.digest(server_key, b"\0idempotent requests", "sha256")
        self.name = hmac.new(own, f"{scope}\0{key}".encode(), hashlib.sha256).hexdigest()
        derived = HKDF(SHA256(), 64, salt=own, info=self.name.encode()).derive(key.encode())
        self._cipher, self._mac_key = AESGCM(derived[:32]), derived[32:]

    def fingerprint(self, *parts: str | bytes) -> str:
        """Return a hash of the request. It is keyed, because bodies may contain passwords."""
        digests = (hashlib.sha256(p.encode() if isinstance(p, str) else p).digest() for p in parts)
        return hmac.new(self._mac_key, b"".join(digests), hashlib.sha256).hexdigest()

    def seal(self, response: web.Response) -> bytes:
        """Encrypt status, headers and body of a response."""
        headers = {name: response.headers[name] for name in _STORED_HEADERS if name in response.headers}
        head = json.dumps({"status": response.status, "headers": headers}).encode()
        body = response.body if isinstance(response.body, bytes) else b""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, head + b"\n" + body, self.name.encode())

    def unseal(self, sealed: bytes) -> web.Response:
        """Decrypt a response, marked as a replay."""
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        head, _, body = self._cipher.decrypt(nonce, ciphertext, self.name.encode()).partition(b"\n")
        stored: dict[str, Any] = json.loads(head)
        headers = {**stored["headers"], "Idempotency-Replayed": "true"}
        return web.Response(status=stored["status"], headers=headers, body=body or None)


def key_of(request: web.Request) -> str | None:
    """Return the request's key, if any. Raises: BadRequest("bad_idempotency_key")."""
    given = request.headers.getall(HEADER, [])
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise BadRequest(
            "bad_idempotency_key", f"{HEADER} must be a single value of 1 to 255 printable ASCII characters."
        )
    return given[0]


async def once(call: Call, operation: Operation, key: str) -> web.StreamResponse:
    """Execute the call, or return the response to an earlier attempt.

    Raises: InProgress while another attempt runs; Invalid("idempotency_key_reused") for another request.
    """
    ctx, request, user_id = call.context, call.request, call.who.user_id if call.who else None
    if user_id is None:  # each key is stored for a day, and clients need not sign in to send one
        network = client_network(call.address)
        refuse_if_exceeded(await ctx.counters.hit(f"idempotent:{network}", _ANONYMOUS_PER_HOUR, HOUR_S))
    scope = f"user {user_id}" if user_id else f"address {call.address}"
    sealer = Sealer(ctx.secrets.jwt_key, scope, key)
    fingerprint = sealer.fingerprint(request.method, request.path_qs, await _body(request, operation))
    claim = await idempotency.claim(ctx, sealer.name, fingerprint, user_id)
    if isinstance(claim, bytes):
        return sealer.unseal(claim)
    try:
        async with idempotency.renewed(ctx, claim):
            with reserving(claim.reserved_id if operation.creates else None):
                response = await _attempt(call, operation, claim)
    except Problem as problem:
        # A refused anonymous request did nothing that could be continued; its key would only fill the store.
        refused = user_id is None and problem.status in _TEMPORARY
        await (idempotency.discard if refused else idempotency.release)(ctx, claim)
        raise
    except BaseException:
        # Canceled, or an error of the server: the reserved id is kept for the next attempt.
        await idempotency.release(ctx, claim)
        raise
    # An error response to an incomplete form must not answer the next, complete one.
    is_final = response.status < 400 or operation.accepts.consumes is None
    if is_final and isinstance(response, web.Response):
        await idempotency.finish(ctx, claim, sealer.seal(response))
    else:
        await idempotency.release(ctx, claim)
    return response


async def _body(request: web.Request, operation: Operation) -> bytes:
    """Return what distinguishes bodies: the bytes, or for forms that the handler reads, their type and length."""
    if operation.accepts.consumes is not None:
        return f"{request.content_type} {request.content_length}".encode()
    return (
        await read_body(request, operation.accepts.max_body_bytes) if operation.accepts.body is not None else b""
    )


async def _attempt(call: Call, operation: Operation, claim: idempotency.Claim) -> web.StreamResponse:
    """Return the response, including permanent errors. Raises: Problem that another attempt may not get."""
    try:
        if claim.again and (recovered := await operation.recovered(call, claim.reserved_id)):
            return recovered
        return await operation.perform(call)
    except Conflict as conflict:
        if claim.again and [fault.loc for fault in conflict.errors] == ["id"]:
            raise Conflict(
                "already_done", "An earlier attempt succeeded. Look for the document that it created."
            ) from conflict
        return problem_response(conflict)
    except Problem as problem:
        if problem.status >= 500 or problem.status in _TEMPORARY:
            raise
        return problem_response(problem)
