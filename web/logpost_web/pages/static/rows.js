// The list of lines: one row each, newest first, opened to all fields. Logs are hostile: text nodes only, never HTML.

import { attributeField, filterText } from "./state.js";
import { localDate, localTime } from "./times.js";

const SHOWN = 2000;
const BEFORE_MATCH = 200;

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Where a row stands, for good. */
export function rowKey(row) {
  return `${row.topic}/${row.partition}/${row.offset}`;
}

/** What marks the matches of a search; expressions that this browser cannot read mark nothing. */
export function marker(expressions) {
  const readable = (expressions ?? []).filter((expression) => {
    try {
      return !new RegExp(expression, "giu").test("");
    } catch {
      return false;
    }
  });
  return readable.length ? new RegExp(readable.map((one) => `(?:${one})`).join("|"), "giu") : null;
}

/** `mark`: of `marker`. */
export function rowElement(row, mark) {
  const time = new Date(row.ts);
  const toggle = element("button", { type: "button", className: "toggle", title: "All fields" });
  toggle.setAttribute("aria-expanded", "false");
  toggle.setAttribute("aria-label", `All fields of the line of ${localTime(time)}`);
  const stamp = element("time", { dateTime: row.ts, title: `${row.ts.replace("T", " ").replace("Z", "")} UTC` },
    element("span", { className: "date", textContent: localDate(time) }), ` ${localTime(time, true)}`);
  const message = element("span", { className: "message" });
  message.append(...marked(excerpt(row.message, mark), mark));
  const line = element("div", { className: "line" }, toggle, stamp,
    element("span", { className: "level" }, value("level", row.level)),
    element("span", { className: "service" }, value("service", row.service)),
    element("span", { className: "host" }, value("host", row.host)),
    message);
  const item = element("li", { className: `row ${levelClass(row.level)}` }, line);
  item.dataset.key = rowKey(row);
  item.toggle = () => {
    const open = toggle.getAttribute("aria-expanded") === "true";
    toggle.setAttribute("aria-expanded", String(!open));
    if (open) item.querySelector(".fields").remove();
    else item.append(fields(row, mark));
  };
  return item;
}

export function levelClass(level) {
  return /^(trace|debug|info|warn|error|fatal)$/.test(level) ? `level-${level}` : "level-none";
}

function value(field, text) {
  return text ? filterButton(field, text, text) : "";
}

/** A button whose click adds `field:text` to the query. */
export function filterButton(field, text, ...content) {
  const filter = filterText(field, text);
  const button = element("button", { type: "button", className: "value", title: `Click: only ${filter}\nShift+click: without` }, ...content);
  button.dataset.filter = filter;
  return button;
}

function fields(row, mark) {
  const table = element("dl", { className: "fields" });
  const add = (name, ...content) => {
    table.append(element("dt", { textContent: name }), element("dd", {}, ...content));
  };
  const whole = element("span", { className: "whole" });
  whole.append(...marked(row.message, mark));
  add("message", whole);
  add("time", `${row.ts.replace("T", " ").replace("Z", "")} UTC`);
  for (const name of ["level", "service", "host", "file", "trace_id", "span_id"]) {
    if (row[name]) add(name, value(name, row[name]));
  }
  for (const [path, found] of flatten(row.attrs)) {
    const field = attributeField(path);
    add(path, field === null || typeof found === "object" ? textOf(found) : value(field, textOf(found)));
  }
  add("position", element("span", { className: "position", textContent: `${row.topic} / ${row.partition} / ${row.offset}`,
    title: "Topic, partition and offset: any Kafka client can read it there" }));
  return table;
}

function* flatten(object, prefix = "") {
  for (const [name, found] of Object.entries(object)) {
    const nested = found !== null && typeof found === "object" && !Array.isArray(found);
    if (nested) yield* flatten(found, `${prefix}${name}.`);
    else yield [prefix + name, found];
  }
}

function textOf(found) {
  return typeof found === "object" ? JSON.stringify(found, (_key, one) => (typeof one === "bigint" ? String(one) : one)) : String(found);
}

/** The part of a long message that a row shows: from its first match. */
function excerpt(message, mark) {
  if (message.length <= SHOWN) return message;
  const first = mark ? message.search(mark) : -1;
  const from = first > SHOWN - BEFORE_MATCH ? first - BEFORE_MATCH : 0;
  return `${from ? "…" : ""}${message.slice(from, from + SHOWN)}…`;
}

function* marked(text, mark) {
  let end = 0;
  if (mark) {
    for (const match of text.matchAll(mark)) {
      if (!match[0]) continue;
      yield text.slice(end, match.index);
      yield element("mark", { textContent: match[0] });
      end = match.index + match[0].length;
    }
  }
  yield text.slice(end);
}
