// One run: its bar, its outcomes as they come, and what can be done about it.

import { ask, stop } from "./api.js";
import { $, chip, h } from "./dom.js";
import { away, localTime, needsAttention, plural, statusTone, statusWords } from "./format.js";

const MOST_ROWS = 500;
const ASK_EVERY = 1000;
const STATES = {
  running: ["running", ""],
  succeeded: ["everything you asked for was done", "good"],
  failed: ["something is left", "bad"],
  cancelled: ["stopped", "warn"],
};
const TITLES = { everything: "Unscheduling everything" };

export class RunView {
  #told = null;
  #source = null;
  #outcomes = new Map();
  #bots = new Map();
  #frame = 0;
  #timer = 0;
  #ended;
  #complain;

  constructor({ ended, retry, undo, complain }) {
    this.#ended = ended;
    this.#complain = complain;
    $("stop").addEventListener("click", () => this.#stop());
    $("retry").addEventListener("click", () => retry(this.#told.run.id));
    $("undo").addEventListener("click", () => undo(this.#told.run.id));
    $("outcomes-shown").addEventListener("change", () => this.#draw());
  }

  get id() { return this.#told?.run.id ?? null; }

  // The server tells the run from its first outcome: a page that was reloaded misses nothing.
  follow(told) {
    this.#source?.close();
    this.#told = told;
    this.#outcomes = new Map();
    this.#bots = new Map();
    $("run").hidden = false;
    $("run-title").textContent = TITLES[told.title] ?? `Unscheduling ${told.title}`;
    $("report").href = `api/runs/${encodeURIComponent(told.run.id)}/report`;
    this.#draw();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#askMore(), ASK_EVERY);
    this.#askMore();
    const source = (this.#source = new EventSource(`api/runs/${encodeURIComponent(told.run.id)}/events`));
    source.addEventListener("outcome", (event) => this.#hear(JSON.parse(event.data)));
    source.addEventListener("progress", (event) => this.#know(JSON.parse(event.data)));
    source.addEventListener("end", (event) => {
      source.close();
      clearInterval(this.#timer);
      this.#know(JSON.parse(event.data));
      this.#askMore();
      $("run-live").textContent = this.#sentence();
      this.#ended(this.#told.run.id);
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) this.#complain(new Error("The console's server has stopped: see its terminal for what the run did."));
    });
  }

  // What the stream does not say: which bots they are, and what the run waits for.
  async #askMore() {
    const id = this.id;
    try {
      const path = `api/runs/${encodeURIComponent(id)}`;
      const missing = [...this.#outcomes.values()].some((one) => one.bot_ids.some((bot) => !this.#bots.has(bot)));
      const bots = missing || this.#bots.size === 0 ? await ask(`${path}/bots`) : [];
      const told = await ask(`${path}/told`);
      if (id !== this.id) return;
      for (const bot of bots) this.#bots.set(bot.bot_id, bot);
      this.learn(told);
    } catch {
      // The stream says when the server has stopped.
    }
  }

  // What the server's list of runs knows besides.
  learn(told) {
    if (told.run.id === this.id) {
      this.#told = told;
      this.#draw();
    }
  }

  #hear(outcome) {
    const key = outcome.event_id === null ? `bot ${outcome.bot_ids.join(" ")}` : `event ${outcome.event_id}`;
    // What turned out otherwise comes again, and goes to the top.
    this.#outcomes.delete(key);
    this.#outcomes.set(key, outcome);
    this.#later();
  }

  #know(run) {
    this.#told = { ...this.#told, run };
    this.#later();
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  async #stop() {
    $("stop").disabled = true;
    try {
      this.#know(await stop(this.id));
    } catch (problem) {
      this.#complain(problem);
    }
  }

  #sentence() {
    const { run } = this.#told;
    const counts = Object.entries(run.counts).filter(([, count]) => count);
    return [STATES[run.state][0], ...counts.map(([status, count]) => `${count} ${statusWords(status)}`)].join(", ");
  }

  #draw() {
    const { run, total, undone, undoable, waiting } = this.#told;
    const done = Object.values(run.counts).reduce((sum, count) => sum + count, 0);
    const over = run.state !== "running";
    const [words, tone] = STATES[run.state];
    const standing = over ? null : waiting;
    $("run-state").textContent = run.stopping ? "stopping: requests in flight finish" : standing ? "waiting" : words;
    $("run-waiting").textContent = standing ?? "";
    $("run-state").className = `chip ${tone}`;
    drawBar(done, total, over, words);
    $("run-reason").textContent = over && run.reason ? `Why: ${run.reason}` : "";
    const counts = Object.entries(run.counts).filter(([, count]) => count);
    if (run.still_listed) counts.push(["still_listed", run.still_listed]);
    $("run-counts").replaceChildren(...counts.map(([status, count]) => h("li", {}, chip(`${count} ${statusWords(status)}`, status === "still_listed" ? "bad" : statusTone(status)))));
    $("stop").hidden = over;
    $("stop").disabled = run.stopping;
    $("retry").hidden = !(over && undone);
    $("undo").hidden = !(over && undoable);
    this.#drawOutcomes();
  }

  #drawOutcomes() {
    const attention = $("outcomes-shown").value === "attention";
    const newest = [...this.#outcomes.values()].reverse();
    const open = newest.filter((one) => needsAttention(one.status));
    const found = attention ? open : [...open, ...newest.filter((one) => !needsAttention(one.status))];
    const listed = this.#told.still_listed ?? [];
    const rows = [...listed.map(listedRow), ...found.slice(0, MOST_ROWS).map((one) => outcomeRow(one, this.#bots))];
    $("outcomes").tBodies[0].replaceChildren(...rows);
    $("outcomes-none").hidden = rows.length > 0;
    $("outcomes-none").textContent = this.#told.run.state === "running" ? "No outcome yet." : attention ? "Nothing needs attention." : "No outcome.";
    $("outcomes-more").hidden = found.length <= MOST_ROWS;
    $("outcomes-more").textContent = `and ${plural(found.length - MOST_ROWS, "outcome")} more: see the report for all of them`;
  }
}

function drawBar(done, total, over, words) {
  const bar = $("run-bar");
  if (over || total !== null) {
    bar.max = Math.max(over ? done : total, 1);
    bar.value = over ? bar.max : Math.min(done, total);
  } else {
    bar.removeAttribute("value");
  }
  const of = total === null || over ? `${plural(done, "outcome")}` : `${done} of ${total}`;
  $("run-progress").textContent = over ? `${of}, ended` : of;
  bar.setAttribute("aria-valuetext", `${of}, ${words}`);
}

// Which bots an outcome is about: when the first joins, where, and under which name.
function about(bots) {
  if (bots.length === 0) return null;
  const first = bots.reduce((a, b) => (a.joins !== null && (b.joins === null || a.joins <= b.joins) ? a : b));
  const moment = first.joins === null ? null : new Date(first.joins);
  const more = bots.length > 1 ? `and ${plural(bots.length - 1, "more bot")}` : null;
  const words = [localTime(moment), away(moment), first.platform, first.name, more];
  return h("small", {}, words.filter(Boolean).join(" · "));
}

function listedRow(bot) {
  const cell = { role: "cell" };
  return h("tr", { role: "row" },
    h("td", cell, h("span", { class: "id" }, bot.event_id ?? bot.bot_id), about([bot])),
    h("td", cell, chip("still listed", "bad")),
    h("td", cell, "It was unscheduled, but the last listing still shows it. List again in a minute; if it is still there, retry."),
    h("td", { ...cell, class: "num" }, ""),
  );
}

function outcomeRow(one, known) {
  const name = one.event_id === null ? `bot ${one.bot_ids.join(" ")}` : one.event_id;
  const reason = one.reason ?? "";
  // The reason of a failure mostly is its error's text.
  const error = one.error && reason && one.error.includes(reason) ? null : one.error;
  const why = [reason, error].filter(Boolean);
  const cell = { role: "cell" };
  return h("tr", { role: "row" },
    h("td", cell, h("span", { class: "id" }, name), about(one.bot_ids.map((id) => known.get(id)).filter(Boolean))),
    h("td", cell, chip(statusWords(one.status), statusTone(one.status))),
    h("td", cell, ...why.map((text) => h("div", {}, text))),
    h("td", { ...cell, class: "num" }, String(one.attempts)),
  );
}
