"""One verb for each check: `nox -l` lists them, `nox -s tests` runs one.

Each session makes an environment of its own; with `nox --no-venv` it runs in the current one, which then
needs what CONTRIBUTING.md installs. What follows `--` goes to pytest: `nox -s tests -- tests/http -k retry`.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests", "docs"]
nox.options.reuse_venv = "yes"
nox.needs_version = ">=2024.10.9"

CORE = ["tests/bulk", "tests/http", "tests/meetstream", "tests/meetbit", "tests/test_tasks.py"]
"""What is run again on other loops and with other versions, unless something else is given after `--`."""

EXAMPLES = ["examples/fastapi_app.py", "examples/nightly.py", "examples/queue_worker.py"]
"""The programs that users copy. `examples/notebook.py` is cells, which no type checker reads."""

WRITTEN_BY_USERS = ["tests/typing/api.py", "tests/typing/plugin.py", "tests/typing/service.py"]


def install(session: nox.Session, extras: str, *groups: str) -> None:
    """Install the package with extras and groups of tools, unless the session runs in what is there."""
    if session.venv_backend != "none":
        session.install("-q", "-e", f".[{extras}]", *(f"--group={group}" for group in groups))


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
    """The lowest versions that pyproject.toml allows: each extra can be had with them, and the default tests,
    the vendor's client and the generated client pass; after `--` other tests."""
    if session.venv_backend == "none":
        session.error("it replaces what is installed: run it without --no-venv")
    pins = f"{session.create_tmp()}/lowest.txt"
    session.install("-q", "uv")
    session.run("python", ".ci/floors.py")
    session.run(
        "uv", "pip", "compile", "-q", "pyproject.toml", "--all-extras", "--resolution", "lowest-direct",
        "--no-header", "--no-annotate", "--upgrade", "-o", pins,
    )  # fmt: skip
    session.run("uv", "pip", "sync", "-q", pins)
    session.run("uv", "pip", "install", "-q", "--no-deps", "-e", ".", external=True)
    pytest(session)
    if not session.posargs:
        session.run("python", "-m", "pytest", "-m", "clients or compat", "--numprocesses=0")


@nox.session(venv_backend="virtualenv")
def lock(session: nox.Session) -> None:
    """Write constraints.txt anew: one version of each package that development needs, on every platform."""
    session.install("-q", "uv")
    session.run(
        "uv", "pip", "compile", "-q", "pyproject.toml", "--all-extras", "--group", "dev", "--universal",
        "--no-header", "--no-annotate", "--no-emit-index-url", "--upgrade", "-o", "constraints.txt",
    )  # fmt: skip


@nox.session
def coverage(session: nox.Session) -> None:
    """The default tests under coverage, subprocesses included, with more examples of each property; fails
    below the share in pyproject.toml."""
    install(session, "test")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "--hypothesis-profile=more", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """ruff: its checks, and the format."""
    install(session, "cli", "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict: the package, what a user writes, and the programs of the documents."""
    install(session, "bench,browser,clients,compat,test", "types", "docs")
    session.run("mypy")
    session.run("mypy", "--strict", *WRITTEN_BY_USERS, *EXAMPLES)
    session.run("python", ".ci/programs.py", "build/programs")
    session.run("mypy", "--strict", *map(str, sorted(Path("build/programs").glob("*.py"))))


@nox.session
def typing(session: nox.Session) -> None:
    """pyright: the type of every public name is known. pyright and pyrefly: what a user writes, strictly."""
    install(session, "bench,browser,clients,compat,test", "types", "docs")
    for package in ("meetstream_async", "pytest_meetstream_async"):
        session.run("basedpyright", "--ignoreexternal", "--verifytypes", package)
    session.run("basedpyright")
    session.run("python", ".ci/programs.py", "build/programs")
    session.run("basedpyright", "--project", "build/programs")
    session.run("pyrefly", "check")


@nox.session
def docs(session: nox.Session) -> None:
    """The documents: their programs, recipes and transcripts, run as they stand."""
    install(session, "test")
    pytest(session, "-m", "docs")


@nox.session
def site(session: nox.Session) -> None:
    """The site, into build/site: a warning or a link that leads nowhere is an error. Nothing is fetched."""
    install(session, "cli,console,fastapi,jobs,otel,speed", "docs")
    session.run(
        "sphinx-build", "--quiet", "--nitpicky", "--fail-on-warning", "--keep-going", "--fresh-env",
        "--jobs", "2", "--conf-dir", "docs", "--doctree-dir", "build/doctrees", ".", "build/site",
    )  # fmt: skip


@nox.session
def dist(session: nox.Session) -> None:
    """The release's files, into dist/: their content, the same bytes twice, what an index says of them, tests
    from the unpacked sdist, and the wheel alone in a fresh environment."""
    install(session, "test", "release")
    session.run("python", ".ci/dist.py", "dist")
    files = [str(path) for path in sorted(Path("dist").iterdir())]
    session.run("twine", "check", "--strict", *files)
    session.run("check-wheel-contents", *(file for file in files if file.endswith(".whl")))
    session.run("python", ".ci/from_sdist.py", "dist", *session.posargs)
    session.run("python", ".ci/fresh.py", "dist")


@nox.session(venv_backend="virtualenv")
def release(session: nox.Session) -> None:
    """After `dist`: what its wheel brings along, into dist/: licences and an SBOM; and known advisories."""
    session.install("-q", "uv", "--group=release")
    session.run("python", ".ci/release.py", "dist")


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
def slow(session: nox.Session) -> None:
    """What waits for seconds, or starts programs again and again: kills, outages, leaks, real pauses."""
    install(session, "test")
    pytest(session, "-m", "slow")


@nox.session
def soak(session: nox.Session) -> None:
    """The long proofs of docs/reliability.md, in middle size unless MEETSTREAM_PROOF says another."""
    install(session, "test")
    session.env["MEETSTREAM_PROOF"] = os.environ.get("MEETSTREAM_PROOF", "middle")
    pytest(session, "-m", "soak")
