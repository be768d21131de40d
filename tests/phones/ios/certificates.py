"""Keys and certificates of simulated phones and of the lab host that is paired with them.

All keys of one process are the same few: making one takes a tenth of a second, and no client can
tell. A pair record has the shape that usbmuxd keeps for each phone.
"""

from __future__ import annotations

import ssl
import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

_VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_VALID = timedelta(days=365 * 30)


@cache
def _key(owner: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def device_public_key() -> bytes:
    """The phone's public key as lockdownd tells it: PEM of the bare PKCS#1 form."""
    return _key("device").public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)


def make_pair_record(host: str, wifi_address: str) -> dict[str, Any]:
    """What a host named ``host`` and a phone keep after the person has tapped Trust."""
    root_key, host_key = _key(f"root {host}"), _key(f"host {host}")
    public = load_pem_public_key(device_public_key())
    assert isinstance(public, rsa.RSAPublicKey)
    return {
        "DeviceCertificate": _certificate("device", public, root_key),
        "HostCertificate": _certificate("host", host_key.public_key(), root_key),
        "HostPrivateKey": _private_pem(host_key),
        "RootCertificate": _certificate("root", root_key.public_key(), root_key),
        "RootPrivateKey": _private_pem(root_key),
        "HostID": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"host.{host}")).upper(),
        "SystemBUID": system_buid(host),
        "EscrowBag": bytes(32),
        "WiFiMACAddress": wifi_address,
    }


def system_buid(host: str) -> str:
    """The identity of a host's usbmuxd."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"buid.{host}")).upper()


def server_context(record: dict[str, Any]) -> ssl.SSLContext:
    """TLS as the phone serves it to one paired host: only that host's certificates are let in.

    Some clients show the host's, libimobiledevice the root. Each is trusted itself, because some
    clients write certificates without names, of which none can vouch for another.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")  # as lenient as the old clients that phones still serve
    context.verify_mode = ssl.CERT_REQUIRED
    for name in ("HostCertificate", "RootCertificate"):
        context.load_verify_locations(cadata=bytes(record[name]).decode())
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    with tempfile.NamedTemporaryFile() as chain:
        chain.write(bytes(record["DeviceCertificate"]) + b"\n" + _private_pem(_key("device")))
        chain.flush()
        context.load_cert_chain(chain.name)
    return context


def _certificate(name: str, key: rsa.RSAPublicKey, issuer: rsa.RSAPrivateKey) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    root = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "root")])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(root)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_VALID_FROM)
        .not_valid_after(_VALID_FROM + _VALID)
        .add_extension(x509.BasicConstraints(ca=name == "root", path_length=None), critical=True)
        .sign(issuer, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM)


def _private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
