"""What every gRPC call goes through: who calls, how long it may take, its refusal as a status, its line in the log."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from tfclassify.serving.models import Models
from tfclassify.serving.status import Code, Refusal

LONGEST_MESSAGE_BYTES = 1024
TRUNCATED = "...TRUNCATED"
UNKNOWN_MODEL = "unknown"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
STATUS = {status.value[0]: status for status in grpc.StatusCode}

logger = logging.getLogger(__name__)


class Guard(Protocol):
    """Lets callers in, or refuses them."""

    @property
    def authorize(self) -> Callable[..., Any]:
        """``(headers by lower-case name, *, scope, peer) -> caller``; raises Refusal."""


class Telemetry(Protocol):
    """Is told of every request."""

    @property
    def request(self) -> Callable[..., None]:
        """Takes the facts of a request by name."""


@dataclass(frozen=True)
class Call:
    """A call under way.

    Attributes:
        models: that may be asked.
        headers: metadata of the call, by lower-case name; binary ones are left out.
        peer: address of the client, as gRPC writes it.
        deadline: on ``time.monotonic()``; None if the client set none.
    """

    models: Models
    headers: Mapping[str, str]
    peer: str
    deadline: float | None


@dataclass(frozen=True)
class Answer:
    """What is answered, and of it what is told.

    Attributes:
        message: the response.
        version: of the model that answered.
        instances: rows in the request.
    """

    message: Any
    version: int | None = None
    instances: int | None = None


@dataclass(frozen=True)
class Method:
    """One method of a service.

    Attributes:
        name: in the service.
        scope: that a caller needs.
        model: the name of the model that a request is about.
        answer: makes the response, or raises Refusal.
    """

    name: str
    scope: str
    model: Callable[[Any], str]
    answer: Callable[[Call, Any], Awaitable[Answer]]


def handler(method: Method, models: Models, *, guard: Guard, telemetry: Telemetry) -> Callable[..., Awaitable[Any]]:
    """Returns what gRPC calls for a method: ``(request, context) -> response``."""

    async def handle(request: Any, context: Any) -> Any:
        start = time.monotonic()
        call = _call(models, context, start)
        caller, answer, refusal = None, None, None
        try:
            caller = guard.authorize(call.headers, scope=method.scope, peer=call.peer)
            answer = await method.answer(call, request)
        except Refusal as error:
            refusal = error
        except Exception:
            # A fault of ours; what it was is for the log, not for the client.
            logger.exception("%s failed", method.name)
            refusal = Refusal(Code.INTERNAL, "Internal error")
        finally:
            # Nothing is answered where the client has gone or its deadline has passed, but it is told all the same.
            ended = refusal or (Refusal(Code.CANCELLED, "") if answer is None else None)
            telemetry.request(**_facts(method, call, request, answer, ended, caller), seconds=time.monotonic() - start)
        if answer is None:
            await _abort(context, refusal or Refusal(Code.INTERNAL, "Internal error"))
            return None
        return answer.message

    return handle


def client_details(message: str) -> str:
    """Returns the text of an error, of at most 1024 bytes and a mark where it was longer."""
    encoded = message.encode("utf-8", errors="replace")
    if len(encoded) <= LONGEST_MESSAGE_BYTES:
        return message
    return encoded[:LONGEST_MESSAGE_BYTES].decode("utf-8", errors="ignore") + TRUNCATED


def _call(models: Models, context: Any, now: float) -> Call:
    pairs = context.invocation_metadata() or ()
    headers = {key.lower(): value for key, value in pairs if isinstance(value, str)}
    remaining = context.time_remaining()
    return Call(models, headers, context.peer(), None if remaining is None else now + remaining)


def _facts(
    method: Method, call: Call, request: Any, answer: Answer | None, refusal: Refusal | None, caller: Any
) -> dict[str, Any]:
    name, request_id = method.model(request), call.headers.get("x-request-id", "")
    return {
        # A name that clients made up must not become a label of metrics.
        "model": name if name in call.models.names() else UNKNOWN_MODEL,
        "version": answer.version if answer else None,
        "method": method.name,
        "entrypoint": "GRPC",
        "code": refusal.code if refusal else Code.OK,
        "http_status": refusal.http_status if refusal else 200,
        "queue_seconds": None,
        "batch_rows": None,
        "instances": answer.instances if answer else None,
        "bytes_in": request.ByteSize(),
        "request_id": request_id if REQUEST_ID.fullmatch(request_id) else uuid.uuid4().hex,
        "traceparent": call.headers.get("traceparent"),
        "caller": caller,
    }


async def _abort(context: Any, refusal: Refusal) -> None:
    trailing: tuple[tuple[str, str], ...] = ()
    if refusal.retry_after_seconds is not None:
        # By this a client's own retries wait as long.
        trailing = (("grpc-retry-pushback-ms", str(round(refusal.retry_after_seconds * 1000))),)
    await context.abort(STATUS[int(refusal.code)], client_details(refusal.message), trailing)
