"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a POST that is sent again is carried out once.

Answers are stored encrypted with a key made from the client's own: they may carry tokens, and the database alone
shows nothing.
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
"""Printable ASCII; HTTP itself cuts off spaces around it."""

_KEY = re.compile(KEY_PATTERN)
_KEPT = ("Location", "ETag", "Cache-Control", "Content-Type")
_NONCE_BYTES = 12
# What another try may change: who asks, what else happens, how much is asked.
_PASSING = (401, 408, 429)
_ANONYMOUS_PER_HOUR: Final = 1000
"""Requests with a key, without signing in, from one address."""


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
    """The names and the encryption that belong to one key of one person."""

    def __init__(self, server_key: bytes, scope: str, key: str) -> None:
        # No other text that is signed with the server's key begins with NUL.
        own = hmac.digest(server_key, b"\0idempotent requests", "sha256")
        self.name = hmac.new(own, f"{scope}\0{key}".encode(), hashlib.sha256).hexdigest()
        derived = HKDF(SHA256(), 64, salt=own, info=self.name.encode()).derive(key.encode())
        self._cipher, self._mac_key = AESGCM(derived[:32]), derived[32:]

    def fingerprint(self, *parts: str | bytes) -> str:
        """Keyed, because bodies may hold passwords."""
        digests = (hashlib.sha256(p.encode() if isinstance(p, str) else p).digest() for p in parts)
        return hmac.new(self._mac_key, b"".join(digests), hashlib.sha256).hexdigest()

    def seal(self, response: web.Response) -> bytes:
        headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
        head = json.dumps({"status": response.status, "headers": headers}).encode()
        body = response.body if isinstance(response.body, bytes) else b""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, head + b"\n" + body, self.name.encode())

    def unseal(self, sealed: bytes) -> web.Response:
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        head, _, body = self._cipher.decrypt(nonce, ciphertext, self.name.encode()).partition(b"\n")
        told: dict[str, Any] = json.loads(head)
        headers = {**told["headers"], "Idempotency-Replayed": "true"}
        return web.Response(status=told["status"], headers=headers, body=body or None)


def key_of(request: web.Request) -> str | None:
    """The request's key; None without one. BadRequest `bad_idempotency_key`."""
    given = request.headers.getall(HEADER, [])
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise BadRequest("bad_idempotency_key", f"{HEADER} is one value of 1 to 255 printable ASCII characters")
    return given[0]


async def once(call: Call, operation: Operation, key: str) -> web.StreamResponse:
    """Perform the call, or answer what was answered before. InProgress, Invalid `idempotency_key_reused`."""
    ctx, request, user_id = call.context, call.request, call.who.user_id if call.who else None
    if user_id is None:  # each key is stored for a day, and anybody may send one
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
        # A stranger who was refused did nothing to go on with, and the keys would fill the store.
        refused = user_id is None and problem.status in _PASSING
        await (idempotency.discard if refused else idempotency.release)(ctx, claim)
        raise
    except BaseException:
        # Broken off, or a fault of ours: what it may have created stays reserved for the next attempt.
        await idempotency.release(ctx, claim)
        raise
    # That a form ended too early is no answer for the next, whole one.
    lasts = response.status < 400 or operation.accepts.consumes is None
    if lasts and isinstance(response, web.Response):
        await idempotency.finish(ctx, claim, sealer.seal(response))
    else:
        await idempotency.release(ctx, claim)
    return response


async def _body(request: web.Request, operation: Operation) -> bytes:
    """What tells one body from another: of a form that the handler reads, its declared type and length."""
    if operation.accepts.consumes is not None:
        return f"{request.content_type} {request.content_length}".encode()
    return (
        await read_body(request, operation.accepts.max_body_bytes) if operation.accepts.body is not None else b""
    )


async def _attempt(call: Call, operation: Operation, claim: idempotency.Claim) -> web.StreamResponse:
    """The answer, refusals that last included; Problem for those that another try may overcome."""
    try:
        if claim.again and (recovered := await operation.recovered(call, claim.reserved_id)):
            return recovered
        return await operation.perform(call)
    except Conflict as conflict:
        if claim.again and [fault.loc for fault in conflict.errors] == ["id"]:
            raise Conflict("already_done", "an earlier attempt did this; look for what it created") from conflict
        return problem_response(conflict)
    except Problem as problem:
        if problem.status >= 500 or problem.status in _PASSING:
            raise
        return problem_response(problem)
