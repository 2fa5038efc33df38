// The list of lines: one row each, newest first, opened to all fields. Logs are hostile: text nodes only, never HTML.

import { WrittenNumber, get } from "./api.js";
import { visible } from "./controls.js";
import { attributeField, filterText } from "./state.js";
import { localDate, localTime } from "./times.js";
import { LEVELS, PART, PART_BEFORE_MATCH } from "./vocabulary.js";

const SHOWN = 2000;
const BEFORE_MATCH = 200;

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Where a row stands, for good; a topic that was made again has an id of its own. */
export function rowKey(row) {
  return `${row.topic}/${row.partition}/${row.offset}/${row.topic_id}`;
}

/** Whether the first row stands above the second: the newest first, as the API orders them. */
export function isAbove(row, other) {
  for (const key of ["ts", "topic", "partition", "offset", "topic_id"]) {
    if (row[key] !== other[key]) return row[key] > other[key];
  }
  return false;
}

export function rowElement(row) {
  const time = new Date(row.ts);
  const toggle = element("button", { type: "button", className: "toggle", title: "All fields" });
  toggle.setAttribute("aria-expanded", "false");
  toggle.setAttribute("aria-label", `All fields of the line of ${localTime(time)}`);
  const stamp = element("time", { dateTime: row.ts, title: `${row.ts.replace("T", " ").replace("Z", "")} UTC` },
    element("span", { className: "date", textContent: localDate(time) }), ` ${localTime(time, true)}`);
  const message = element("span", { className: "message" });
  message.append(...excerpt(row));
  const line = element("div", { className: "line" }, toggle, stamp,
    element("span", { className: "level" }, value("level", row.level)),
    element("span", { className: "service" }, value("service", row.service)),
    element("span", { className: "host" }, value("host", row.host)),
    message);
  const item = element("li", { className: `row ${levelClass(row.level)}` }, line);
  item.dataset.key = rowKey(row);
  item.record = row;
  item.toggle = () => {
    const open = toggle.getAttribute("aria-expanded") === "true";
    toggle.setAttribute("aria-expanded", String(!open));
    if (open) item.querySelector(".fields").remove();
    else item.append(fields(row));
  };
  return item;
}

export function levelClass(level) {
  return LEVELS.includes(level) ? `level-${level}` : "level-none";
}

function value(field, text) {
  return text ? filterButton(field, text, ...visible(text)) : "";
}

/** A button whose click adds `field:text` to the query. */
export function filterButton(field, text, ...content) {
  const filter = filterText(field, text);
  const button = element("button", { type: "button", className: "value", title: `Click: only ${filter}\nShift+click: without` }, ...content);
  button.dataset.filter = filter;
  return button;
}

function fields(row) {
  const table = element("dl", { className: "fields" });
  const add = (name, ...content) => {
    table.append(element("dt", {}, ...visible(name)), element("dd", {}, ...content));
  };
  const whole = element("span", { className: "whole" });
  whole.append(...marked(row.message, row.marks ?? []));
  add("message", whole, ...(row.message_bytes ? [rest(row, whole)] : []));
  add("time", `${row.ts.replace("T", " ").replace("Z", "")} UTC`);
  for (const name of ["level", "service", "host", "file", "trace_id", "span_id"]) {
    if (row[name]) add(name, value(name, row[name]));
  }
  for (const [path, ...found] of flatten(row.attrs)) {
    add(path, ...listed(path, found));
  }
  add("position", element("span", { className: "position", textContent: `${row.topic} / ${row.partition} / ${row.offset}`,
    title: "Topic, partition and offset: any Kafka client can read it there" }));
  return table;
}

/** What says that a message is only a part, and fetches the whole into `whole`. */
function rest(row, whole) {
  const address = new URLSearchParams({ topic: row.topic, partition: row.partition, offset: row.offset, topic_id: row.topic_id ?? "" });
  const all = `${row.message_bytes.toLocaleString("en")} bytes`;
  const button = element("button", { type: "button", className: "control", textContent: "Show all" });
  const said = element("span", { textContent: `A part of ${all}` });
  const box = element("div", { className: "rest" }, said, button);
  button.onclick = async () => {
    button.disabled = true;
    try {
      const record = await get("api/record", address);
      whole.replaceChildren(...visible(record.message));
      said.textContent = record.message_bytes ? `The index has the first part of ${all}` : `All ${all}`;
      button.replaceWith(...(record.message_bytes ? [element("a", { href: `api/record?${address}&raw=true`, textContent: "Download the record" })] : []));
    } catch (error) {
      said.textContent = error.message;
      button.disabled = false;
    }
  };
  return box;
}

/** Names and values as a query asks for them: of an array all of its values, of objects in it all of their fields. */
function* flatten(object, prefix = "") {
  for (const [name, found] of Object.entries(object)) {
    const path = prefix + name;
    const items = Array.isArray(found) ? found : [found];
    const values = items.filter((one) => !isObject(one));
    if (values.length || !items.length) yield [path, ...values];
    for (const one of items.filter(isObject)) yield* flatten(one, `${path}.`);
  }
}

function isObject(found) {
  return found !== null && typeof found === "object" && !Array.isArray(found) && !(found instanceof WrittenNumber);
}

function listed(path, values) {
  return values.flatMap((one, number) => [
    ...(number ? [", "] : []),
    ...(Array.isArray(one) ? ["[", ...listed(path, one), "]"] : [attribute(path, one)]),
  ]);
}

/** What no query asks for is only text: null, which is like nothing, and objects in arrays in arrays. */
function attribute(path, found) {
  const field = attributeField(path);
  const text = textOf(found);
  return field === null || found === null || isObject(found) ? element("span", {}, ...visible(text)) : filterButton(field, text, ...visible(text || '""'));
}

function textOf(found) {
  return found === null || isObject(found) ? JSON.stringify(found) : String(found);
}

/** The part of a long message that a row shows: from its first match. What comes may be a part itself (docs/search.md,
 * "Long lines"): it begins inside of the message if so much is in front of the match, and ends inside if it is full. */
function* excerpt({ message, marks = [], message_bytes: isPart }) {
  const first = marks[0]?.[0] ?? 0;
  const from = message.length > SHOWN && first > SHOWN - BEFORE_MATCH ? first - BEFORE_MATCH : 0;
  const to = message.length > SHOWN ? from + SHOWN : message.length;
  if (from || (isPart && first >= PART_BEFORE_MATCH)) yield "…";
  yield* marked(message, marks, from, to);
  if (to < message.length || (isPart && message.length >= PART)) yield "…";
}

/** A text from one place to another; `marks` are places in it, as the API names them. */
function* marked(text, marks, from = 0, to = text.length) {
  let at = from;
  for (const [start, end] of marks) {
    if (start < at || start >= to) continue;
    yield* visible(text.slice(at, start));
    yield element("mark", {}, ...visible(text.slice(start, Math.min(end, to))));
    at = Math.min(end, to);
  }
  yield* visible(text.slice(at, to));
}
