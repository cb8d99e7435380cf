"""The certificate that PayPal signs its webhooks with: where it may come from, and whether it is good.

What is checked without calling out: that it was fetched over https from one of PayPal's own hosts and the
path of its certificates (so its trust is that of the connection by which `certificate` fetched it), that
its name is one of that host's domain, that it is valid at the time of receipt, that its key is RSA of 2048
bits or more, and that each further certificate in the file is a valid authority which signed the one before
it. Not checked: that the last one is a public root (PayPal publishes none to pin), and revocation.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

from daemon.errors import HintRejected
from daemon.model import Mode

PATH = "/v1/notifications/certs/"
_LIVE, _SANDBOX, _DOMAIN = "api.paypal.com", "api.sandbox.paypal.com", "paypal.com"
_BITS = 2048
_LONGEST = 500


class Expired(HintRejected):
    """The certificate was good once: PayPal may have renewed it at the same address."""


def insist_on_origin(url: str, mode: Mode, own_base: str | None) -> str:
    """The host of a certificate's address; raises HintRejected where it is none of PayPal's of this mode, or
    of the server that the operator named in PayPal's place."""
    try:
        there = urlsplit(url)
        host, port = (there.hostname or "").lower(), there.port
    except ValueError as error:
        raise HintRejected("the certificate's address is not a URL") from error
    plain = not (there.query or there.fragment or there.username or there.password)
    name = there.path.removeprefix(PATH)
    if len(url) > _LONGEST or not plain or name == there.path or not name or set(name) & set("/\\%"):
        raise HintRejected("the certificate's address is not one of PayPal's certificates")
    base = urlsplit(own_base or "")
    if own_base and (there.scheme, there.netloc.lower()) == (base.scheme, base.netloc.lower()):
        return host
    if there.scheme == "https" and port in (None, 443) and _is_paypal(host, mode):
        return host
    raise HintRejected("the certificate is said to be on a host that is not PayPal's")


def _is_paypal(host: str, mode: Mode) -> bool:
    sandbox = host == _SANDBOX or host.endswith(f".sandbox.{_DOMAIN}")
    if mode is Mode.SANDBOX:
        return sandbox
    return not sandbox and (host == _LIVE or host.endswith(f".{_DOMAIN}"))


def public_key(pem: bytes, host: str, at: datetime) -> RSAPublicKey:
    """The key of a certificate file that is good at this time. Raises HintRejected, and Expired."""
    chain = _chain(loaded(pem))
    leaf = chain[0]
    if any(certificate.not_valid_after_utc < at for certificate in chain):
        raise Expired("the certificate is not valid any more")
    if any(certificate.not_valid_before_utc > at for certificate in chain):
        raise HintRejected("the certificate is not valid yet")
    if not any(_belongs(name, host) for name in _names(leaf)):
        raise HintRejected("the certificate is in another name")
    key = leaf.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < _BITS:
        raise HintRejected("the certificate's key is not RSA of 2048 bits or more")
    return key


@lru_cache(maxsize=16)
def loaded(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Raises HintRejected where the file holds no certificate."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise HintRejected("the certificate is not one") from error


def _chain(found: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The leaf, its issuer, and so on, as far as the file goes. Raises HintRejected where it holds others
    than the leaf, and none that issued it."""
    leaf = next((one for one in found if not _is_authority(one)), found[0])
    chain, left = [leaf], [one for one in found if one is not leaf]
    while (above := next((one for one in left if _issued(chain[-1], one)), None)) is not None:
        chain.append(above)
        left.remove(above)
    if len(chain) == 1 and left:
        raise HintRejected("the certificates in the file do not follow one another")
    return chain


def _issued(below: x509.Certificate, above: x509.Certificate) -> bool:
    if not _is_authority(above):
        return False
    try:
        below.verify_directly_issued_by(above)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound):
        return False


def _names(leaf: x509.Certificate) -> list[str]:
    common = [str(one.value) for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    try:
        also = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return common
    return [*common, *also.get_values_for_type(x509.DNSName)]


def _belongs(name: str, host: str) -> bool:
    """PayPal's certificates are in a name of their own (messageverificationcerts.paypal.com), so that the
    domain is what counts; the operator's own server signs in its own name."""
    lower = name.lower()
    if host == _DOMAIN or host.endswith(f".{_DOMAIN}"):
        return lower == _DOMAIN or lower.endswith(f".{_DOMAIN}")
    return lower == host
