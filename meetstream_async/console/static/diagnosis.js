// A first look at the account: what works, which ids it shows, how cancels will go.

import { ask } from "./api.js";
import { $, chip, h } from "./dom.js";

const TONES = { ok: "good", warn: "warn", fail: "bad", skipped: "" };

export class DiagnosisView {
  #complain;

  constructor(complain) {
    this.#complain = complain;
    $("diagnose").addEventListener("click", () => this.#look());
    $("diagnosis-close").addEventListener("click", () => {
      $("diagnosis").hidden = true;
      $("diagnose").focus();
    });
  }

  async #look() {
    $("diagnose").disabled = true;
    try {
      const found = await ask("api/diagnosis");
      $("alerts").replaceChildren();
      $("diagnosis-verdict").textContent = found.verdict;
      $("diagnosis-checks").replaceChildren(...found.checks.flatMap(check));
      $("diagnosis").hidden = false;
      $("diagnosis-title").focus();
    } catch (problem) {
      this.#complain(problem);
    } finally {
      $("diagnose").disabled = false;
    }
  }
}

function check(one) {
  return [h("dt", {}, one.name, " ", chip(one.status, TONES[one.status] ?? "")), h("dd", {}, one.detail)];
}
