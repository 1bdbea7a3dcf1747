"""Access control of the console: one browser, admitted by a single-use token, and no other page in it."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"
"""The only address the console listens on."""
_COOKIE = "meetstream_console"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_SAFE = ("GET", "HEAD")
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">{head}<title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
</head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""
_AGAIN = (
    "The console's address contains a token that works once, for one browser. Go back to that browser, or "
    "stop the console with Ctrl-C in its terminal, start it again and open the new address."
)


class Gate:
    """Guards an application on ``port``: every request passes through here first.

    ``url`` contains the token. The first request with the token gets the session cookie, and is redirected to
    the address without the token. The cookie is bound to a random path, since browsers send the cookies of a
    host to all of its ports.
    """

    def __init__(self, app: ASGIApp, port: int, base: str) -> None:
        self._app = app
        self._hosts = {f"{HOST}:{port}", f"localhost:{port}"}
        self._home = f"/{base}/"
        self._token: str | None = secrets.token_urlsafe(32)
        self._session = secrets.token_urlsafe(32)
        self.url: str = f"http://{HOST}:{port}{self._home}?token={self._token}"

    def __repr__(self) -> str:
        return f"<Gate of {sorted(self._hosts)[0]}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        answer = self._refusal(scope, headers) or self._exchange(scope, headers)
        if answer is None and not self._is_session(headers):
            answer = _refuse("This is not the console's browser", _AGAIN)
        await (answer or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """Refuse a request that can't come from the console's own page, whatever credentials it carries."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            # DNS rebinding: a foreign host name that resolves to this machine would make its page look like
            # ours.
            return _refuse("Wrong address", "The console answers to 127.0.0.1 and localhost only.")
        origins, ours = headers.getlist("origin"), [f"http://{hosts[0].lower()}"]
        site = headers.get("sec-fetch-site")
        foreign = _refuse("Refused", "Other pages may not read the console or start anything here.")
        if scope["method"] not in _SAFE:
            return None if origins == ours and site in (None, "same-origin") else foreign
        if origins not in ([], ours):
            return foreign
        if site in (None, "same-origin"):
            return None
        # A typed address or a followed link may open the page, but never read its data.
        to_page = scope["path"] == self._home and headers.get("sec-fetch-mode") == "navigate"
        return None if to_page else foreign

    def _exchange(self, scope: Scope, headers: Headers) -> Response | None:
        """Response to a request with a token, if it has one."""
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if scope["path"] != self._home or "token" not in query or scope["method"] != "GET":
            return None
        if not self._is_session(headers):
            if self._token is None or not _among(query["token"], self._token):
                text = f"This token has been used already, or is not the console's. {_AGAIN}"
                return _refuse("The token does not work", text)
            self._token = None
        if headers.get("sec-fetch-site") in (None, "none", "same-origin"):
            answer: Response = RedirectResponse(self._home, 303)
        else:
            # The link was followed from another site, such as a terminal in a browser: a strict cookie is not
            # sent with redirects from that site, but it is sent with requests from our own page.
            refresh = f'<meta http-equiv="refresh" content="0; url={self._home}">'
            link = f'<a href="{self._home}">Open the console</a>'
            answer = HTMLResponse(_PAGE.format(head=refresh, title="Console", text=link))
        answer.set_cookie(_COOKIE, self._session, path=self._home, httponly=True, samesite="strict")
        return answer

    def _is_session(self, headers: Headers) -> bool:
        # Check every cookie of that name: the page of another port may have set one for all paths, which must
        # not lock us out.
        pairs = [
            pair.strip().partition("=") for line in headers.getlist("cookie") for pair in line.split(";")
        ]
        return _among((value for name, _, value in pairs if name == _COOKIE), self._session)


def _among(values: Iterable[str], secret: str) -> bool:
    return any(hmac.compare_digest(value.encode(), secret.encode()) for value in values)


def _refuse(title: str, text: str) -> Response:
    return HTMLResponse(_PAGE.format(head="", title=title, text=text), 403)
