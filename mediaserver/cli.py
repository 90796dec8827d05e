"""The command line: every command reads the same settings, and one that cannot go on says why in a sentence."""

import argparse
import asyncio
import getpass
import logging
import os
import re
import secrets
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from mediaserver.base.errors import Problem, StartError
from mediaserver.base.logs import configure_logging
from mediaserver.base.settings.tree import Settings, load_settings, names

if TYPE_CHECKING:  # commands import what they need: `--help` is quick
    from mediaserver.domain.accounts.users import User
    from mediaserver.usecases.context import Context

    Act = Callable[[Context, User], Awaitable[str]]

_SECRET = re.compile(r"(://[^:@/]*:)[^@/]+@")
"""A password within a URL."""


def main(argv: Sequence[str] | None = None) -> None:
    arguments, overrides = _parse(sys.argv[1:] if argv is None else argv)
    try:
        settings = load_settings(arguments.config, overrides)
        configure_logging(settings.log.level, settings.log.format)
        status = arguments.run(arguments, settings)
        sys.stdout.flush()
    except StartError as error:
        sys.exit(f"mediaserver: {error}")
    except Problem as problem:
        faults = "".join(f"\n  {fault.loc}: {fault.msg}" for fault in problem.errors)
        sys.exit(f"mediaserver: {problem.detail}{faults}")
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:  # `mediaserver settings | head`: who reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    sys.exit(status)


def _serve(arguments: argparse.Namespace, settings: Settings) -> int:
    from mediaserver.app import serve

    uvloop.run(serve(settings, lambda url: print(f"mediaserver is at {url}", flush=True)))
    return 0


def _create_user(arguments: argparse.Namespace, settings: Settings) -> int:
    from mediaserver.app import documents
    from mediaserver.usecases.accounts import identity

    password = arguments.password or _ask_password()

    async def create() -> None:
        async with documents(settings) as context:
            user = await identity.create_user(
                context, arguments.username, arguments.email, password, arguments.role
            )
            print(f"created {user.role} {user.username} ({user.id})")

    asyncio.run(create())
    return 0


def _set_role(arguments: argparse.Namespace, settings: Settings) -> int:
    from mediaserver.usecases.accounts import identity

    async def act(context: "Context", user: "User") -> str:
        return f"is now {(await identity.set_role(context, user.id, arguments.role)).role}"

    return _about_user(arguments, settings, act)


def _set_active(arguments: argparse.Namespace, settings: Settings) -> int:
    from mediaserver.usecases.accounts import identity

    async def act(context: "Context", user: "User") -> str:
        await identity.set_active(context, user.id, arguments.active)
        return "is active again" if arguments.active else "is deactivated and signed out everywhere"

    return _about_user(arguments, settings, act)


def _sign_out(arguments: argparse.Namespace, settings: Settings) -> int:
    from mediaserver.usecases.accounts import identity

    async def act(context: "Context", user: "User") -> str:
        await identity.end_all_logins(context, user.id)
        return "is signed out everywhere"

    return _about_user(arguments, settings, act)


def _reset_password(arguments: argparse.Namespace, settings: Settings) -> int:
    from mediaserver.usecases.accounts import password_changes

    password = arguments.password or _ask_password()

    async def act(context: "Context", user: "User") -> str:
        await password_changes.set_password(context, user.id, password)
        return "has a new password and is signed out everywhere"

    return _about_user(arguments, settings, act)


def _about_user(arguments: argparse.Namespace, settings: Settings, act: "Act") -> int:
    """Do something to the user whom the arguments name, and say what."""
    from mediaserver.app import documents
    from mediaserver.usecases.representation import users

    async def run() -> None:
        async with documents(settings) as context:
            user = await users.by_name(context, arguments.username)
            print(f"{user.username} {await act(context, user)}")

    asyncio.run(run())
    return 0


def _check_uploads(arguments: argparse.Namespace, settings: Settings) -> int:
    from mediaserver.app import documents
    from mediaserver.usecases.uploads.consistency_check import compare

    async def check() -> int:
        async with documents(settings) as context:
            parted = await compare(context)
            for upload in parted.broken:
                print(f"missing: an object of upload {upload.id} ({upload.name})")
            for key in parted.strays:
                if arguments.delete:
                    await context.objects.delete(key)
                print(f"{'deleted' if arguments.delete else 'stray'}: {key}")
        return len(parted.broken) + (0 if arguments.delete else len(parted.strays))

    left = asyncio.run(check())
    print(f"{left} to look after" if left else "all uploads are whole")
    return 1 if left else 0


