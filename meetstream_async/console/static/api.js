// Talking to the console's own server.

export class Problem extends Error {
  constructor(status, text, code = null) {
    super(text);
    this.status = status;
    this.code = code;
  }
}

export async function ask(path, body = null) {
  const options =
    body === null
      ? {}
      : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return send(path, options);
}

export function stop(runId) {
  return send(`api/runs/${encodeURIComponent(runId)}`, { method: "DELETE" });
}

async function send(path, options) {
  let reply;
  try {
    reply = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Problem(0, "The console does not answer. Is it still running in its terminal?");
  }
  if (reply.ok) return reply.json();
  if (reply.status === 403) {
    throw new Problem(403, "This console has stopped or belongs to another browser. Start it again.");
  }
  const document = await reply.json().catch(() => ({}));
  const detail = typeof document.detail === "string" ? document.detail : `The console answered ${reply.status}.`;
  const places = (Array.isArray(document.errors) ? document.errors : []).map((one) => one.message);
  throw new Problem(reply.status, [detail, ...places].join(" "), document.code ?? null);
}
