// The dialog that says what a run would do, and asks for the words that start it.

import { ask } from "./api.js";
import { $, h } from "./dom.js";
import { away, localTime, plural, statusWords } from "./format.js";

const LEFT = {
  one_off: (n, chosen) => `${plural(n, "one-off bot")} without a calendar event, which will join${chosen ? `. Choose “delete them” below to remove ${n === 1 ? "it" : "them"}` : ""}`,
  shared: (n) => `${plural(n, "event")} with bots outside the selection, too`,
  unsafe: (n) => `${plural(n, "event")} that can't be cancelled alone: other bots may go with it`,
  undecided: (n) => `${plural(n, "bot")} behind the full listing, unless a later one shows ${n === 1 ? "it" : "them"}: the events don't tell enough for this filter`,
  outside: (n) => `${plural(n, "bot")} outside the selection`,
  gone: (n) => `${plural(n, "selected bot")}: no longer listed`,
  unreadable: (n) => `${plural(n, "row")} of the listing that can't be read`,
  unseen: () => "bots that the earlier run did not see: list again, and unschedule all",
};

export class Preview {
  #asked = null;
  #told = null;
  #turn = 0;
  #started;

  constructor(started) {
    this.#started = started;
    $("cancel").addEventListener("click", () => $("preview").close());
    $("consent").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
    $("words").addEventListener("input", () => this.#check());
    for (const id of ["one-off", "whole"]) $(id).addEventListener("change", () => this.#again());
  }

  // `make` asks the server for a preview, given the options of the dialog.
  async open(make, { options = true } = {}) {
    this.#asked = make;
    $("preview-options").hidden = !options;
    $("one-off").value = "report";
    $("whole").checked = false;
    this.#show(await make(this.#options()));
    $("preview").showModal();
    ($("consent-field").hidden ? $("cancel") : $("words")).focus();
  }

  #options() {
    return { one_off_bots: $("one-off").value, whole_events: $("whole").checked };
  }

  async #again() {
    const turn = ++this.#turn;
    // Its words must not be taken for those of what is chosen now.
    this.#told = null;
    this.#check();
    $("consent-problem").textContent = "";
    $("preview-busy").textContent = "Listing again…";
    try {
      const told = await this.#asked(this.#options());
      if (turn === this.#turn) this.#show(told);
    } catch (problem) {
      if (turn === this.#turn) $("consent-problem").textContent = problem.message;
    } finally {
      if (turn === this.#turn) $("preview-busy").textContent = "";
    }
  }

  #show(told) {
    this.#told = told;
    const least = told.truncated ? "at least " : "";
    const deleted = told.deleted ? ` and delete ${plural(told.deleted, "one-off bot")}` : "";
    const nothing = told.words === null;
    $("preview-title").textContent = nothing ? "Nothing to unschedule" : `Unschedule ${told.title}?`;
    $("preview-facts").replaceChildren(
      ...fact("Account", `${told.host} (key from ${told.key_source})`),
      ...fact("To do", nothing ? "nothing" : `unschedule ${told.truncated ? "all: " : ""}${least}${plural(told.events, "event")}${deleted}`, "main"),
      ...(Object.keys(told.left).length ? fact("That run left", states(told.left)) : []),
      ...(told.filter ? fact("Filter", filterWords(told.filter)) : []),
      ...(told.truncated ? fact("Listing", "full, so there may be more; the run lists until nothing is left") : []),
      ...(told.bots ? fact("Bots", `${least}${told.bots.toLocaleString("en")}: ${platforms(told)}`) : []),
      ...(told.soonest.length ? fact("Soonest", ...told.soonest.map((bot) => h("div", {}, line(bot)))) : []),
    );
    $("left-alone").hidden = told.left_alone.length === 0;
    $("left-alone").classList.toggle("calm", told.left_alone.every((one) => one.kind === "outside"));
    $("left-alone-list").replaceChildren(...told.left_alone.map((one) => leftAlone(one, !$("preview-options").hidden)));
    $("consent-field").hidden = $("go").hidden = nothing;
    $("wanted").textContent = told.words ?? "";
    $("words").value = "";
    $("consent-problem").textContent = "";
    this.#check();
  }

  get #typed() {
    return Boolean(this.#told?.words) && $("words").value.trim() === this.#told.words;
  }

  // Not `disabled`: Return in the field has to lead to an answer.
  #check() {
    $("go").setAttribute("aria-disabled", String(!this.#typed));
  }

  async #start() {
    if (!this.#typed) {
      if (this.#told?.words) $("consent-problem").textContent = `Type ${this.#told.words} to continue.`;
      return;
    }
    try {
      const path = `api/previews/${encodeURIComponent(this.#told.id)}/run`;
      const run = await ask(path, { words: $("words").value, digest: this.#told.digest });
      $("preview").close();
      this.#started(run);
    } catch (problem) {
      $("consent-problem").textContent = problem.message;
    }
  }
}

function fact(title, ...content) {
  const main = content.at(-1) === "main" ? content.pop() : null;
  return [h("dt", {}, title), h("dd", { class: main }, ...content)];
}

function filterWords(filter) {
  const moment = (word, text) => text && `${word} ${localTime(new Date(text))}`;
  return [
    filter.platform && `platform ${filter.platform}`,
    filter.name && `name ${filter.name}`,
    ...Object.entries(filter.attributes).map(([key, value]) => `${key}=${value}`),
    moment("from", filter.after),
    moment("before", filter.before),
  ].filter(Boolean).join(", ");
}

function states(left) {
  return Object.entries(left).map(([status, count]) => `${count} ${statusWords(status)}`).join(", ");
}

function platforms(told) {
  return Object.entries(told.platforms).map(([name, count]) => `${count} ${name}`).join(", ");
}

function line(bot) {
  const moment = bot.joins === null ? null : new Date(bot.joins);
  return [localTime(moment), away(moment), bot.platform, bot.name].filter(Boolean).join(" · ");
}

function leftAlone(one, chosen) {
  const more = one.count > one.examples.length ? ", …" : "";
  const examples = one.examples.length ? ` (${one.examples.join(", ")}${more})` : "";
  return h("li", {}, LEFT[one.kind](one.count, chosen) + examples);
}
