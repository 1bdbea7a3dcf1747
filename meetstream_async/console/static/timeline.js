// When the bots join, as bars over time, and the same in words.

import { $, h, svg } from "./dom.js";
import { buckets, localTime, midnights, plural } from "./format.js";

const COUNT = 84;
const HEIGHT = 60;
const WIDTH = 1000;

export function drawTimeline(table) {
  const timed = table.bots.filter((bot) => bot.moment !== null);
  $("timeline-summary").textContent = summary(table, timed);
  if (timed.length === 0) {
    $("timeline").replaceChildren();
    return;
  }
  const scale = buckets(timed.map((bot) => bot.moment), COUNT);
  const counts = { all: count(timed, scale), shown: count(timed.filter((bot) => table.isShown(bot)), scale), picked: count(timed.filter((bot) => table.isPicked(bot)), scale) };
  const top = Math.max(...counts.all);
  const bars = Object.entries(counts).flatMap(([kind, list]) =>
    list.map((value, place) => bar(kind, place, value / top, `${plural(counts.all[place], "bot")} from ${localTime(new Date(scale.from + place * scale.width))}`)),
  );
  // The summary beside the heading says it in words.
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...days(scale), ...bars.filter(Boolean),
    svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT, "vector-effect": "non-scaling-stroke" }));
  $("timeline").replaceChildren(picture, ends(scale), legend());
}

function count(bots, scale) {
  const list = new Array(COUNT).fill(0);
  for (const bot of bots) list[scale.place(bot.moment.getTime())] += 1;
  return list;
}

function bar(kind, place, share, title) {
  if (share === 0) return null;
  const height = Math.max(share * (HEIGHT - 4), 2);
  const width = WIDTH / COUNT;
  return svg("rect", { class: `bar ${kind}`, x: place * width + 1, width: width - 2, y: HEIGHT - height, height }, svg("title", {}, title));
}

function days(scale) {
  const span = scale.width * COUNT;
  return midnights(scale.from, scale.to, 14).map((day) => {
    const x = ((day.getTime() - scale.from) / span) * WIDTH;
    return svg("line", { class: "day", x1: x, x2: x, y1: 0, y2: HEIGHT, "vector-effect": "non-scaling-stroke" });
  });
}

function ends(scale) {
  return h("div", { class: "ends quiet", "aria-hidden": "true" },
    h("span", {}, localTime(new Date(scale.from))), h("span", {}, localTime(new Date((scale.from + scale.to) / 2))), h("span", {}, localTime(new Date(scale.to))));
}

function legend() {
  return h("div", { class: "legend quiet", "aria-hidden": "true" },
    h("span", {}, "listed"), h("span", { class: "is-shown" }, "inside the filter"), h("span", { class: "is-picked" }, "selected"));
}

function summary(table, timed) {
  if (table.bots.length === 0) return "No bot is scheduled.";
  const shown = timed.filter((bot) => table.isShown(bot));
  const untimed = table.shown.length - shown.length;
  const words = [plural(table.shown.length, "bot")];
  if (shown.length > 0) {
    const times = shown.map((bot) => bot.moment).sort((a, b) => a - b);
    words.push(`the first ${localTime(times[0])}`, `the last ${localTime(times.at(-1))}`);
    const day = new Date(Date.now() + 86_400_000);
    words.push(`${times.filter((time) => time < day).length} within 24 hours`);
  }
  if (untimed > 0) words.push(`${untimed} without a time`);
  return words.join(", ");
}
