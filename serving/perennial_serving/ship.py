"""``perennial-ship``: bring the spooled request log to the store as Parquet.

A sidecar, so that the store's credentials never reach the process that answers requests. It ends
on SIGTERM, after it has shipped what the server left.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from perennial_serving.evidence.requestlog import spool

SHIP_SECONDS = 60.0
DRAIN_SECONDS = 20.0
BATCH_BYTES = 16 * 1024 * 1024
_SHIPPING = "shipping-"


class Shipper:
    """Moves whole files of a spool into the store, each record once."""

    def __init__(self, directory: Path, uri: str, secrets: Path) -> None:
        from perennial_artifact.store import open_store

        self._directory = directory
        self._store = open_store(uri, secrets, make=True)

    def ship(self) -> int:
        """Ship all that is whole; return the number of objects written.

        Files move into a batch, whose name names its objects, before anything is written: one that
        was interrupted is written again over itself.

        Raises:
            Exception: the store refuses; the batch stays for the next time.
        """
        written = 0
        for batch in [*sorted(self._directory.glob(f"{_SHIPPING}*")), *self._batches()]:
            try:
                objects = list(_objects(batch))
            except Exception as error:  # waiting cannot help; the others are not to wait for it
                print(f"{batch.name} cannot be read, it is set aside: {error}", file=sys.stderr)
                batch.rename(batch.with_name(f"broken-{batch.name}"))
                continue
            for name, content in objects:
                self._put(name, content)
                written += 1
            shutil.rmtree(batch)
        return written

    def _batches(self) -> Iterator[Path]:
        while files := sorted(self._directory.glob(f"*{spool.WHOLE}")):
            batch = self._directory / f"{_SHIPPING}{uuid.uuid4().hex[:16]}"
            batch.mkdir()
            size = 0
            for file in files:
                if size and size + file.stat().st_size > BATCH_BYTES:
                    break
                size += file.stat().st_size
                file.rename(batch / file.name)
            yield batch

    def _put(self, name: str, content: bytes) -> None:
        import obstore

        obstore.put(self._store, name, content, use_multipart=False)


def _objects(batch: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of a batch's objects, the same ones each time."""
    from perennial_serving.evidence.requestlog import parquet

    feedback: list[spool.Feedback] = []
    requests: dict[str, tuple[spool.Header, list[spool.Request]]] = {}
    for path in sorted(batch.iterdir()):
        found = spool.read(path)
        if found is None:
            continue
        header, records = found
        for record in records:
            if isinstance(record, spool.Feedback):
                feedback.append(record)
            elif record.rows:
                requests.setdefault(repr(header), (header, []))[1].append(record)
    stem = f"{socket.gethostname()}-{batch.name.removeprefix(_SHIPPING)}"
    for n, (header, of_one_version) in enumerate(requests.values()):
        name = f"requests/{_day(of_one_version)}/{stem}-{n}.parquet"
        yield name, parquet.requests(header, of_one_version)
    if feedback:
        yield f"feedback/{_day(feedback)}/{stem}.parquet", parquet.feedback(feedback)


def _day(records: Sequence[spool.Record]) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(records[0].time))


def main() -> int:
    """Ship until SIGTERM, and once more; exit 1 where something could not be shipped."""
    directory, uri = (os.environ.get(f"PERENNIAL_LOG_{n}", "") for n in ("DIR", "URI"))
    if not directory or not uri:
        print("PERENNIAL_LOG_DIR and PERENNIAL_LOG_URI must be set", file=sys.stderr)
        return 2
    stopping = threading.Event()
    # Before what takes long to import: process 1 ignores a signal that it has no handler for.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    every = float(os.environ.get("PERENNIAL_LOG_SHIP_SECONDS", SHIP_SECONDS))
    secrets = Path(os.environ.get("PERENNIAL_SECRETS", "/perennial-secrets/store"))
    Path(directory).mkdir(parents=True, exist_ok=True)
    shipper = Shipper(Path(directory), uri, secrets)
    print(f"shipping {directory} to {uri} every {every:g} s", flush=True)
    while not stopping.wait(every):
        _try(shipper, uri)
    # The server has ended before: what it left growing is whole now.
    spool.recover(Path(directory))
    deadline = time.monotonic() + DRAIN_SECONDS
    while not _try(shipper, uri):
        if time.monotonic() > deadline:
            return 1
        time.sleep(1)
    return 0


def _try(shipper: Shipper, uri: str) -> bool:
    try:
        written = shipper.ship()
    except Exception as error:
        # Not the error's own text: a store's may carry the request with its signature.
        print(f"{uri} cannot be written ({type(error).__name__}): it is kept", file=sys.stderr)
        return False
    if written:
        print(f"{written} objects written to {uri}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
