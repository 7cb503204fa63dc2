"""An authority and certificates by it, made for a test."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """A private key and its certificate, as PEM."""

    key: bytes
    certificate: bytes


@dataclass(frozen=True)
class Authority:
    """Who signs."""

    key: ec.EllipticCurvePrivateKey
    name: x509.Name
    certificate: bytes


def authority() -> Authority:
    key, name = ec.generate_private_key(ec.SECP256R1()), named("authority")
    signed = builder(name, name, key, ca=True).sign(key, hashes.SHA256())
    return Authority(key, name, signed.public_bytes(serialization.Encoding.PEM))


def pair(by: Authority, name: str) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = builder(named(name), by.name, key, ca=False).add_extension(address, False).sign(by.key, hashes.SHA256())
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(text, signed.public_bytes(serialization.Encoding.PEM))


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
