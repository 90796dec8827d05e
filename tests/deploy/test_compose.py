"""No container engine is needed: the files are read as an engine would, against settings and schema."""

import asyncio
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from mediaserver.base.net.tls import ServerTls, ensure_self_signed
from mediaserver.base.settings.tree import ENV_PREFIX, Settings, load_settings, names
from mediaserver.documentserver.commands import TABLE

ROOT = Path(__file__).parents[2]
PRODUCTION = ROOT / "config" / "production.toml"
GIVEN = {
    "PUBLIC_URL": "https://media.example.org",
    "ANNOUNCED_IP": "203.0.113.7",
    "MONGODB_PASSWORD": "m0ng0pw",
    "REDIS_PASSWORD": "r3dispw",
    "MINIO_PASSWORD": "mini0password",
    "MONGODB_ROOT_PASSWORD": "r00tmongo",
    "MINIO_ROOT_PASSWORD": "r00tminio",
    "TURN_SECRET": "turns3cret",
    "MAIL_HOST": "smtp.example.org",
    "MAIL_USERNAME": "media",
    "MAIL_PASSWORD": "m4ilpw",
    "MAIL_SENDER": "Mediaserver <mediaserver@example.org>",
}
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:[?-])([^}]*))?\}")


class Missing(Exception):
    pass


def interpolate(value: Any, variables: Mapping[str, str]) -> Any:
    """`${A}`, `${A:?message}` and `${A:-default}`, as the Compose specification defines them."""

    def fill(match: re.Match[str]) -> str:
        name, operator, operand = match.groups()
        if variables.get(name):
            return variables[name]
        if operator == ":?":
            raise Missing(name)
        return operand if operator == ":-" else ""

    match value:
        case str():
            return _VARIABLE.sub(fill, value)
        case dict():
            return {key: interpolate(item, variables) for key, item in value.items()}
        case list():
            return [interpolate(item, variables) for item in value]
    return value


def raw() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


@pytest.fixture
def compose() -> dict[str, Any]:
    filled: dict[str, Any] = interpolate(raw(), GIVEN)
    return filled


