"""The handler on grpcio, asynchronous or with threads: messages as bytes, nothing parsed."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio

from messages import handler

_handle = handler()
NAME, METHOD = "inference.GRPCInferenceService", "ModelInfer"


async def _later(body: bytes, context: Any) -> bytes:
    return _handle(body)


def _now(body: bytes, context: Any) -> bytes:
    return _handle(body)


async def asynchronous(port: int) -> None:
    """Serve on uvloop."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_service(_later),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def threaded(port: int, threads: int) -> None:
    """Serve on a pool of threads."""
    server = grpc.server(ThreadPoolExecutor(threads))
    server.add_generic_rpc_handlers((_service(_now),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def _service(call: Any) -> grpc.GenericRpcHandler:
    handlers = {METHOD: grpc.unary_unary_rpc_method_handler(call)}
    return grpc.method_handlers_generic_handler(NAME, handlers)


if __name__ == "__main__":
    port, threads = int(sys.argv[1]), int(sys.argv[2])
    if threads:
        threaded(port, threads)
    elif sys.argv[3] == "uvloop":
        import uvloop

        uvloop.run(asynchronous(port))
    else:
        asyncio.run(asynchronous(port))
