"""The wire to customers' addresses, over real TLS: the certificate is checked against the name, each time."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from daemon.clock import SystemClock
from daemon.errors import Unreachable
from daemon.wire.public import PublicBackend, PublicWire
from tests.providers.stripe_script import OpenGate

PUBLIC = "93.184.215.14"
NAME = "billing.example.com"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Internet(httpcore.SyncBackend):
    """Where the public address lies: at a port of this machine."""

    def __init__(self, port: int) -> None:
        self.port, self.connections = port, 0

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        assert host == PUBLIC
        self.connections += 1
        return super().connect_tcp("127.0.0.1", self.port, timeout, local_address, socket_options)


def a_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file


class Server:
    """Answers over TLS; remembers the names that were asked for and the Host headers."""

    def __init__(self, folder: Path) -> None:
        self.cert_file, key_file = a_certificate(folder)
        self.names: list[str | None] = []
        self.hosts: list[bytes] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.cert_file, key_file)
        self._context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _address = self._listener.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(plain, server_side=True) as stream:
                    asked = stream.recv(65_536)
                    self.hosts += [
                        line[6:] for line in asked.split(b"\r\n") if line.lower().startswith(b"host:")
                    ]
                    stream.sendall(ANSWER)
            except OSError:
                plain.close()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.close()


def a_wire(server: Server) -> tuple[PublicWire, Internet]:
    trusted = ssl.create_default_context(cafile=str(server.cert_file))
    internet = Internet(server.port)
    wire = PublicWire("the customer", gate=OpenGate(), clock=SystemClock(), ssl_context=trusted)
    pool = wire._client._transport._pool  # type: ignore[attr-defined]
    pool._network_backend = PublicBackend(internet, (), lambda _host, _port: [PUBLIC])
    return wire, internet


def test_the_name_is_what_tls_and_the_host_header_say_although_the_address_is_connected(
    server: Server,
) -> None:
    wire, internet = a_wire(server)

    assert wire.request("GET", f"https://{NAME}/hook").body == b"hi"
    assert (server.names, server.hosts, internet.connections) == ([NAME], [NAME.encode()], 1)


def test_a_certificate_of_another_name_is_not_taken(server: Server) -> None:
    wire, _internet = a_wire(server)

    with pytest.raises(Unreachable):
        wire.request("GET", "https://other.example.com/hook")
    assert server.hosts == []


def test_no_connection_of_one_name_serves_another(server: Server) -> None:
    """With connections kept, another name at the same address would pass on the first one's certificate."""
    wire, internet = a_wire(server)
    wire.request("GET", f"https://{NAME}/hook")

    with pytest.raises(Unreachable):
        wire.request("GET", "https://other.example.com/hook")
    wire.request("GET", f"https://{NAME}/hook")
    assert internet.connections == 3
