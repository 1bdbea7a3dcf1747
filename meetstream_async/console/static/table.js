// The table of scheduled bots: its order, what of it is shown, what is ticked.

import { $, h } from "./dom.js";
import { away, localTime, sorted } from "./format.js";

export class BotTable {
  #bots = [];
  #rows = new Map();
  #shown = new Set();
  #picked = new Set();
  #key = "joins";
  #descending = false;
  #changed;

  constructor(changed) {
    this.#changed = changed;
    $("bots").tHead.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-key]");
      if (button) this.#sortBy(button);
    });
    $("bots").tBodies[0].addEventListener("change", (event) => this.#tick(event.target));
    $("all").addEventListener("change", () => this.#tickAll($("all").checked));
  }

  get bots() { return this.#bots; }
  get shown() { return this.#bots.filter((bot) => this.#shown.has(bot.bot_id)); }
  get picked() { return this.#bots.filter((bot) => this.#picked.has(bot.bot_id)); }
  isShown(bot) { return this.#shown.has(bot.bot_id); }
  isPicked(bot) { return this.#picked.has(bot.bot_id); }

  fill(bots) {
    const now = new Date();
    this.#bots = bots.map((bot, order) => ({
      ...bot,
      order,
      moment: bot.joins === null ? null : new Date(bot.joins),
      attributeWords: Object.entries(bot.attributes).map(([key, value]) => `${key}=${value}`).join(" "),
    }));
    this.#rows = new Map(this.#bots.map((bot) => [bot.bot_id, row(bot, now)]));
    this.#shown = new Set(this.#rows.keys());
    this.#picked = new Set([...this.#picked].filter((id) => this.#rows.has(id)));
    this.#order();
    this.#update();
  }

  // What is hidden is not ticked: nobody unschedules what they do not see.
  show(ids) {
    this.#shown = new Set(ids);
    this.#picked = new Set([...this.#picked].filter((id) => this.#shown.has(id)));
    this.#update();
  }

  clear() { this.#tickAll(false); }

  #sortBy(button) {
    this.#descending = this.#key === button.dataset.key && !this.#descending;
    this.#key = button.dataset.key;
    for (const other of $("bots").tHead.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    button.closest("th").setAttribute("aria-sort", this.#descending ? "descending" : "ascending");
    this.#order();
  }

  #order() {
    const rows = sorted(this.#bots, this.#key, this.#descending).map((bot) => this.#rows.get(bot.bot_id));
    $("bots").tBodies[0].replaceChildren(...rows);
  }

  #tick(box) {
    if (box.checked) this.#picked.add(box.value);
    else this.#picked.delete(box.value);
    this.#update();
  }

  #tickAll(on) {
    this.#picked = on ? new Set(this.#shown) : new Set();
    this.#update();
  }

  #update() {
    for (const [id, element] of this.#rows) {
      const picked = this.#picked.has(id);
      element.hidden = !this.#shown.has(id);
      element.classList.toggle("picked", picked);
      element.querySelector("input").checked = picked;
    }
    $("all").checked = this.#picked.size > 0 && this.#picked.size === this.#shown.size;
    $("all").indeterminate = this.#picked.size > 0 && this.#picked.size < this.#shown.size;
    $("all").disabled = this.#shown.size === 0;
    this.#changed();
  }
}

const kind = (bot) => (bot.one_off ? "one-off" : "calendar");

function row(bot, now) {
  const when = localTime(bot.moment, now);
  const label = `Select ${bot.name ?? "the bot"}, ${when}, ${bot.event_id ?? `${kind(bot)} bot ${bot.bot_id}`}`;
  return h("tr", { role: "row" },
    cell("tick", h("input", { type: "checkbox", value: bot.bot_id, "aria-label": label })),
    cell("when", when, h("small", {}, away(bot.moment, now))),
    cell("", bot.platform ?? "unknown"),
    cell("", bot.name ?? "no name"),
    cell("", h("span", { class: "id" }, bot.event_id ?? kind(bot)), bot.event_id ? null : h("small", { class: "id" }, bot.bot_id)),
    cell("", ...attributes(bot)),
  );
}

function cell(kind, ...children) {
  return h("td", { class: kind || null, role: "cell" }, ...children);
}

function attributes(bot) {
  return Object.entries(bot.attributes).map(([key, value]) =>
    h("span", { class: "attribute" }, `${key} `, h("b", {}, value)),
  );
}
