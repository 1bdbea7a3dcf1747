// The filter form. What a filter means is decided by the server, as for the command line.

import { ask } from "./api.js";
import { $, h } from "./dom.js";
import { toMoment, zone } from "./format.js";

const PAUSE = 150;

export class Filter {
  #timer = 0;
  #turn = 0;
  #apply;
  #complain;

  constructor(apply, complain) {
    this.#apply = apply;
    this.#complain = complain;
    $("zone").textContent = zone();
    $("filter").addEventListener("input", () => this.#later());
    $("filter").addEventListener("submit", (event) => event.preventDefault());
    // The fields are empty only after the event.
    $("filter").addEventListener("reset", () => setTimeout(() => this.run()));
  }

  // Only what is given.
  get value() {
    const given = {
      platform: $("f-platform").value,
      after: toMoment($("f-after").value),
      before: toMoment($("f-before").value),
      name: $("f-name").value.trim(),
    };
    const filter = Object.fromEntries(Object.entries(given).filter(([, value]) => value));
    const key = $("f-key").value.trim();
    if (key) filter.attributes = { [key]: $("f-value").value };
    return filter;
  }

  // An attribute without a value yet. It selects nothing, and must not select everything meanwhile.
  get #unfinished() { return $("f-key").value.trim() && !$("f-value").value.trim(); }

  get isEmpty() { return Object.keys(this.value).length === 0; }

  // What there is to choose from.
  offer(bots) {
    const chosen = $("f-platform").value;
    const platforms = [...new Set([...bots.map((bot) => bot.platform), chosen].filter(Boolean))].sort();
    $("f-platform").replaceChildren(h("option", { value: "" }, "any"), ...platforms.map((name) => h("option", { value: name }, name)));
    $("f-platform").value = chosen;
    const keys = new Set(bots.flatMap((bot) => Object.keys(bot.attributes)));
    $("keys").replaceChildren(...[...keys].sort().map((key) => h("option", { value: key })));
  }

  async run() {
    clearTimeout(this.#timer);
    if (this.#unfinished) return;
    const turn = ++this.#turn;
    try {
      const found = await ask("api/matches", this.value);
      // An answer that a later question has overtaken is not shown.
      if (turn === this.#turn) this.#apply(found.bot_ids);
    } catch (problem) {
      if (turn === this.#turn) this.#complain(problem);
    }
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.run(), PAUSE);
  }
}
