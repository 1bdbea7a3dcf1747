"""One verb for each check: `nox -l` lists them, `nox -s tests` runs one.

Each session makes an environment of its own; with `nox --no-venv` it runs in the current one, which then
needs the extra `dev`. What follows `--` goes to pytest: `nox -s tests -- tests/http -k retry`.
"""

from __future__ import annotations

import os

import nox

nox.options.sessions = ["lint", "types", "tests", "docs"]
nox.options.reuse_venv = "yes"
nox.needs_version = ">=2024.10.9"

CORE = ["tests/bulk", "tests/http", "tests/meetstream", "tests/meetbit", "tests/test_tasks.py"]
"""What is run again on other loops and with other versions, unless something else is given after `--`."""

MORE_OF_THE_CORE = ["tests/doctor", "tests/reliability", "tests/test_errors.py", "tests/test_times.py"]
"""What else the core's coverage is measured with."""


def install(session: nox.Session, extras: str) -> None:
    """Install the package with these extras, unless the session runs in the environment that is there."""
    if session.venv_backend != "none":
        session.install("-q", "-e", f".[{extras}]")


def pytest(session: nox.Session, *arguments: str) -> None:
    session.run("python", "-m", "pytest", *arguments, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """The tests that need no browser, database server or vendor's client, on every core."""
    install(session, "test")
    pytest(session)


def core(session: nox.Session, *arguments: str) -> None:
    """The tests of the core, or those given after `--`."""
    session.run("python", "-m", "pytest", *arguments, *(session.posargs or CORE))


@nox.session(python="3.12")
def py312(session: nox.Session) -> None:
    """The default tests on Python 3.12."""
    interpreter(session)


@nox.session(python="3.13")
def py313(session: nox.Session) -> None:
    """The default tests on Python 3.13."""
    interpreter(session)


@nox.session(python="3.14")
def py314(session: nox.Session) -> None:
    """The default tests on Python 3.14."""
    interpreter(session)


def interpreter(session: nox.Session) -> None:
    session.install("-q", "-e", ".[test]")
    pytest(session)


@nox.session(python="3.12")
def eager(session: nox.Session) -> None:
    """The core on a loop with eager tasks, which came with Python 3.12; `-- tests` runs everything."""
    install(session, "test")
    core(session, "--loop=eager")


@nox.session
def uvloop(session: nox.Session) -> None:
    """The core on uvloop; `-- tests` runs everything."""
    install(session, "speed,test")
    core(session, "--loop=uvloop")


@nox.session(venv_backend="virtualenv")
def lowest(session: nox.Session) -> None:
    """The core with the lowest versions that pyproject.toml allows; `-- tests` runs everything."""
    pins = f"{session.create_tmp()}/lowest.txt"
    session.install("-q", "uv")
    session.run(
        "uv", "pip", "compile", "-q", "pyproject.toml", "--extra", "test",
        "--resolution", "lowest-direct", "--no-header", "--upgrade", "-o", pins,
    )  # fmt: skip
    session.install("-q", "-r", pins)
    session.install("-q", "--no-deps", "-e", ".")
    core(session)


@nox.session
def coverage(session: nox.Session) -> None:
    """The core under coverage, subprocesses included; fails below the share that pyproject.toml names."""
    install(session, "test")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *(session.posargs or [*CORE, *MORE_OF_THE_CORE]))
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """ruff: its checks, and the format."""
    install(session, "dev")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict: the package, and what a user writes."""
    install(session, "dev")
    session.run("mypy")
    session.run("mypy", "--strict", "tests/typing/api.py", "examples/fastapi_app.py")


@nox.session
def typing(session: nox.Session) -> None:
    """pyright: the type of every public name is known. pyright and pyrefly: what a user writes, strictly."""
    install(session, "dev")
    for package in ("meetstream_async", "pytest_meetstream_async"):
        session.run("basedpyright", "--ignoreexternal", "--verifytypes", package)
    session.run("basedpyright")
    session.run("pyrefly", "check")


@nox.session
def docs(session: nox.Session) -> None:
    """The documents: their programs, recipes and transcripts, run as they stand."""
    install(session, "test")
    pytest(session, "-m", "docs")


@nox.session
def bench(session: nox.Session) -> None:
    """Every figure of the benchmarks can be taken, in quick mode."""
    install(session, "bench,test")
    pytest(session, "-m", "bench")


@nox.session
def compat(session: nox.Session) -> None:
    """The simulator against the vendor's own client."""
    install(session, "compat,test")
    pytest(session, "-m", "compat")


@nox.session
def clients(session: nox.Session) -> None:
    """openapi-python-client makes a client from the router's OpenAPI, without a warning."""
    install(session, "clients,test")
    pytest(session, "-m", "clients")


@nox.session
def postgres(session: nox.Session) -> None:
    """Jobs on a PostgreSQL server of the tests' own; needs Debian's package `postgresql`."""
    install(session, "test")
    pytest(session, "-m", "postgres")


@nox.session
def browser(session: nox.Session) -> None:
    """The console in a Chromium; needs Debian's package `chromium`."""
    install(session, "browser,test")
    pytest(session, "-m", "browser")


@nox.session
def mutation(session: nox.Session) -> None:
    """The tests notice a fixed sample of changes to the code; `-- --mutants=all` makes every change."""
    install(session, "test")
    pytest(session, "-m", "mutation", "tests/mutation")


@nox.session
def soak(session: nox.Session) -> None:
    """The long proofs of docs/reliability.md, in middle size unless MEETSTREAM_PROOF says another."""
    install(session, "test")
    session.env["MEETSTREAM_PROOF"] = os.environ.get("MEETSTREAM_PROOF", "middle")
    pytest(session, "-m", "soak")
