"""The server's DTLS certificate: one PEM file with an ECDSA P-256 key and a self-signed certificate.

All workers use one certificate, so a client sees the same fingerprint whichever worker runs its room.
"""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiortc import RTCCertificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mediaserver.base.errors import StartError
from mediaserver.base.secrets import replace_file

_VALID = timedelta(days=3650)
_RENEW_BEFORE = timedelta(days=30)


def ensure_certificate(path: Path) -> None:
    """Create the file (mode 0600), unless it holds a certificate that stays valid for at least a month."""
    if path.exists():
        try:
            if load_certificate(path).expires - datetime.now(UTC) > _RENEW_BEFORE:
                return
        except OSError as error:
            raise StartError(f"The DTLS certificate {path} cannot be read: {error.strerror}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, _make_pem())


def load_certificate(path: Path) -> RTCCertificate:
    """Return the certificate in aiortc's form. Raises: StartError for a file that is not a certificate."""
    pem = path.read_bytes()
    try:
        key = serialization.load_pem_private_key(pem, password=None)
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise StartError(f"{path} is not a PEM file with a private key and a certificate: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise StartError(f"{path} must contain an ECDSA private key and its certificate")
    return RTCCertificate(key=key, cert=certificate)


def _make_pem() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    # A random name: the certificate should reveal nothing (RFC 8827 section 6.5 only checks the fingerprint).
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(16))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
