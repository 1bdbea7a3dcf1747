"""The command line, behind the extra ``cli``: ``pip install 'meetstream-async[cli]'``."""

import sys

from .version import print_version


def main() -> None:
    """The entry point of ``meetstream-async``."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Answered before anything else is imported.
        print_version()
        return
    # Imported here, so that the command can report a missing extra.
    try:
        # The commands need it, and import it late.
        import rich  # noqa: F401

        from .app import app
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "rich"):
            raise
        hint = "pip install 'meetstream-async[cli]', or '.[cli]' in a checkout"
        print(f"error: the command needs an extra: {hint}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        # Once running, the commands handle signals themselves.
        sys.exit(130)
    app()
