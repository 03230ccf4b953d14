"""How a stranger finds out what is served: lists of models, gRPC's health and reflection."""

import http.client
import json
from collections.abc import Iterator
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

SERVICES = {
    "inference.GRPCInferenceService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
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


def talking(**options: Any) -> Peer:
    peer = Peer(**options)
    peer.protocol._dialogues = {"/echo/Echo": lambda message: message}
    return peer


async def test_a_dialogue_answers_message_by_message() -> None:
    peer = talking()
    peer.send(peer.headers(1))
    whole = prefixed(b"one") + prefixed(b"two")
    peer.send(data(1, whole[:10]))
    answer = peer.answers()[1]
    assert answer["data"] == prefixed(b"one") and not answer["ended"]
    peer.send(data(1, whole[10:], frames.END_STREAM))
    answer = peer.answers()[1]
    assert answer["data"] == prefixed(b"two") and answer["ended"]
    assert answer["grpc-status"] == "0"
    peer.lose()


async def test_a_dialogue_is_bounded() -> None:
    peer = talking(settings={frames.INITIAL_WINDOW_SIZE: 0})
    peer.send(peer.headers(1))
    for _ in range(200):
        peer.send(data(1, prefixed(bytes(1000))))
    assert peer.answers()[1]["reset"] == frames.ENHANCE_YOUR_CALM
    peer.send(peer.headers(3), data(3, b"\0\xff\xff\xff\xff"))
    assert peer.answers()[3]["reset"] == frames.ENHANCE_YOUR_CALM
    assert isinstance(peer.protocol, Http2Protocol) and peer.protocol._queued == 0
    peer.lose()
