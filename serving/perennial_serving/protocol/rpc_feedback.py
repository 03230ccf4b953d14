"""Feedback over gRPC: a service of our own, for the Open Inference Protocol has none."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from google.protobuf.message import DecodeError

from perennial_serving.evidence import feedback
from perennial_serving.evidence.feedback import Feedback, Item, Label, of_item
from perennial_serving.evidence.taking import IS_COPY, NO_FEEDBACK
from perennial_serving.protocol import feedback_pb2 as pb
from perennial_serving.protocol.call import Engine
from perennial_serving.protocol.wire import check_parts
from perennial_serving.system.errors import RequestError, as_request_error
from perennial_serving.transport.http2.calls import Call
from perennial_serving.transport.http2.grpc_wire import CallFault

METHOD = "/perennial.FeedbackService/Feedback"
MOST_PARTS = 5 * feedback.MAXIMUM_ITEMS
"""Each row may be an item, with an id, a receipt, a row, and what is known. Two bytes are a part,
and would become hundreds."""
_ITEMS = pb.FeedbackRequest.ITEMS_FIELD_NUMBER


class FeedbackCalls:
    """Takes feedback; it belongs to the event loop's thread."""

    def __init__(
        self,
        engine: Engine,
        maximum_message: int,
        mirrored: bool,
        refuse: Callable[[Call, RequestError], None],
    ) -> None:
        """Take feedback unless it is a mirrored copy; ``refuse`` answers what is wrong."""
        self._engine, self._maximum = engine, maximum_message
        self._mirrored, self._refuse = mirrored, refuse
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, call: Call) -> None:
        """Answer one call, later."""
        if not self._engine.plane.feedback.is_on or self._mirrored:
            self._refuse(call, RequestError(404, IS_COPY if self._mirrored else NO_FEEDBACK))
            return
        task = asyncio.get_running_loop().create_task(self._take(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, call: Call) -> None:
        engine = self._engine
        try:
            # Inflated on a thread, too: others' requests do not wait for it.
            taken = partial(self._read, call)
            told = await engine.plane.feedback(taken, engine.threads)
        except CallFault as fault:
            call.fail(fault.code, fault.text)
        except Exception as error:
            self._refuse(call, as_request_error(error))
        else:
            call.respond(pb.FeedbackResponse(**told).SerializeToString())

    def _read(self, call: Call) -> list[Feedback]:
        return read(call.read(self._maximum), self._engine)


def read(message: bytes, engine: Engine) -> list[Feedback]:
    """Return the feedback of a message, by row; a thread may.

    Raises:
        RequestError: 400, it is wrong; 404, it is about another model.
    """
    check_parts(message, _ITEMS, MOST_PARTS)
    try:
        request = pb.FeedbackRequest.FromString(message)
    except DecodeError as error:
        raise RequestError(400, f"the message is no FeedbackRequest: {error}") from error
    model, asked = engine.plane.model.name, request.model_name
    if asked not in ("", model):
        raise RequestError(404, f"model {asked[:64]!r} is not served; the model is {model!r}")
    return feedback.rows([_item(n, told) for n, told in enumerate(request.items)])


def _item(n: int, told: Any) -> Item:
    labels = [_label(n, known) for known in told.known]
    rewards = [_finite(n, k.reward) if k.HasField("reward") else None for k in told.known]
    row = told.row if told.HasField("row") else None
    is_one = len(labels) == 1
    return Item(
        id=told.id or None,
        receipt=told.receipt or None,
        row=row,
        label=labels[0] if is_one else labels,
        reward=rewards[0] if is_one else rewards,
    )


def _label(n: int, known: Any) -> Label | None:
    kind = known.WhichOneof("label")
    if kind is None:
        return None
    value: Label = getattr(known, kind)
    return _finite(n, value) if isinstance(value, float) else value


def _finite(n: int, value: float) -> float:
    """Return a number that JSON could say, too.

    Raises:
        RequestError: 400, it is none.
    """
    if not math.isfinite(value):
        raise of_item(n, f"label and reward are finite, got {value}")
    return value
