// The page: what is listed, what is chosen, what runs.

import { ask } from "./api.js";
import { DiagnosisView } from "./diagnosis.js";
import { $, h } from "./dom.js";
import { Filter } from "./filter.js";
import { localTime, plural } from "./format.js";
import { Preview } from "./preview.js";
import { RunView } from "./run.js";
import { BotTable } from "./table.js";
import { drawTimeline } from "./timeline.js";
import { Undo } from "./undo.js";

const table = new BotTable(changed);
const filter = new Filter((ids) => table.show(ids), complain);
const preview = new Preview(started);
const undoing = new Undo({ ended: list, complain });
const run = new RunView({ ended, retry, undo, complain });
new DiagnosisView(complain);
let runs = [];
let listed = false;

function complain(problem) {
  $("alerts").replaceChildren(h("p", { class: "notice bad" }, problem.message));
}

function changed() {
  const [all, shown, picked] = [table.bots.length, table.shown.length, table.picked.length];
  $("bots-status").textContent = shown === all ? plural(all, "bot") : `${shown} of ${plural(all, "bot")}`;
  $("selected").textContent = picked ? `${plural(picked, "bot")} selected` : "Nothing selected";
  $("some").disabled = picked === 0;
  $("every").disabled = !listed;
  $("every").textContent = filter.isEmpty ? "Unschedule all…" : "Unschedule all that match the filter…";
  $("bots-empty").hidden = shown > 0;
  if (!listed) return;
  $("bots-empty").textContent = all ? "No bot matches the filter." : "No bot is scheduled.";
  drawTimeline(table);
}

async function list() {
  $("refresh").disabled = true;
  $("refresh").textContent = "Listing…";
  try {
    const listing = await ask("api/bots");
    listed = true;
    $("alerts").replaceChildren();
    $("host").textContent = listing.simulated ? `${listing.host} (simulated)` : listing.host;
    $("key-source").textContent = listing.key_source;
    $("listed-at").textContent = localTime(new Date(listing.listed_at));
    $("notices").replaceChildren(...notices(listing));
    filter.offer(listing.bots);
    table.fill(listing.bots);
    if (!filter.isEmpty) await filter.run();
  } catch (problem) {
    complain(problem);
    if (!listed) {
      for (const id of ["bots-empty", "timeline-summary"]) $(id).textContent = "The account could not be listed.";
    }
  } finally {
    $("refresh").disabled = false;
    $("refresh").textContent = "List again";
  }
}

function notices(listing) {
  const found = [];
  if (listing.truncated) {
    found.push(`The listing is full with ${plural(listing.bots.length, "bot")}: there may be more that it does not show. “Unschedule all” continues beyond it, and lists again until nothing is left.`);
  }
  for (const row of listing.rejected) found.push(`A row can't be read and is ignored: ${row.path} ${row.reason}`);
  return found.map((text) => h("p", { class: "notice warn" }, text));
}

async function propose(make, options) {
  try {
    $("alerts").replaceChildren(h("p", { class: "notice", role: "status" }, "Listing again, to show what a run would do…"));
    await preview.open(make, options);
    $("alerts").replaceChildren();
  } catch (problem) {
    complain(problem);
  }
}

function retry(runId) {
  return propose(() => ask(`api/runs/${encodeURIComponent(runId)}/retry`, {}), { options: false });
}

async function undo(runId) {
  try {
    await undoing.open(runId);
  } catch (problem) {
    complain(problem);
  }
}

function started(told) {
  runs = [told, ...runs.filter((one) => one.run.id !== told.run.id)];
  offerRuns();
  follow(told);
  table.clear();
  $("run-title").focus();
}

function follow(told) {
  run.follow(told);
  $("runs").value = told.run.id;
}

async function ended() {
  await Promise.all([findRuns(), list()]);
}

async function findRuns() {
  try {
    runs = await ask("api/runs");
    offerRuns();
    for (const told of runs) run.learn(told);
  } catch (problem) {
    complain(problem);
  }
}

function offerRuns() {
  $("runs").replaceChildren(...runs.map((told) => {
    const begun = localTime(new Date(told.run.started_at));
    return h("option", { value: told.run.id }, `${begun}: ${told.title}, ${told.run.state}`);
  }));
  $("runs-label").hidden = runs.length < 2;
  if (run.id !== null) $("runs").value = run.id;
}

$("refresh").addEventListener("click", list);
$("some").addEventListener("click", () => {
  const bot_ids = table.picked.map((bot) => bot.bot_id);
  return propose((options) => ask("api/previews", { bot_ids, ...options }));
});
$("every").addEventListener("click", () => {
  const chosen = filter.isEmpty ? { all: true } : { filter: filter.value };
  return propose((options) => ask("api/previews", { ...chosen, ...options }));
});
$("runs").addEventListener("change", () => follow(runs.find((told) => told.run.id === $("runs").value)));

await Promise.all([findRuns(), list()]);
// Reloading the page finds the run again: the one under way, else the newest.
const again = runs.find((told) => told.run.state === "running") ?? runs[0];
if (again && run.id === null) follow(again);
document.body.dataset.ready = "true";
