"""The certificate that the double signs its webhooks with, made by itself: a leaf under a root of its own,
both in one PEM file, the leaf first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

_LIFE = timedelta(days=3650)
_BEFORE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Signer:
    """A key with its certificate file."""

    key: rsa.RSAPrivateKey
    pem: bytes
    name: str

    def sign(self, message: bytes) -> bytes:
        """RSA PKCS#1 v1.5 over SHA-256, as SHA256withRSA says."""
        return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """Made once in a process: a tenth of a second each."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signer(now: datetime, host: str, *, stranger: bool = False) -> Signer:
    """`host` is the name in the certificate; `stranger` is somebody else's key."""
    name = "stranger" if stranger else "paypal"
    root, leaf = key(f"{name} root"), key(name)
    issuer = _named("Sandbox Root")
    top = _signed(_builder(issuer, issuer, root.public_key(), now, ca=True), root)
    below = _builder(_named(host), issuer, leaf.public_key(), now, ca=False).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
    )
    pem = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (_signed(below, root), top))
    return Signer(leaf, pem, f"CERT-{name}-{now:%Y%m%d}")


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _builder(
    subject: x509.Name, issuer: x509.Name, public: rsa.RSAPublicKey, now: datetime, *, ca: bool
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(2 if ca else 1)
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )


def _signed(builder: x509.CertificateBuilder, by: rsa.RSAPrivateKey) -> x509.Certificate:
    return builder.sign(by, hashes.SHA256())
