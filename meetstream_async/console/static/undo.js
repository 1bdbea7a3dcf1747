// The way back of a run: what comes back, what is lost, what can't; the words; and what came of it.

import { ask } from "./api.js";
import { $, chip, h } from "./dom.js";
import { localTime, plural, statusTone, statusWords } from "./format.js";

const ASK_EVERY = 500;

export class Undo {
  #told = null;
  #ended;
  #complain;

  constructor({ ended, complain }) {
    this.#ended = ended;
    this.#complain = complain;
    $("undo-cancel").addEventListener("click", () => $("undo-preview").close());
    $("undo-words").addEventListener("input", () => this.#check());
    $("undo-consent").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
  }

  async open(runId) {
    const told = (this.#told = await ask(`api/runs/${encodeURIComponent(runId)}/undo`, {}));
    const nothing = told.words === null;
    $("undo-title").textContent = nothing ? "Nothing to schedule again" : "Schedule again what was cancelled?";
    const counts = Object.entries(told.counts).map(([status, count]) => `${count} ${statusWords(status)}`);
    $("undo-facts").replaceChildren(
      ...fact("Account", told.host),
      ...fact("Bots", counts.join(", ") || "none"),
      ...(told.missing ? fact("Not known", `${plural(told.missing, "bot")} of which nothing was kept`) : []),
    );
    $("undo-rows").replaceChildren(...told.rows.map(line));
    $("undo-field").hidden = $("undo-go").hidden = nothing;
    $("undo-wanted").textContent = told.words ?? "";
    $("undo-words").value = "";
    $("undo-problem").textContent = "";
    this.#check();
    $("undo-preview").showModal();
    (nothing ? $("undo-cancel") : $("undo-words")).focus();
  }

  get #typed() {
    return Boolean(this.#told?.words) && $("undo-words").value.trim() === this.#told.words;
  }

  #check() {
    $("undo-go").setAttribute("aria-disabled", String(!this.#typed));
  }

  async #start() {
    if (!this.#typed) {
      if (this.#told?.words) $("undo-problem").textContent = `Type ${this.#told.words} to continue.`;
      return;
    }
    try {
      const path = `api/undos/${encodeURIComponent(this.#told.id)}`;
      this.#draw(await ask(`${path}/run`, { words: $("undo-words").value, digest: this.#told.digest }));
      $("undo-preview").close();
      $("undone-title").focus();
      this.#follow(path);
    } catch (problem) {
      $("undo-problem").textContent = problem.message;
    }
  }

  async #follow(path) {
    try {
      for (;;) {
        const told = await ask(path);
        this.#draw(told);
        if (told.over) break;
        await new Promise((resolve) => setTimeout(resolve, ASK_EVERY));
      }
      await this.#ended();
    } catch (problem) {
      this.#complain(problem);
    }
  }

  #draw(told) {
    $("undone").hidden = false;
    const state = told.over ? (told.ok ? ["all that can come back is there", "good"] : ["something is left", "bad"]) : ["running", ""];
    $("undone-state").textContent = state[0];
    $("undone-state").className = `chip ${state[1]}`;
    $("undone-reason").textContent = told.over && told.reason ? `Why: ${told.reason}` : "";
    const counts = Object.entries(told.counts);
    $("undone-counts").replaceChildren(...counts.map(([status, count]) => h("li", {}, chip(`${count} ${statusWords(status)}`, statusTone(status)))));
    const cell = { role: "cell" };
    $("undone-rows").tBodies[0].replaceChildren(...told.rows.map((row) => h("tr", { role: "row" },
      h("td", cell, h("span", { class: "id" }, name(row)), h("small", {}, row.bot_id)),
      h("td", cell, row.new_bot_id === null ? null : h("span", { class: "id" }, row.new_bot_id)),
      h("td", cell, chip(statusWords(row.status), statusTone(row.status))),
      h("td", cell, row.reason),
    )));
  }
}

function fact(title, text) {
  return [h("dt", {}, title), h("dd", {}, text)];
}

function name(row) {
  return row.event_id ?? "one-off bot";
}

// A bot of the preview: what becomes of it, when it was to join, and what comes back or why not.
function line(row) {
  const moment = row.joins === null ? "no time" : localTime(new Date(row.joins));
  return h("li", {},
    chip(statusWords(row.status), statusTone(row.status)),
    h("span", { class: "id" }, name(row)),
    h("small", {}, moment),
    h("small", {}, row.reason ?? row.restores.join(", ")),
    row.lost.length ? h("small", {}, `lost: ${row.lost.join(", ")}`) : null,
  );
}
