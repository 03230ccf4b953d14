"""Ask what is neither the API server nor a pod of ours: URLs that users name."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from perennial.plan.core.outside import Measurement, Message, OutsideQuestion

SECONDS = 5.0
CONNECT_SECONDS = 2.0
MAXIMUM_BYTES = 256 * 1024
CONNECTIONS, CONNECTIONS_A_HOST = 256, 16
LOOKUPS = 4
"""Names that are looked up at a time: a name server that hangs holds these up and nothing else."""
METADATA = {
    ipaddress.ip_address(a)
    for a in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
}
"""Where clouds tell a machine its secrets, beside the link-local 169.254.169.254."""
TRANSLATED = [ipaddress.IPv6Network(n) for n in ("64:ff9b::/96", "64:ff9b:1::/48")]
"""Whose last four bytes a translator on the way (NAT64) takes for an IPv4 address."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Forbidden(OSError):
    """An address that is never asked, whatever name leads to it."""


def is_metadata(address: Address) -> bool:
    """Tell whether an address is a cloud's own, or nobody's: not even an administrator means it."""
    plain = led_to(address)
    odd = plain.is_link_local or plain.is_multicast or plain.is_unspecified
    return bool(odd) or plain in METADATA


def led_to(address: Address) -> Address:
    """Return where an address leads: an IPv4 one may be written within an IPv6 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and any(address in network for network in TRANSLATED):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return inner or address


class Web:
    """Connections to what users name, with a pool of their own; closed by :meth:`close`.

    What may be asked at all is decided before (``allowedUrls``). Yet a name may lead anywhere: it
    must not lead to the operator's own machine, to the API server, or to a cloud's metadata.
    Nothing is told to whom is asked, and what it says is a stranger's word.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Ask nobody yet; the environment says where the API server is."""
        self._resolver = _Guarded(environment.get("KUBERNETES_SERVICE_HOST", ""))
        self._session: aiohttp.ClientSession | None = None
        self._reader = ThreadPoolExecutor(1, "outside")

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
        await self._resolver.close()
        self._reader.shutdown(wait=False, cancel_futures=True)

    async def ask(self, question: OutsideQuestion) -> Measurement:
        """Return what came of a question, after a few seconds at the latest."""
        try:
            async with asyncio.timeout(SECONDS):
                status, body = await self._asked(question.url)
                return await self._read(question.read, status, body)
        except (TimeoutError, aiohttp.ClientError, Forbidden, ValueError) as error:
            return Measurement(None, _problem(error))

    async def send(self, message: Message) -> str:
        """Send a message; return '' where it was taken, else why not.

        What is answered beside the status is nobody's business, and not waited for.
        """
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._request("POST", message.url, message) as answer,
            ):
                _refuse_redirect(answer)
                taken = 200 <= answer.status < 300
                return "" if taken else f"it answered with status {answer.status}"
        except (TimeoutError, aiohttp.ClientError, Forbidden, ValueError) as error:
            return _problem(error)

    async def _asked(self, url: str) -> tuple[int, bytes]:
        """Return status and body, read to its end.

        Raises:
            ValueError: it redirects, is too large, or compressed, which nobody asked for.
        """
        async with self._request("GET", url) as answer:
            _refuse_redirect(answer)
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise ValueError("its answer is compressed, and nobody asked for that")
            body = bytearray()
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) > MAXIMUM_BYTES:
                    raise ValueError(f"its answer is larger than {MAXIMUM_BYTES // 1024} KiB")
            return answer.status, bytes(body)

    def _request(
        self, method: str, url: str, message: Message | None = None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        asked = URL(url, encoded=True)  # as it was allowed, not as it might be read otherwise
        _refuse_literal(asked.host or "")
        data = message.body if message is not None else None
        headers = {"Content-Type": message.content_type} if message is not None else {}
        return self._connected().request(
            method, asked, data=data, headers=headers, allow_redirects=False
        )

    async def _read(
        self, read: Callable[[int, bytes], Measurement], status: int, body: bytes
    ) -> Measurement:
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._reader, read, status, body)
        except (ArithmeticError, LookupError, TypeError, RecursionError, MemoryError):
            # A stranger's word must not end the pass of whoever asked.
            return Measurement(None, "its answer cannot be read")

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=self._resolver,
                    limit=CONNECTIONS,
                    limit_per_host=CONNECTIONS_A_HOST,
                ),
                timeout=aiohttp.ClientTimeout(total=SECONDS, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
                headers={"Accept-Encoding": "identity", "User-Agent": "perennial"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _problem(error: Exception) -> str:
    """Return what went wrong with a request, for people; nothing of the URL but its host."""
    if isinstance(error, TimeoutError):
        return f"it did not answer within {SECONDS:g} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientSSLError):
        return "it does not speak TLS as https asks for"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        cause = error.os_error
        return str(cause) if isinstance(cause, Forbidden) else "its name is not known"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno  # its own words tell an address, which is nobody's business
        why = os.strerror(number) if number else "no connection"
        return f"it cannot be connected to: {why}"
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError):
        return "its answer did not come whole: the connection was closed"
    if isinstance(error, aiohttp.ClientError):
        return "it answered with what is no HTTP"
    return str(error)


def _refuse_redirect(answer: aiohttp.ClientResponse) -> None:
    if 300 <= answer.status < 400:
        raise ValueError(f"it answered with status {answer.status}, and a redirect is not followed")


def _refuse_literal(host: str) -> None:
    """Refuse a cloud's own address; any other that is written out an administrator has allowed.

    Raises:
        Forbidden: it is one, or a number that only some take for an address: 127.1 is home.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host.replace(".", "").isdigit():
            raise Forbidden(f"{host} is no address: write all four numbers of it") from None
        return
    if is_metadata(address):
        raise Forbidden(f"{host} is an address that is never asked")


class _Guarded(AbstractResolver):
    """Looks names up, and leaves out the addresses that no name may lead to."""

    def __init__(self, api_server: str) -> None:
        self._api_server = _as_written(api_server)
        self._pool = ThreadPoolExecutor(LOOKUPS, "lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name that may be asked.

        Raises:
            Forbidden: it leads to others only.
            OSError: nobody knows it.
        """
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._pool, _look_up, host, port, family)
        is_its_name = _as_written(host) == self._api_server
        may = [r for r in found if not is_its_name and not self._is_forbidden(r["host"])]
        if found and not may:
            raise Forbidden(
                "its name leads to an address that is never asked: the operator's own machine, the "
                "API server, or a cloud's metadata"
            )
        return may

    async def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _is_forbidden(self, host: str) -> bool:
        address = ipaddress.ip_address(host.partition("%")[0])
        plain = led_to(address)
        return plain.is_loopback or is_metadata(plain) or str(plain) == self._api_server


def _as_written(host: str) -> str:
    """Return an address as Python writes it, or a name: the environment may have either."""
    bare = host.strip("[]").rstrip(".").lower()
    try:
        return str(led_to(ipaddress.ip_address(bare)))
    except ValueError:
        return bare


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    flags = socket.AI_ADDRCONFIG
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=flags)
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=port,
            family=kind,
            proto=proto,
            flags=socket.AI_NUMERICHOST,
        )
        for kind, _, proto, _, address in found
    ]
