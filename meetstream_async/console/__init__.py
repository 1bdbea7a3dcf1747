"""The console, behind the extra ``console``: ``pip install 'meetstream-async[console]'``.

A page on 127.0.0.1 that shows an account's scheduled bots and controls bulk unschedule runs: see
``docs/console.md``.
"""

try:
    from .app import create_app
    from .gate import Gate
    from .service import ConsoleService
    from .serving import CannotServe, Served, serving
except ImportError as _error:
    if (_error.name or "").partition(".")[0] not in ("fastapi", "starlette", "pydantic", "uvicorn"):
        raise
    raise ImportError(
        "the console needs an extra: pip install 'meetstream-async[console]', or '.[console]' in a checkout",
        name=_error.name,
    ) from None

__all__ = ["CannotServe", "ConsoleService", "Gate", "Served", "create_app", "serving"]
