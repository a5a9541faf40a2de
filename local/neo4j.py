"""The real Neo4j community server with Neo4j Browser, on loopback."""

import base64
import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path

from core.errors import ConfigurationError
from local.java import class_path, heap, java, write_properties
from local.part import Part, bound
from local.settings import StackSettings

MODULES = ("java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch", "java.base/java.util.concurrent")
FLAGS = (
    *(f"--add-opens={module}=ALL-UNNAMED" for module in MODULES),
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)


def neo4j(settings: StackSettings) -> Part:
    """The server as a part."""
    home = settings.data / "neo4j"
    return Part(
        name="neo4j",
        title="Neo4j",
        address=f"http://127.0.0.1:{settings.port('neo4j_http_port')}",
        command=(
            java(),
            *FLAGS,
            *heap(settings.neo4j_heap_mb),
            "-cp",
            class_path("neo4j"),
            "org.neo4j.server.Neo4jCommunity",
            f"--home-dir={home}",
            f"--config-dir={home / 'conf'}",
            "--console-mode",
        ),
        prepare=lambda: prepare(settings, home),
        ready=lambda: answers(settings),
        stop_seconds=30.0,
    )


def prepare(settings: StackSettings, home: Path) -> None:
    """Writes the configuration, and sets the password before the first start."""
    write_properties(
        home / "conf" / "neo4j.conf",
        {
            "server.default_listen_address": "127.0.0.1",
            "server.bolt.listen_address": f"127.0.0.1:{settings.port('neo4j_bolt_port')}",
            "server.bolt.advertised_address": f"127.0.0.1:{settings.port('neo4j_bolt_port')}",
            "server.http.listen_address": f"127.0.0.1:{settings.port('neo4j_http_port')}",
            "server.http.advertised_address": f"127.0.0.1:{settings.port('neo4j_http_port')}",
            "server.memory.pagecache.size": "128m",
            "db.tx_log.preallocate": "false",
            "db.tx_log.rotation.size": "16m",
            "db.tx_log.rotation.retention_policy": "1 files",
            "dbms.usage_report.enabled": "false",
            "server.bolt.telemetry.enabled": "false",
            "server.fleet_discovery.enabled": "false",
            "dbms.fleet_manager.enabled": "false",
            # The data is safe half a second after SIGTERM; by default idle network threads are then waited for three times 5 s.
            "internal.dbms.bolt.netty_server_shutdown_quiet_period_duration": "0s",
            "internal.dbms.bolt.netty_server_shutdown_timeout": "2s",
            "internal.server.bolt.thread_pool_shutdown_wait_time": "2s",
        },
    )
    if (home / "data" / "dbms" / "auth.ini").exists() or (home / "data" / "databases").exists():
        return
    tool = (java(), *FLAGS, "-Xmx256m", "-cp", class_path("neo4j"), "org.neo4j.cli.AdminTool", "dbms", "set-initial-password")
    environment = {**os.environ, "NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")}
    result = subprocess.run(bound([*tool, settings.neo4j_password.get_secret_value()]), env=environment, capture_output=True, text=True)
    if result.returncode:
        raise ConfigurationError(f"Neo4j did not take NEO4J_PASSWORD: {(result.stderr or result.stdout).strip()}")


def answers(settings: StackSettings) -> str | None:
    """None when Neo4j answers a query and speaks Bolt; raises ConfigurationError when it refuses the password.

    Over HTTP, since the driver takes seconds and 130 MB to import. OSError while nothing answers.
    """
    login = base64.b64encode(f"neo4j:{settings.neo4j_password.get_secret_value()}".encode()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{settings.port('neo4j_http_port')}/db/neo4j/query/v2",
        data=json.dumps({"statement": "RETURN 1"}).encode(),
        headers={"Authorization": f"Basic {login}", "Content-Type": "application/json", "Accept": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310  # an address of our own
            pass
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.UNAUTHORIZED:
            raise ConfigurationError(
                f"Neo4j in {settings.data / 'neo4j'} was set up with another password: "
                f"set NEO4J_PASSWORD to that one, or choose another --data-dir"
            ) from error
        return error.read().decode("utf-8", "replace")[:300]
    return None if speaks_bolt(settings.port("neo4j_bolt_port")) else "Bolt does not answer"


def speaks_bolt(port: int) -> bool:
    """Whether a Bolt server agrees on a version of the protocol."""
    offer = bytes.fromhex("6060b01700080805000404040000000000000000")
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(offer)
        return connection.recv(4) not in (b"", bytes(4))
