import asyncio
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from mediaserver.base.errors import StartError
from mediaserver.base.net.tls import ServerTls, ensure_self_signed, machine_names


async def served_certificate(tls: ServerTls, name: str = "localhost") -> bytes:
    """The certificate (DER) that a client gets which trusts it and checks `name`."""

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0, ssl=tls.context)
    async with server:
        client = ssl.create_default_context(cafile=str(tls._cert))
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=name)
        certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
    return certificate


async def test_a_client_that_trusts_it_connects_by_name_and_address(tmp_path: Path) -> None:
    tls = ServerTls(*ensure_self_signed(tmp_path, ["192.0.2.7", "media.test"]))
    for name in ("localhost", "127.0.0.1", "192.0.2.7", "media.test"):
        assert await served_certificate(tls, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        await served_certificate(tls, "elsewhere.test")


def test_it_is_made_once_and_private(tmp_path: Path) -> None:
    cert, key = ensure_self_signed(tmp_path, ["192.0.2.7"])
    before = cert.read_bytes(), key.read_bytes()
    assert ensure_self_signed(tmp_path, ["192.0.2.7"]) == (cert, key)
    assert (cert.read_bytes(), key.read_bytes()) == before
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o777 == 0o700


def test_it_is_made_anew_for_a_new_address(tmp_path: Path) -> None:
    cert, _ = ensure_self_signed(tmp_path, ["192.0.2.7"])
    before = cert.read_bytes()
    ensure_self_signed(tmp_path, ["192.0.2.8"])
    assert cert.read_bytes() != before
    names = x509.load_pem_x509_certificate(cert.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert "192.0.2.8" in map(str, names.value.get_values_for_type(x509.IPAddress))


def test_a_pair_that_does_not_fit_is_made_anew(tmp_path: Path) -> None:
    cert, key = ensure_self_signed(tmp_path / "a", ["192.0.2.7"])
    other_cert, _ = ensure_self_signed(tmp_path / "b", ["192.0.2.7"])
    cert.write_bytes(other_cert.read_bytes())
    ServerTls(*ensure_self_signed(tmp_path / "a", ["192.0.2.7"]))
    assert key.exists()


async def test_a_renewed_certificate_is_taken_without_a_restart(tmp_path: Path) -> None:
    cert, key = ensure_self_signed(tmp_path, ["192.0.2.7"])
    tls = ServerTls(cert, key)
    first = await served_certificate(tls)
    assert not tls.reload()
    ensure_self_signed(tmp_path, ["192.0.2.8"])
    assert tls.reload()
    assert await served_certificate(tls) != first


async def test_a_wrong_file_does_not_take_the_running_certificate_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = ensure_self_signed(tmp_path, ["192.0.2.7"])
    trusted = cert.read_bytes()
    tls = ServerTls(cert, key)
    first = await served_certificate(tls)
    key.write_text("nonsense")
    assert not tls.reload()
    assert "was not reloaded" in caplog.text
    cert.write_bytes(trusted)
    assert await served_certificate(tls) == first


def test_missing_and_wrong_files_stop_the_start_with_their_names(tmp_path: Path) -> None:
    cert, key = ensure_self_signed(tmp_path, ["192.0.2.7"])
    with pytest.raises(StartError, match=r"tls\.key: the file .*none\.key does not exist"):
        ServerTls(cert, tmp_path / "none.key")
    with pytest.raises(StartError, match=r"tls\.cert .*self-signed\.key and tls\.key .*no certificate"):
        ServerTls(key, key)


def test_the_machine_has_a_name_or_an_address() -> None:
    assert all(machine_names())
