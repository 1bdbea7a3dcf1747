// Values as words, and the order of rows. Nothing here touches the page.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

export function localTime(moment, now = new Date()) {
  if (moment === null) return "no time";
  const options = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (moment.getFullYear() !== now.getFullYear()) options.year = "numeric";
  return moment.toLocaleString("en-GB", options).replace(/,/g, "");
}

// How far away, in its two largest units.
export function away(moment, now = new Date()) {
  if (moment === null) return "";
  const minutes = Math.floor(Math.abs(moment - now) / MINUTE);
  const units = [
    [Math.floor(minutes / 1440), "d"],
    [Math.floor(minutes / 60) % 24, "h"],
    [minutes % 60, "min"],
  ];
  const words = units.filter(([count]) => count).map(([count, unit]) => `${count} ${unit}`);
  const text = words.slice(0, 2).join(" ") || "1 min";
  return moment >= now ? `in ${text}` : `${text} ago`;
}

// What a field for a local time holds, as a moment that has an offset; null where it holds none.
export function toMoment(text) {
  const moment = new Date(text);
  return text && !Number.isNaN(moment.getTime()) ? moment.toISOString() : null;
}

export function zone(now = new Date()) {
  const minutes = -now.getTimezoneOffset();
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const two = (number) => String(Math.trunc(Math.abs(number))).padStart(2, "0");
  if (name === "UTC") return "Times are in UTC";
  return `Times are local: ${name}, UTC${minutes < 0 ? "−" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

const KEYS = {
  joins: (bot) => bot.moment?.getTime() ?? null,
  platform: (bot) => bot.platform?.toLowerCase() ?? null,
  name: (bot) => bot.name?.toLowerCase() ?? null,
  event: (bot) => bot.event_id,
  attributes: (bot) => bot.attributeWords || null,
};

// In that order; what has no value comes last either way.
export function sorted(bots, key, descending) {
  const of = KEYS[key];
  const sign = descending ? -1 : 1;
  return [...bots].sort((one, other) => {
    const [a, b] = [of(one), of(other)];
    if (a === null || b === null) return (a === null) - (b === null) || one.order - other.order;
    if (a === b) return one.order - other.order;
    return a < b ? -sign : sign;
  });
}

// How many moments lie in each of `count` equal stretches from the first to the last.
export function buckets(moments, count) {
  const times = moments.map(Number);
  const from = times.reduce((a, b) => Math.min(a, b), Infinity);
  const to = times.reduce((a, b) => Math.max(a, b), -Infinity);
  const width = Math.max((to - from) / count, MINUTE);
  const place = (time) => Math.min(Math.floor((time - from) / width), count - 1);
  return { from, to, width, place };
}

// The midnights of local days inside a stretch, thinned out to at most `most`.
export function midnights(from, to, most) {
  const day = new Date(from);
  day.setHours(24, 0, 0, 0);
  const found = [];
  while (day.getTime() <= to) {
    found.push(new Date(day));
    day.setDate(day.getDate() + Math.max(1, Math.ceil((to - from) / DAY / most)));
  }
  return found;
}

const TONES = {
  unscheduled: "good",
  already_unscheduled: "good",
  rescheduled: "good",
  already_scheduled: "good",
  not_restorable: "warn",
  skipped: "warn",
  not_attempted: "warn",
  failed: "bad",
  unknown: "bad",
};

export const statusTone = (status) => TONES[status] ?? "";
export const statusWords = (status) => status.replaceAll("_", " ");
export const needsAttention = (status) => statusTone(status) !== "good";