def _strip_metadata(arguments: argparse.Namespace, settings: Settings) -> int:
    from mediaserver.app import documents
    from mediaserver.usecases.uploads.stored_metadata import strip_stored

    async def strip() -> int:
        async with documents(settings) as context:
            done = await strip_stored(context, retry_stuck=True)
        for upload_id in done.stuck:
            print(f"cannot be read, now for its owner only: upload {upload_id}")
        print(f"{done.changed} of {done.examined} files had metadata")
        return len(done.stuck)

    return 1 if asyncio.run(strip()) else 0


def _openapi(arguments: argparse.Namespace, settings: Settings) -> int:
    import json

    from mediaserver.api import description

    print(json.dumps(description(), indent=2))
    return 0


def _seed(arguments: argparse.Namespace, settings: Settings) -> int:
    from mediaserver.app import documents
    from mediaserver.seed.planting import accounts, plant

    password = arguments.password or secrets.token_urlsafe(9)

    async def fill() -> None:
        async with documents(settings) as context:
            planted = await plant(context, password)
            print("\n".join(accounts(planted)))
            print(f"all of them sign in with the password {password}")

    asyncio.run(fill())
    return 0


def _migrate(arguments: argparse.Namespace, settings: Settings) -> int:
    from mediaserver.app import DOCUMENTS, migrator
    from mediaserver.store.opening import opened

    async def migrate() -> None:
        async with opened(settings) as database:
            work = migrator(database, settings)
            if arguments.dry_run:
                print("\n".join(one.line() for one in await work.status()) or "there are no migrations")
                return
            changed = await work.run(arguments.again)
            await database.ensure_indexes(DOCUMENTS)
            print(f"the database is up to date: {changed} document{'s' if changed != 1 else ''} changed")

    asyncio.run(migrate())
    return 0


def _settings(arguments: argparse.Namespace, settings: Settings) -> int:
    for name, field in names().items():
        section, key = name.split(".")
        value = getattr(getattr(settings, section), key)
        shown = _SECRET.sub(r"\1***@", repr(value)) if field.repr or not value else "'***'"
        print(f"{name} = {shown}\n    {field.description}")
    return 0


def _doctor(arguments: argparse.Namespace, settings: Settings) -> int:
    from mediaserver.doctor import examine

    async def look() -> int:
        problems = 0
        async for finding in examine(settings):
            print(finding.line(), flush=True)
            problems += finding.level == "problem"
        return problems

    problems = uvloop.run(look())
    print(f"{problems} problem{'s' if problems != 1 else ''}" if problems else "all is well")
    return 1 if problems else 0


