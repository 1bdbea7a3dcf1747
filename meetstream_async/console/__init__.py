"""The console, behind the extra ``console``: ``pip install 'meetstream-async[console]'``.

A page on 127.0.0.1 to look at an account's scheduled bots and to steer a bulk unschedule: see
``docs/console.md``.
"""

try:
    from .app import create_app
    from .desk import Desk
    from .gate import Gate
    from .serving import CannotServe, Served, serving
except ImportError as error:
    if (error.name or "").partition(".")[0] not in ("fastapi", "starlette", "pydantic", "uvicorn"):
        raise
    raise ImportError(
        "the console needs an extra: pip install 'meetstream-async[console]'", name=error.name
    ) from None

__all__ = ["CannotServe", "Desk", "Gate", "Served", "create_app", "serving"]
