"""How a stranger finds out what is served: lists of models, gRPC's health and reflection."""

import asyncio
import http.client
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from http2_peer import Peer, data, prefixed
from onnx_models import doubling
from servers import Server, serving
from tritonclient.grpc import InferenceServerClient

from perennial_serving.protocol import health_pb2 as health
from perennial_serving.protocol import reflection_pb2 as reflection
from perennial_serving.transport.http2 import frames
from perennial_serving.transport.http2.calls import Http2Protocol
from perennial_serving.transport.http2.dialogue import DIALOGUES, Streamed

SERVICE = "inference.GRPCInferenceService"
SERVICES = {
    SERVICE,
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "perennial.FeedbackService",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(doubling(tmp_path_factory.mktemp("doubling"))) as found:
        yield found


@pytest.fixture(scope="module")
def channel(server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as found:
        yield found


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v2/models", {"models": ["m"]}),
        (
            "POST",
            "/v2/repository/index",
            [{"name": "m", "version": "1", "state": "READY", "reason": ""}],
        ),
    ],
)
def test_models_are_listed(server: Server, method: str, path: str, expected: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=20)
    connection.request(method, path, b"{}" if method == "POST" else None)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())) == (200, expected)
    connection.close()


def test_tritons_client_reads_the_index(server: Server) -> None:
    client = InferenceServerClient(f"127.0.0.1:{server.grpc}")
    (found,) = client.get_model_repository_index().models
    assert (found.name, found.version, found.state) == ("m", "1", "READY")
    client.close()


@pytest.mark.parametrize("service", ["", "inference.GRPCInferenceService"])
def test_health_is_checked(channel: grpc.Channel, service: str) -> None:
    request = health.HealthCheckRequest(service=service).SerializeToString()
    answer = channel.unary_unary("/grpc.health.v1.Health/Check")(request, timeout=20)
    status = health.HealthCheckResponse.FromString(answer).status
    assert status == health.HealthCheckResponse.SERVING


def test_health_of_another_service_is_not_found(channel: grpc.Channel) -> None:
    request = health.HealthCheckRequest(service="other").SerializeToString()
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/grpc.health.v1.Health/Check")(request, timeout=20)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_tells_services_and_their_files(channel: grpc.Channel, version: str) -> None:
    asked = [
        reflection.ServerReflectionRequest(list_services="*"),
        *(reflection.ServerReflectionRequest(file_containing_symbol=name) for name in SERVICES),
        reflection.ServerReflectionRequest(
            file_containing_symbol="inference.ModelMetadataResponse.TensorMetadata"
        ),
        reflection.ServerReflectionRequest(file_by_filename="no/such.proto"),
        reflection.ServerReflectionRequest(all_extension_numbers_of_type="a.B"),
    ]
    path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    info = channel.stream_stream(path)
    messages = list(info((a.SerializeToString() for a in asked), timeout=20))
    listed, *files, missing, extensions = map(
        reflection.ServerReflectionResponse.FromString, messages
    )
    assert {s.name for s in listed.list_services_response.service} == SERVICES
    for found in files:
        (content,) = found.file_descriptor_response.file_descriptor_proto
        file = descriptor_pb2.FileDescriptorProto.FromString(content)
        names = {f"{file.package}.{s.name}" for s in file.service}
        assert names <= SERVICES and names
    assert missing.error_response.error_code == 5 == extensions.error_response.error_code


def watch(channel: grpc.Channel, service: str = "") -> Any:
    request = health.HealthCheckRequest(service=service).SerializeToString()
    path = "/grpc.health.v1.Health/Watch"
    answers = channel.unary_stream(path, None, health.HealthCheckResponse.FromString)
    return answers(request, timeout=60)


def test_health_is_watched_until_the_server_ends(tmp_path: Path) -> None:
    """Real clients learn that they are to go elsewhere before their calls fail."""
    with serving(doubling(tmp_path), "--quiet-seconds", "1") as server:
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
            watches = [watch(channel, service) for service in ("", SERVICE)]
            unknown = watch(channel, "other")
            assert next(unknown).status == health.HealthCheckResponse.SERVICE_UNKNOWN
            for each in watches:
                assert next(each).status == health.HealthCheckResponse.SERVING
            server.process.send_signal(signal.SIGTERM)
            for each in watches:
                assert next(each).status == health.HealthCheckResponse.NOT_SERVING
            live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
            assert live(b"", timeout=20)  # it still answers
            for each in (*watches, unknown):
                with pytest.raises(grpc.RpcError):
                    next(each)
                assert each.code() == grpc.StatusCode.UNAVAILABLE
        assert server.process.wait(20) == 0


def test_a_watch_that_the_client_ends_is_forgotten(server: Server, channel: grpc.Channel) -> None:
    """A connection has few at once, but any number one after another."""
    for _ in range(3 * DIALOGUES):
        one = watch(channel)
        assert next(one).status == health.HealthCheckResponse.SERVING
        one.cancel()