@pytest.fixture
def settings(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What the server in its container ends up with."""
    environment = {key: str(value) for key, value in compose["services"]["server"]["environment"].items()}
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    return load_settings(PRODUCTION, environ=environment)


def published(service: Mapping[str, Any], protocol: str) -> set[int]:
    """Ports of the host; each must be the same inside unless it is HTTP."""
    found = set()
    for port in service.get("ports", ()):
        mapping, _, kind = port.partition("/")
        if kind == protocol:
            found |= set(ports(mapping.split(":")[-2]))
    return found


def ports(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text()))
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def argument(word: str) -> str:
    return [rest for found, rest in instructions() if found == word][-1]


def test_the_file_fits_the_compose_specification(compose: dict[str, Any]) -> None:
    pytest.importorskip("check_jsonschema", reason="it brings the schema of the Compose specification")
    schema = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    rules = json.loads(schema.read_text())
    validator = jsonschema.validators.validator_for(rules)(rules)
    assert [error.message for error in validator.iter_errors(compose)] == []
    broken = compose | {"services": {"server": {"imagee": "x"}}}
    assert not validator.is_valid(broken)


@pytest.mark.parametrize("name", GIVEN)
def test_a_missing_variable_stops_the_start(name: str) -> None:
    with pytest.raises(Missing, match=name):
        interpolate(raw(), {key: value for key, value in GIVEN.items() if key != name})


def test_the_example_environment_names_all_variables() -> None:
    text = (ROOT / ".env.example").read_text()
    wanted = {match.group(1) for match in _VARIABLE.finditer((ROOT / "docker-compose.yml").read_text())}
    assert set(re.findall(r"(?m)^#? ?([A-Z_]+)=", text)) == wanted


def test_no_secret_is_written_down() -> None:
    for service in raw()["services"].values():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|AUTH", key):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), key


def test_services_refer_to_what_exists(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", ())) <= set(compose["services"])
        for volume in service.get("volumes", ()):
            source, _, rest = volume.partition(":")
            if source.startswith("./"):
                assert (ROOT / source).exists()
                assert rest.endswith(":ro")
            else:
                assert source in compose["volumes"]
        assert set(service["networks"]) <= set(compose["networks"])
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in compose["services"][other]


def test_the_servers_environment_is_made_of_its_settings(compose: dict[str, Any], settings: Settings) -> None:
    known = {ENV_PREFIX + name.replace(".", "__").upper() for name in names()}
    assert set(compose["services"]["server"]["environment"]) <= known
    assert settings.http.public_url == "https://media.example.org"
    assert settings.auth.require_verified_email and settings.mail.backend == "smtp"
    assert settings.mail.host == "smtp.example.org" and settings.mail.password == "m4ilpw"
    assert settings.media.announced_ips == ("203.0.113.7",)
    assert settings.mongodb.uri == "mongodb://mediaserver:m0ng0pw@mongodb:27017/?authSource=mediaserver"


def test_the_media_ports_are_published_under_their_own_numbers(
    compose: dict[str, Any], settings: Settings
) -> None:
    server = compose["services"]["server"]
    wanted = set(range(settings.media.port, settings.media.port + settings.media.workers))
    assert published(server, "udp") == wanted
    for service in compose["services"].values():
        for port in service.get("ports", ()):
            outside, inside = port.partition("/")[0].split(":")[-2:]
            assert outside == inside


def test_http_is_reachable_from_outside_the_container(compose: dict[str, Any], settings: Settings) -> None:
    assert settings.http.host == "0.0.0.0"
    assert published(compose["services"]["server"], "tcp") == {settings.http.port}


def test_the_parts_share_their_secrets_and_addresses(compose: dict[str, Any], settings: Settings) -> None:
    services = compose["services"]
    turn = services["coturn"]["command"]
    assert f"--static-auth-secret={settings.media.turn_secret}" in turn
    assert f"--external-ip={settings.media.announced_ips[0]}" in turn
    assert f"--allowed-peer-ip={settings.media.announced_ips[0]}" in turn
    relay = turnserver()
    everyone = {"0.0.0.0-255.255.255.255", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}
    assert set(relay["denied-peer-ip"]) == everyone
    assert {"no-tcp-relay", "no-multicast-peers", "no-cli", "use-auth-secret"} < set(relay)
    first, last = int(relay["min-port"][0]), int(relay["max-port"][0])
    assert published(services["coturn"], "udp") == {3478, *range(first, last + 1)}
    assert 0 < int(relay["user-quota"][0]) < int(relay["total-quota"][0]) <= last + 1 - first
    assert 0 < int(relay["max-bps"][0]) < int(relay["bps-capacity"][0])
    assert services["bucket"]["environment"]["MEDIASERVER_PASSWORD"] == settings.objects.secret_key
    made = (ROOT / "config" / "minio" / "create-user.sh").read_text()
    assert f"mc mb --ignore-existing objects/{settings.objects.bucket}\n" in made
    assert f"user add objects {settings.objects.access_key} " in made
    assert f":{services['mongodb']['environment']['MEDIASERVER_PASSWORD']}@" in settings.mongodb.uri
    assert f"mediaserver:{services['redis']['environment']['MEDIASERVER_PASSWORD']}@redis:" in settings.redis.url


def turnserver() -> dict[str, list[str]]:
    """The options of the relay's file, each with its values."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "config" / "coturn" / "turnserver.conf").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_the_server_knows_no_password_of_an_administrator(settings: Settings, compose: dict[str, Any]) -> None:
    environment = json.dumps(compose["services"]["server"]["environment"])
    for name in GIVEN:
        assert (GIVEN[name] in environment) == ("ROOT" not in name), name


def test_databases_are_reached_by_the_server_only(compose: dict[str, Any]) -> None:
    assert compose["networks"]["backend"]["internal"] is True
    for name, service in compose["services"].items():
        if name in ("mongodb", "redis", "minio", "bucket"):
            assert service["networks"] == ["backend"]
            assert "ports" not in service
    assert compose["services"]["coturn"]["networks"] == ["frontend"]


def test_only_the_gateway_of_the_network_is_a_trusted_proxy(compose: dict[str, Any], settings: Settings) -> None:
    """Safe because no stranger reaches the port, except through a proxy on this machine."""
    (network,) = compose["networks"]["frontend"]["ipam"]["config"]
    assert settings.http.trusted_proxies == (network["gateway"],)
    assert [port for port in compose["services"]["server"]["ports"] if "tcp" in port] == [
        "127.0.0.1:8080:8080/tcp"
    ]


def test_metrics_are_not_published(compose: dict[str, Any], settings: Settings) -> None:
    assert settings.monitoring.port == 9090
    for service in compose["services"].values():
        assert not any("9090" in port for port in service.get("ports", ()))


@pytest.mark.parametrize("name", ["server", "mongodb", "redis", "minio", "bucket", "coturn"])
def test_containers_have_no_more_privileges_than_they_need(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] and service["mem_limit"]
    assert service.get("read_only") or name == "mongodb"
    needed = {"mongodb": {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}, "coturn": {"NET_BIND_SERVICE"}}
    assert set(service.get("cap_add", ())) == needed.get(name, set())
    assert "healthcheck" in service or name in ("server", "bucket")  # the server's is in its image
    assert "privileged" not in service and "network_mode" not in service


# What each role or policy allows, from the manuals of MongoDB (built-in roles) and S3 (actions by operation).
READ_WRITE = frozenset(
    (
        "aggregate", "bulkWrite", "collMod", "collStats", "count", "create", "createIndexes", "dbStats", "delete",
        "distinct", "drop", "dropIndexes", "find", "findAndModify", "getMore", "insert", "killCursors",
        "listCollections", "listIndexes", "update",
    )
)  # fmt: skip
WITHOUT_RIGHTS = frozenset(
    (
        "abortTransaction", "buildInfo", "buildinfo", "commitTransaction", "endSessions", "explain", "hello",
        "ismaster", "isMaster", "killSessions", "ping",
    )
)  # fmt: skip
"""Asked of the connection, or with the rights of what they are about."""
S3_ACTIONS = {
    "upload_file": {"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
    "put_object": {"s3:PutObject"}, "get_object": {"s3:GetObject"}, "head_object": {"s3:GetObject"},
    "delete_object": {"s3:DeleteObject"}, "list_objects_v2": {"s3:ListBucket"}, "head_bucket": {"s3:ListBucket"},
}  # fmt: skip


def test_the_role_of_the_database_user_covers_every_command() -> None:
    """The embedded document server refuses what it does not know: its commands are all that the server uses."""
    script = (ROOT / "config" / "mongodb" / "create-user.js").read_text()
    assert re.findall(r"role: \"(\w+)\", db: \"(\w+)\"", script) == [("readWrite", "mediaserver")]
    assert "process.env.MEDIASERVER_PASSWORD" in script
    for_maintenance = {
        name for name in TABLE if name in ("dropDatabase", "listDatabases", "dbStats", "connectionStatus")
    }
    assert set(TABLE) - for_maintenance <= READ_WRITE | WITHOUT_RIGHTS
    source = "\n".join(
        path.read_text() for path in (ROOT / "mediaserver").rglob("*.py") if "documentserver" not in path.parts
    )
    assert not re.search(r"drop_database|list_database_names|list_databases|dropDatabase", source)


def test_the_policy_of_the_bucket_covers_every_call_and_no_other_bucket(settings: Settings) -> None:
    policy = json.loads((ROOT / "config" / "minio" / "policy.json").read_text())
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    bucket = f"arn:aws:s3:::{settings.objects.bucket}"
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert set(statement["Resource"]) <= {bucket, f"{bucket}/*"}
        about_bucket = {"s3:ListBucket", "s3:GetBucketLocation"}
        assert set(statement["Action"]) <= about_bucket if statement["Resource"] == [bucket] else True
    source = (ROOT / "mediaserver" / "store" / "objects" / "s3.py").read_text()
    used = set(re.findall(r"_(?:client|prober)\.(\w+)[,)]", source)) | set(re.findall(r'"(\w+_object)"', source))
    assert used == set(S3_ACTIONS)
    assert allowed == {action for name in used for action in S3_ACTIONS[name]} | {"s3:GetBucketLocation"}


def test_the_data_directory_is_on_a_volume(compose: dict[str, Any], settings: Settings) -> None:
    assert f"data:{settings.data.dir}" in compose["services"]["server"]["volumes"]
    assert argument("VOLUME") == str(settings.data.dir)


def test_the_image_copies_what_exists_and_only_that_is_sent() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for word, rest in instructions():
        if word != "COPY" or rest.startswith("--from="):
            continue
        for source in rest.split()[:-1]:
            assert (ROOT / source).exists()
            assert f"!{source.removeprefix('./')}" in ignored
    assert "*" in ignored


def test_the_image_exposes_what_the_settings_use(settings: Settings) -> None:
    exposed = dict(reversed(one.split("/")) for one in argument("EXPOSE").split())
    assert list(ports(exposed["tcp"])) == [settings.http.port]
    first = settings.media.port
    assert ports(exposed["udp"]) == range(first, first + settings.media.workers)


def test_the_image_runs_without_privileges_compiler_or_shell() -> None:
    assert argument("FROM") == "python:3.11-slim-bookworm"
    assert argument("USER") not in ("root", "0")
    assert "--only-binary=:all:" in " ".join(rest for word, rest in instructions() if word == "RUN")
    assert not re.search(r"\b(gcc|build-essential|apt-get)\b", (ROOT / "Dockerfile").read_text())
    command = [*json.loads(argument("ENTRYPOINT")), *json.loads(argument("CMD"))]
    assert command[-1] == "/etc/mediaserver/production.toml"
    assert ("COPY", "config /etc/mediaserver") in instructions()


@pytest.mark.parametrize("secure", [False, True])
async def test_the_health_check_tells_healthy_from_dead(secure: bool, tmp_path: Path) -> None:
    async def healthz(request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    context = ServerTls(*ensure_self_signed(tmp_path)).context if secure else None
    server = TestServer(app, scheme="https" if secure else "http", host="127.0.0.1")
    await server.start_server(ssl=context)
    check = health_check().replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")

    async def status() -> int:
        done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", check], capture_output=True)
        return done.returncode

    assert await status() == 0
    await server.close()
    assert await status() != 0


def health_check() -> str:
    words = shlex.split(argument("HEALTHCHECK").partition(" CMD ")[0])
    assert {word.partition("=")[0] for word in words} == {
        "--interval",
        "--timeout",
        "--start-period",
        "--retries",
    }
    python, option, code = json.loads(argument("HEALTHCHECK").partition(" CMD ")[2])
    assert (python, option) == ("python", "-c")
    assert isinstance(code, str)
    return code
