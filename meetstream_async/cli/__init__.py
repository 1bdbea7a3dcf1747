"""The command line, behind the extra ``cli``: ``pip install 'meetstream-async[cli]'``."""

import importlib.util
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
        # The commands need them, and import them late.
        import rich  # noqa: F401

        if importlib.util.find_spec("platformdirs") is None:
            raise ImportError(name="platformdirs")
        from .app import app
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("platformdirs", "typer", "rich"):
            raise
        hint = "pip install 'meetstream-async[cli]', or '.[cli]' in a checkout"
        print(f"error: the command needs an extra: {hint}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        # Once running, the commands handle signals themselves.
        sys.exit(130)
    app()
