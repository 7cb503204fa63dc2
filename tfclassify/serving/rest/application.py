"""The REST server as an ASGI application: TensorFlow Serving's ``/v1/``, health, metrics and a page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from tfclassify.serving.rest.bodies import ClientLeftError, Receive, read_body
from tfclassify.serving.rest.describing import metadata_answer, server_answer, status_answer
from tfclassify.serving.rest.hooks import REJECTIONS, Guard, Page, ServedModel, ServedModels, Telemetry
from tfclassify.serving.rest.options import RestOptions
from tfclassify.serving.rest.replies import (
    HTML,
    PLAIN,
    Headers,
    Reply,
    Send,
    cors_headers,
    not_found_page,
    refusal_reply,
    send_reply,
)
from tfclassify.serving.rest.requests import Request, request_ids, request_of
from tfclassify.serving.rest.routes import API, Route, ready_route, route, unescaped
from tfclassify.serving.rest.running import read_job, run_job, thrown
from tfclassify.serving.status import Code, Refusal

Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
_SERVED_VERBS = ("GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH")
_RETRY_SECONDS = 1.0
_NOT_READY_STATES = ("START", "LOADING")


@dataclass(frozen=True)
class Parts:
    """What the application works with."""

    models: ServedModels
    options: RestOptions
    guard: Guard
    telemetry: Telemetry
    page: Page | None
    ready: Callable[[], bool]
    headers: Headers


@dataclass
class Notes:
    """What comes to be known of a request while it is answered, for telemetry."""

    model: str = "unknown"
    version: int | None = None
    method: str = "unknown"
    caller: Any = None
    bytes_in: int = 0
    instances: int = 0
    queue_seconds: float = 0.0
    batch_rows: int = 0
    body_read: bool = False


def application(
    models: ServedModels,
    options: RestOptions,
    *,
    guard: Guard,
    telemetry: Telemetry,
    page: Page | None = None,
    ready: Callable[[], bool] | None = None,
) -> Application:
    """Makes the application.

    Args:
        models: what is served.
        options: limits and habits.
        guard: who may call.
        telemetry: who is told.
        page: at ``/``, and what it asks for; None: there is none.
        ready: whether to send requests here; ``models.ready`` unless the server knows better, such as when it stops.
    """
    nosniff = ((b"x-content-type-options", b"nosniff"),)
    parts = Parts(models, options, guard, telemetry, page, ready or models.ready, (*cors_headers(options), *nosniff))

    new_ids = request_ids()

    async def answer(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _serve(parts, request_of(scope, new_ids), receive, send)

    return answer


async def _serve(parts: Parts, request: Request, receive: Receive, send: Send) -> None:
    notes = Notes()
    try:
        reply = await _answered(parts, request, receive, notes)
    except ClientLeftError:
        reply = Reply(status=499, code=Code.CANCELLED)
    identity = (b"x-request-id", request.request_id.encode())
    # What is left of a body would have to be read through before the next request.
    close = request.has_body and not notes.body_read
    await send_reply(send, reply, headers=(identity, *parts.headers), close=close)
    _tell(parts, request, reply, notes)


def _tell(parts: Parts, request: Request, reply: Reply, notes: Notes) -> None:
    if reply.status in REJECTIONS:
        parts.telemetry.rejected(REJECTIONS[reply.status])
    if notes.method == "unknown" and not API.fullmatch(request.target):
        return
    parts.telemetry.request(
        model=notes.model,
        version=notes.version,
        method=notes.method,
        entrypoint="REST",
        code=reply.code,
        http_status=reply.status,
        seconds=time.monotonic() - request.began,
        queue_seconds=notes.queue_seconds,
        batch_rows=notes.batch_rows,
        instances=notes.instances,
        bytes_in=notes.bytes_in,
        request_id=request.request_id,
        traceparent=request.traceparent,
        caller=notes.caller,
    )


async def _answered(parts: Parts, request: Request, receive: Receive, notes: Notes) -> Reply:
    try:
        if request.verb not in _SERVED_VERBS:
            raise Refusal(Code.UNIMPLEMENTED, f"Method {request.verb} is not served", http_status=405)
        if API.fullmatch(request.target):
            return await _api(parts, request, receive, notes)
        return _beside(parts, request, notes)
    except Refusal as refusal:
        return refusal_reply(refusal)
    except ClientLeftError:
        raise
    except asyncio.CancelledError:
        # The server ends, and this request took longer than it was given.
        return refusal_reply(_unavailable("The server stops"))
    except Exception as error:  # whatever it is, the next request finds the server as before
        parts.telemetry.event("internal_error", {"error": type(error).__name__, "request_id": request.request_id})
        return refusal_reply(Refusal(Code.INTERNAL, "Internal error"))


async def _api(parts: Parts, request: Request, receive: Receive, notes: Notes) -> Reply:
    if request.verb == "OPTIONS":
        return _preflight(request)
    found = route(request.verb, request.target)
    notes.method = found.method
    looks = found.method in ("status", "metadata")
    scope = "metadata" if looks else "predict"
    notes.caller = parts.guard(request.headers, scope=scope, peer=request.peer)
    if looks:
        return _look(parts, found, notes)
    body = await read_body(receive, request.headers, parts.options)
    notes.body_read, notes.bytes_in = True, len(body)
    return await _run(parts, request, found, body, notes)


async def _run(parts: Parts, request: Request, found: Route, body: bytes, notes: Notes) -> Reply:
    deadline = time.monotonic() + parts.options.timeout_seconds
    parsed = await read_job(found.method, body, parts.options)
    with _held(parts, found) as served:
        notes.model, notes.version = served.loaded.name, served.loaded.version
        job = await thrown(parsed.large, lambda: parsed.job(served.loaded))
        notes.instances = job.instances
        content, notes.queue_seconds, notes.batch_rows = await run_job(job, served, request, deadline=deadline)
    return Reply(content)


@contextmanager
def _held(parts: Parts, found: Route) -> Iterator[ServedModel]:
    with ExitStack() as stack:
        try:
            use = parts.models.use(found.model, version=found.version, label=found.label)
            served = stack.enter_context(use)
        except Refusal as refusal:
            raise _still_loading(parts, found) or refusal from None
        yield served


def _still_loading(parts: Parts, found: Route) -> Refusal | None:
    if parts.models.ready():
        return None
    try:
        statuses = parts.models.statuses(found.model, found.version)
    except Refusal:
        return None
    if not any(status.state in _NOT_READY_STATES for status in statuses):
        return None
    return _unavailable(f"Model {found.model} is not ready yet")


def _unavailable(message: str) -> Refusal:
    return Refusal(Code.UNAVAILABLE, message, retry_after_seconds=_RETRY_SECONDS)


def _look(parts: Parts, found: Route, notes: Notes) -> Reply:
    if found.method == "status":
        # A label is neither resolved nor checked here, as in stock.
        answer = status_answer(parts.models.statuses(found.model, found.version))
        notes.model = found.model
        return Reply(answer)
    with _held(parts, found) as served:
        notes.model, notes.version = served.loaded.name, served.loaded.version
        return Reply(metadata_answer(served.loaded))


def _preflight(request: Request) -> Reply:
    origin = request.headers.get("origin", "")
    if "http://" in origin or "https://" in origin:
        return Reply(kind=b"")
    return Reply(status=400, code=Code.FAILED_PRECONDITION, kind=b"")


def _beside(parts: Parts, request: Request, notes: Notes) -> Reply:
    path = request.path
    if path == parts.options.metrics_path:
        return _metrics(parts, request)
    if path == "/v2" or path.startswith("/v2/"):
        return _health(parts, request)
    if parts.page is not None and path in ("/", "/page/models") and request.verb in ("GET", "HEAD"):
        return _page(parts, parts.page, request)
    return not_found_page()


def _page(parts: Parts, page: Page, request: Request) -> Reply:
    if request.path == "/":
        policy = (b"content-security-policy", page.content_security_policy.encode())
        return Reply(page.html, kind=HTML, headers=(policy,))
    parts.guard(request.headers, scope="metadata", peer=request.peer)
    return Reply(page.models_json())


def _metrics(parts: Parts, request: Request) -> Reply:
    parts.guard(request.headers, scope="metrics", peer=request.peer)
    if request.target != request.path:
        text = f"Unexpected path: {unescaped(request.target)}. Should be {request.path}"
        return Reply(text.encode(), 400, Code.INVALID_ARGUMENT, PLAIN)
    return Reply(parts.telemetry.exposition(), kind=PLAIN)


def _health(parts: Parts, request: Request) -> Reply:
    path = request.path
    asks_model = ready_route(path)
    if not asks_model and path not in ("/v2", "/v2/health/live", "/v2/health/ready"):
        return not_found_page()
    if request.verb not in ("GET", "HEAD"):
        raise Refusal(Code.UNIMPLEMENTED, f"Method {request.verb} is not served", http_status=405)
    if path == "/v2":
        return Reply(server_answer(metadata.version("tfclassify")))
    if asks_model:
        with _held(parts, asks_model):
            return Reply(kind=b"")
    if path.endswith("ready") and not parts.ready():
        raise _unavailable("Not ready")
    return Reply(kind=b"")
