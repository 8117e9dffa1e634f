"""TLS for tests: certificates made on the spot, and a front that speaks TLS for a server that cannot."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
_ASKING_FOR_TLS = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""What a client of PostgreSQL says first, in plain; `S` is the answer of a server that has TLS."""


class Certificates(NamedTuple):
    """Files: who vouches, what the server shows, and what a client shows; each with its key in the same file."""

    ca: Path
    server: Path
    client: Path
    stranger: Path
    """An authority that vouched for nobody here."""

    def context(self) -> ssl.SSLContext:
        """What a server takes that wants a certificate from its clients, too."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.ca)
        context.load_cert_chain(self.server)
        context.verify_mode = ssl.CERT_REQUIRED
        return context


def certificates(directory: Path) -> Certificates:
    """An authority, a server on 127.0.0.1 and a client, good for an hour."""
    directory.mkdir(parents=True, exist_ok=True)
    key, ca = _authority("A test")
    files = Certificates(*(directory / f"{name}.pem" for name in Certificates._fields))
    files.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    _issue(files.server, "server", ca, key)
    _issue(files.client, "titan", ca, key)
    files.stranger.write_bytes(_authority("A stranger")[1].public_bytes(serialization.Encoding.PEM))
    return files


def _authority(name: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        _draft(subject, subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, made


def _issue(file: Path, name: str, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        _draft(subject, ca.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    file.touch(mode=0o600)
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem),
    )


def _draft(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


@asynccontextmanager
async def front(port: int, files: Certificates, *, asks_first: bool = False) -> AsyncGenerator[int]:
    """The port of a server that takes TLS, with certificates on both sides, and passes on to a port in plain.

    Args:
        port: Of the server behind.
        files: What it shows, and who vouches for its clients.
        asks_first: Whether clients ask for TLS in plain, as those of PostgreSQL do.
    """
    context = files.context()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ahead = None
        try:
            if asks_first:
                assert await reader.readexactly(len(_ASKING_FOR_TLS)) == _ASKING_FOR_TLS
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(context)
            behind, ahead = await asyncio.open_connection(HOST, port)
            async with asyncio.TaskGroup() as group:
                group.create_task(_pass_on(reader, ahead))
                group.create_task(_pass_on(behind, writer))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            if ahead is not None:
                ahead.close()

    server = await asyncio.start_server(serve, HOST, 0, ssl=None if asks_first else context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