def _loadtest(arguments: argparse.Namespace, settings: Settings) -> int:
    import aiohttp

    from mediaserver.loadtest.account import Refused
    from mediaserver.loadtest.run import Load, run

    load = Load(
        arguments.url.rstrip("/"),
        arguments.publishers,
        arguments.subscribers,
        arguments.seconds,
        arguments.synthetic,
    )
    create = partial(_create_bots, settings) if arguments.create_accounts else None
    try:
        report = uvloop.run(run(load, create=create))
    except (Refused, aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        why = str(error) or "it did not answer in time"
        raise StartError(f"the load test could not be run on {load.url}: {why}") from error
    print(report.lines())
    return 0 if report.is_good else 1


async def _create_bots(settings: Settings, names: list[str]) -> str:
    """Create the accounts of a load test in the store, where they count as confirmed; return their password."""
    from mediaserver.app import documents
    from mediaserver.usecases.accounts import identity

    password = secrets.token_urlsafe(16)
    async with documents(settings) as context:
        for name in names:
            await identity.create_user(context, name, f"{name}@loadtest.invalid", password, "student")
    return password


def _verify_email(arguments: argparse.Namespace, settings: Settings) -> int:
    from mediaserver.usecases.accounts import email_verification

    async def act(context: "Context", user: "User") -> str:
        confirmed = await email_verification.confirm_by_operator(context, user)
        return f"has the confirmed address {confirmed.email} and is signed out everywhere"

    return _about_user(arguments, settings, act)


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass("Password: ")


def _parse(argv: Sequence[str]) -> tuple[argparse.Namespace, dict[str, str]]:
    parser = argparse.ArgumentParser(
        prog="mediaserver",
        description="Realtime media and session server for live teaching.",
        epilog="Every setting can be given as --section.name VALUE; `mediaserver settings` lists them.",
    )
    parser.add_argument("--version", action="version", version=version("mediaserver"))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")
    common.add_argument("--tls", choices=["self-signed"], help="serve HTTPS with a certificate of our own")

    commands.add_parser("serve", parents=[common], help="run the server").set_defaults(run=_serve)

    doctor = commands.add_parser(
        "doctor", parents=[common], help="check what these settings need; change nothing"
    )
    doctor.set_defaults(run=_doctor)

    create = commands.add_parser("create-user", parents=[common], help="create a user with any role")
    create.add_argument("username")
    create.add_argument("email")
    create.add_argument("--role", choices=["student", "instructor", "admin"], default="student")
    create.add_argument("--password", help="asked for (or read from standard input) when not given")
    create.set_defaults(run=_create_user)

    role = commands.add_parser("set-role", parents=[common], help="give a user another role")
    role.add_argument("username")
    role.add_argument("role", choices=["student", "instructor", "admin"])
    role.set_defaults(run=_set_role)

    for name, active, words in (
        ("deactivate", False, "keep a user out; acts on a running server within a second"),
        ("activate", True, "let a deactivated user sign in again"),
    ):
        activity = commands.add_parser(name, parents=[common], help=words)
        activity.add_argument("username")
        activity.set_defaults(run=_set_active, active=active)

    out = commands.add_parser("sign-out", parents=[common], help="end all logins of a user")
    out.add_argument("username")
    out.set_defaults(run=_sign_out)

    reset = commands.add_parser(
        "reset-password", parents=[common], help="give a user a new password; ends all their logins"
    )
    reset.add_argument("username")
    reset.add_argument("--password", help="asked for (or read from standard input) when not given")
    reset.set_defaults(run=_reset_password)

    verify = commands.add_parser(
        "verify-email", parents=[common], help="confirm a user's address without a link; ends all their logins"
    )
    verify.add_argument("username")
    verify.set_defaults(run=_verify_email)

    check = commands.add_parser(
        "check-uploads", parents=[common], help="compare uploads with the objects that are there"
    )
    check.add_argument("--delete", action="store_true", help="delete objects that belong to no upload")
    check.set_defaults(run=_check_uploads)

    strip = commands.add_parser(
        "strip-metadata", parents=[common], help="take places, cameras and names out of older uploads"
    )
    strip.set_defaults(run=_strip_metadata)

    migrate = commands.add_parser(
        "migrate", parents=[common], help="bring the database up to this version, as each start does"
    )
    migrate.add_argument("--dry-run", action="store_true", help="only show what is pending; change nothing")
    migrate.add_argument(
        "--again", action="store_true", help="look at all documents, also for migrations that are finished"
    )
    migrate.set_defaults(run=_migrate)

    load = commands.add_parser("loadtest", parents=[common], help="put bots into a session and measure")
    load.add_argument("url", help="of the running server")
    load.add_argument("--publishers", type=_at_least_one, default=1)
    load.add_argument("--subscribers", type=_at_least_one, default=10)
    load.add_argument("--seconds", type=float, default=10)
    load.add_argument("--synthetic", action="store_true", help="240 packets/s of 1,100 bytes, no real picture")
    load.add_argument(
        "--create-accounts",
        action="store_true",
        help="create the bots' accounts in the store of these settings instead of registering: for a server that "
        "requires confirmed addresses, or where registration is closed or restricted",
    )
    load.set_defaults(run=_loadtest)

    seed = commands.add_parser("seed", parents=[common], help="fill a server with a small school to look at")
    seed.add_argument("--password", help="of all its people; a random one when not given")
    seed.set_defaults(run=_seed)

    openapi = commands.add_parser("openapi", parents=[common], help="print the OpenAPI document")
    openapi.set_defaults(run=_openapi)
    listing = commands.add_parser("settings", parents=[common], help="list the settings in force")
    listing.set_defaults(run=_settings)

    arguments, rest = parser.parse_known_args(argv)
    overrides = _overrides(parser, rest)
    if arguments.tls == "self-signed":
        overrides["tls.self_signed"] = "true"
    return arguments, overrides


def _at_least_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _overrides(parser: argparse.ArgumentParser, rest: Sequence[str]) -> dict[str, str]:
    """`--section.name VALUE` and `--section.name=VALUE` among what argparse did not know."""
    found: dict[str, str] = {}
    words = iter(rest)
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or "." not in name:
            parser.error(f"unrecognized argument: {word}")
        if not equals and (following := next(words, None)) is not None:
            value = following
        elif not equals:
            parser.error(f"--{name} needs a value")
        found[name] = value
    return found


logging.captureWarnings(True)
