"""HTTPS: a TLS context from certificate files, or from a self-signed certificate made under the data directory.

Connections that are open keep their certificate; new ones get what was read last, so renewing needs no restart.
"""

import ipaddress
import logging
import os
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mediaserver.base.errors import StartError
from mediaserver.base.secrets import private_directory, replace_file

log = logging.getLogger(__name__)

_VALID = timedelta(days=397)  # browsers refuse certificates for longer than 398 days
_RENEW_BEFORE = timedelta(days=30)
_Stamps = tuple[tuple[int, int], ...]


class ServerTls:
    """The context to listen with, and the files that it comes from."""

    def __init__(self, cert: Path, key: Path) -> None:
        """Raises `StartError` naming the file that is missing or wrong."""
        self._cert, self._key = cert, key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._seen = self._load()

    def reload(self) -> bool:
        """Read the files again when they changed (call on SIGHUP and now and then); False when nothing was taken.

        Files that are wrong are logged and the running certificate stays.
        """
        try:
            if self._stamps() == self._seen:
                return False
            self._seen = self._load()
        except (OSError, StartError) as error:
            log.error("the TLS certificate was not reloaded: %s", error)
            return False
        log.info("read the TLS certificate %s", self._cert)
        return True

    def _load(self) -> _Stamps:
        for path, setting in ((self._cert, "tls.cert"), (self._key, "tls.key")):
            if not os.access(path, os.R_OK):
                raise StartError(f"{setting}: the file {path} does not exist or cannot be read")
        stamps = self._stamps()
        try:
            # First a trial: a wrong pair must not leave the running context with half of it.
            for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.context):
                context.load_cert_chain(self._cert, self._key, password=_refuse_password)
        except (ssl.SSLError, ValueError) as error:
            raise StartError(
                f"tls.cert {self._cert} and tls.key {self._key} are no certificate with its private key: {error}"
            ) from error
        return stamps

    def _stamps(self) -> _Stamps:
        return tuple((s.st_mtime_ns, s.st_ino) for s in (self._cert.stat(), self._key.stat()))


def ensure_self_signed(data_dir: Path, names: Sequence[str] = ()) -> tuple[Path, Path]:
    """Paths (certificate, key) under `data_dir/tls`, made anew when missing, nearly over or not for all names.

    `names` are host names and addresses; by default those of this machine. Raises `StartError`.
    """
    directory = private_directory(data_dir / "tls")
    cert_path, key_path = directory / "self-signed.pem", directory / "self-signed.key"
    wanted = {"localhost", "127.0.0.1", "::1", *(names or machine_names())}
    if not _serves(cert_path, key_path, wanted):
        log.info("making a self-signed certificate for %s", ", ".join(sorted(wanted)))
        key_pem, cert_pem = _make(sorted(wanted))
        try:
            # A pair that a crash cut in two does not match, so the next start makes it anew.
            replace_file(key_path, key_pem)
            replace_file(cert_path, cert_pem)
        except OSError as error:
            raise StartError(f"the certificate {cert_path} cannot be written: {error.strerror}") from error
    return cert_path, key_path


def is_self_signed(cert: Path | None) -> bool:
    """Return whether a certificate is self-signed: browsers trust it only after somebody has confirmed it."""
    try:
        certificate = x509.load_pem_x509_certificate(cert.read_bytes()) if cert else None
    except (OSError, ValueError):
        return False
    return certificate is not None and certificate.issuer == certificate.subject


def machine_names() -> set[str]:
    """This machine's host name and the addresses by which others reach it."""
    name = socket.gethostname()
    found = {name} if _dns_name(name) else set()
    for family, probe in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            # Connecting a UDP socket sends nothing; it only asks the routing table for our address.
            with socket.socket(family, socket.SOCK_DGRAM) as udp:
                udp.connect((probe, 9))
                found.add(udp.getsockname()[0])
        except OSError:
            continue
    return found


def _refuse_password() -> str:
    raise ValueError("the private key is protected by a password; use one without")


def _serves(cert_path: Path, key_path: Path, wanted: set[str]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(cert_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    covered = {
        *names.get_values_for_type(x509.DNSName),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    }
    return (
        wanted <= covered
        and key.public_key() == certificate.public_key()
        and certificate.not_valid_after_utc - datetime.now(UTC) > _RENEW_BEFORE
    )


def _make(names: Sequence[str]) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mediaserver (self-signed)")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key_pem, certificate.public_bytes(serialization.Encoding.PEM)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _dns_name(name: str) -> bool:
    return name.isascii() and bool(name.strip(".")) and all(c.isalnum() or c in "-." for c in name)
