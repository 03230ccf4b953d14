"""Takes feedback: by receipt into the windows, by id into the request log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from perennial_artifact.outcomes import AGES
from perennial_serving.evidence.feedback import Feedback, of_item
from perennial_serving.evidence.metrics import Metrics
from perennial_serving.evidence.receipts.desk import Desk
from perennial_serving.evidence.receipts.outcomes import Outcome, text_of
from perennial_serving.evidence.receipts.receipt import Receipt
from perennial_serving.evidence.requestlog import spool
from perennial_serving.evidence.requestlog.recorder import RequestLog
from perennial_serving.system.errors import RequestError

NO_FEEDBACK = (
    "feedback is not taken: the request log is off (spec.serving.requestLog), and so are receipts "
    "(spec.serving.receipts)"
)
IS_COPY = "feedback is taken once: this is a copy of it, which a gateway mirrored here"
NO_RECEIPTS = "receipts are not taken: they are off (spec.serving.receipts)"
NO_LOG = "feedback by id is not taken: the request log is off (spec.serving.requestLog)"
_OLDEST = AGES[-1]
# So many are counted before others have their turn.
_AT_ONCE = 256


@dataclass
class _Read:
    """What is told."""

    items: int
    logged: list[spool.Feedback] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    old: int = 0


class Taking:
    """Takes feedback; it belongs to the event loop's thread."""

    def __init__(self, log: RequestLog | None, receipts: Desk | None, metrics: Metrics) -> None:
        self._log, self._receipts, self._metrics = log, receipts, metrics

    @property
    def is_on(self) -> bool:
        """Whether any feedback is taken."""
        return self._log is not None or self._receipts is not None

    async def __call__(
        self, read: Callable[[], Sequence[Feedback]], threads: Executor
    ) -> dict[str, int]:
        """Take all that is read, or nothing of it; return what became of it.

        ``read`` is called on a thread.

        Raises:
            RequestError: something in it is wrong, or there is no room for it.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(threads, self._checked, read)
        except _Refused as refused:
            self._metrics.outcome(refused.result, 1)
            raise of_item(refused.item, refused.told) from None
        if found.logged:
            assert self._log is not None
            await self._log.feedback(found.logged)
        told = {"accepted": found.items}
        if found.outcomes or found.old:
            told |= await self._count(found)
        return told

    async def _count(self, found: _Read) -> dict[str, int]:
        assert self._receipts is not None
        counted = 0
        for first in range(0, len(found.outcomes), _AT_ONCE):
            now = time.time()
            part = found.outcomes[first : first + _AT_ONCE]
            counted += sum(self._receipts.outcomes.count(each, now) for each in part)
            await asyncio.sleep(0)
        results = {
            "counted": counted,
            "duplicate": len(found.outcomes) - counted,
            "old": found.old,
        }
        for result, count in results.items():
            self._metrics.outcome(result, count)
        return results

    def _checked(self, read: Callable[[], Sequence[Feedback]]) -> _Read:
        """Read and check it, on a thread; receipts that come again are opened once.

        Raises:
            RequestError: it is wrong.
            _Refused: something is wrong with what it quotes.
        """
        rows = read()
        now = time.time()
        found = _Read(len(rows))
        opened: dict[str, Receipt] = {}
        for each in rows:
            is_logged = each.id is not None and self._log is not None
            if is_logged:
                found.logged.append(_record(each, now))
            if each.receipt is None:
                if not is_logged:
                    raise RequestError(404, NO_LOG)
                continue
            outcome = self._outcome(each, opened)
            if now - outcome.receipt.time <= _OLDEST:
                found.outcomes.append(outcome)
            elif is_logged:
                found.old += 1
            else:
                told = "the prediction is over a day old: such feedback is taken by id, into the"
                raise _Refused("old", each.item, f"{told} request log (spec.serving.requestLog)")
        return found

    def _outcome(self, each: Feedback, opened: dict[str, Receipt]) -> Outcome:
        if self._receipts is None:
            raise RequestError(404, NO_RECEIPTS)
        assert each.receipt is not None
        receipt = opened.get(each.receipt)
        if receipt is None:
            receipt = self._receipts.read(each.receipt)
            if receipt is None:
                told = "the receipt was not given by this deployment, or its key is gone"
                raise _Refused("forged", each.item, told)
            opened[each.receipt] = receipt
        outcome = Outcome(receipt, each.row, each.label, each.reward)
        if told := self._receipts.outcomes.wrong(outcome):
            raise _Refused("refused", each.item, told)
        return outcome


class _Refused(Exception):
    """What an item quotes cannot be counted; ``result`` is what is counted instead."""

    def __init__(self, result: str, item: int, told: str) -> None:
        super().__init__(told)
        self.result, self.item, self.told = result, item, told


def _record(each: Feedback, now: float) -> spool.Feedback:
    label = None if each.label is None else text_of(each.label)
    return spool.Feedback(each.id or "", each.row, now, label, each.reward)