def test_a_watch_that_makes_no_sense_is_told(channel: grpc.Channel) -> None:
    answers = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"\xff", timeout=20)
    with pytest.raises(grpc.RpcError):
        next(answers)
    assert answers.code() == grpc.StatusCode.INVALID_ARGUMENT


def talking(once: bool = False, **options: Any) -> Peer:
    """Return a client of two methods: one says again what it hears, one hears once."""
    peer = Peer(**options)
    method = Streamed(lambda call, message: call.say(message), once)
    peer.protocol._streamed = {"/echo/Echo": method}
    return peer


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_dialogue_answers_message_by_message() -> None:
    peer = talking()
    peer.send(peer.headers(1))
    whole = prefixed(b"one") + prefixed(b"two")
    peer.send(data(1, whole[:10]))
    await turns()
    answer = peer.answers()[1]
    assert answer["data"] == prefixed(b"one") and not answer["ended"]
    peer.send(data(1, whole[10:], frames.END_STREAM))
    await turns()
    answer = peer.answers()[1]
    assert answer["data"] == prefixed(b"two") and answer["ended"]
    assert answer["grpc-status"] == "0"
    peer.lose()


async def test_each_message_of_a_dialogue_has_a_turn_of_the_loop() -> None:
    """One frame may hold thousands, and each takes as long as a call."""
    peer = talking()
    peer.send(peer.headers(1), data(1, prefixed(b"") * 500, frames.END_STREAM))
    assert peer.answers()[1]["data"] == prefixed(b"")
    await turns(600)
    answer = peer.answers()[1]
    assert answer["data"] == prefixed(b"") * 499 and answer["grpc-status"] == "0"
    peer.lose()


async def test_a_dialogue_is_bounded() -> None:
    peer = talking(settings={frames.INITIAL_WINDOW_SIZE: 0})
    peer.send(peer.headers(1))
    for _ in range(200):
        peer.send(data(1, prefixed(bytes(1000))))
        await turns(3)
    assert peer.answers()[1]["reset"] == frames.ENHANCE_YOUR_CALM
    peer.send(peer.headers(3), data(3, b"\0\xff\xff\xff\xff"))
    assert peer.answers()[3]["reset"] == frames.ENHANCE_YOUR_CALM
    assert isinstance(peer.protocol, Http2Protocol) and peer.protocol._queued == 0
    peer.lose()


async def test_a_dialogue_gets_no_more_than_it_may() -> None:
    peer = talking()
    peer.send(peer.headers(1), data(1, prefixed(b"") * 40_000))  # in one turn of the loop
    assert peer.answers()[1]["reset"] == frames.FLOW_CONTROL_ERROR
    peer.lose()


async def test_a_connection_has_few_dialogues_at_once() -> None:
    peer = talking()
    for number in range(1, 2 * DIALOGUES + 2, 2):
        peer.send(peer.headers(number))
    assert {n for n, a in peer.answers().items() if "reset" in a} == {2 * DIALOGUES + 1}
    assert peer.protocol.is_idle and not peer.protocol.is_busy
    peer.protocol.close_gracefully()
    ended = peer.answers()
    assert all(ended[n]["grpc-status"] == "14" for n in range(1, 2 * DIALOGUES, 2))
    peer.lose()


async def test_a_method_that_hears_once_goes_on_when_the_client_has_said_all() -> None:
    peer = talking(once=True)
    peer.send(peer.headers(1), data(1, prefixed(b"one"), frames.END_STREAM))
    await turns()
    answer = peer.answers()[1]
    assert answer["data"] == prefixed(b"one") and not answer["ended"]
    for _ in range(5):  # minutes
        peer.protocol._tick()
    assert not peer.answers()
    peer.send(peer.headers(3), data(3, prefixed(b"one") * 2, frames.END_STREAM))
    peer.send(peer.headers(5), data(5, b"", frames.END_STREAM))
    await turns()
    answers = peer.answers()
    assert answers[3]["grpc-status"] == answers[5]["grpc-status"] == "12"
    peer.lose()


async def test_what_a_client_does_not_say_to_the_end_ends() -> None:
    peer = talking(once=True)
    peer.send(peer.headers(1), data(1, prefixed(b"one")[:3]))
    for _ in range(3):
        peer.protocol._tick()
    assert peer.answers()[1]["reset"] == frames.CANCEL
    peer.lose()


async def test_a_dialogue_that_fails_ends_with_trailers() -> None:
    """Headers were sent: those of another answer would be malformed."""
    peer = talking()
    peer.send(peer.headers(1, grpc_timeout="1m"))
    peer.answers()
    await asyncio.sleep(0.05)
    answer = peer.answers()[1]
    assert answer["grpc-status"] == "4" and answer["ended"] and ":status" not in answer
    peer.lose()
