// Times as people read them. API times are RFC 3339 in UTC with nanoseconds.

const two = (number) => String(number).padStart(2, "0");

export function localDate(date) {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

export function localTime(date, milliseconds = false) {
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return milliseconds ? `${time}.${String(date.getMilliseconds()).padStart(3, "0")}` : time;
}

/** The value of a `datetime-local` input. */
export function localInput(date) {
  return `${localDate(date)}T${localTime(date)}`;
}

/** `2026-11-22 10:51:07`, without the date when that is today. */
export function shortTime(date, now = new Date()) {
  return localDate(date) === localDate(now) ? localTime(date) : `${localDate(date)} ${localTime(date)}`;
}

/** A point on the axis of a chart that spans `seconds`. */
export function axisTime(date, seconds) {
  if (seconds > 2 * 365 * 86400) return `${date.getFullYear()}-${two(date.getMonth() + 1)}`;
  if (seconds > 3 * 86400) return localDate(date).slice(5);
  if (seconds > 86400) return `${localDate(date).slice(5)} ${localTime(date).slice(0, 5)}`;
  if (seconds > 600) return localTime(date).slice(0, 5);
  return localTime(date, seconds < 10);
}

const AGES = [[60, "second"], [60, "minute"], [24, "hour"], [30, "day"], [12, "month"], [Infinity, "year"]];

/** `3 hours ago` */
export function age(date, now = new Date()) {
  let amount = (date - now) / 1000;
  for (const [most, unit] of AGES) {
    if (Math.abs(amount) < most) return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(amount), unit);
    amount /= most;
  }
  return "";
}

const UNITS = { s: "second", m: "minute", h: "hour", d: "day", w: "week" };

/** What a time range is called; `start` and `end` as the API takes them, `all` for an open start. */
export function rangeLabel(start, end) {
  const relative = /^-(\d+)([smhdw])$/.exec(start);
  if (!end && start === "all") return "All time";
  if (!end && relative) {
    const [, number, unit] = relative;
    return number === "1" ? `Last ${UNITS[unit]}` : `Last ${number} ${UNITS[unit]}s`;
  }
  const from = start === "all" ? "" : pointLabel(start);
  if (!end) return `Since ${from}`;
  return from ? `${from} to ${pointLabel(end, start)}` : `Until ${pointLabel(end)}`;
}

/** `in the last 5 minutes` */
export function inRange(start, end) {
  const label = rangeLabel(start, end);
  if (label.startsWith("Last ")) return `in the l${label.slice(1)}`;
  return label === "All time" ? "at any time" : "in this time range";
}

function pointLabel(text, other = "") {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  const beside = new Date(other);
  return Number.isNaN(beside.getTime()) ? shortTime(date) : shortTime(date, beside);
}
