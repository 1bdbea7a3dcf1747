"""A PostgreSQL server of the tests' own, and databases on it."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests.helpers.raw_server import unused_port


@contextlib.contextmanager
def postgres_server(password: str) -> Iterator[str]:
    """The URL of a server of our own, less the database."""
    found = [*glob.glob("/usr/lib/postgresql/*/bin/initdb"), shutil.which("initdb") or ""]
    programs = Path(sorted(filter(None, found))[-1]).parent if any(found) else None
    assert programs is not None, "PostgreSQL is not installed: apt-get install postgresql"
    # The server refuses to run as root, and its user has to get to its files.
    user = "postgres" if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="jobs-postgres-"))
    port = unused_port()
    try:
        (home / "password").write_text(password)
        if user is not None:
            for path in (home, home / "password"):
                shutil.chown(path, user)

        def call(*arguments: object) -> None:
            subprocess.run(
                [str(programs / str(arguments[0])), *map(str, arguments[1:])],
                check=True, user=user, cwd=home, stdout=subprocess.DEVNULL, timeout=60,
            )  # fmt: skip

        call("initdb", "-D", home / "data", "-U", "jobs", "--auth=scram-sha-256", f"--pwfile={home}/password")
        options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off"
        call("pg_ctl", "-D", home / "data", "-w", "-l", home / "log", "-o", options, "start")
        try:
            yield f"postgresql://jobs:{password}@127.0.0.1:{port}"
        finally:
            call("pg_ctl", "-D", home / "data", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home)


def new_database(server: str, name: str) -> str:
    """The URL of a database that is new."""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{server}/{name}"
