// What the page shows, as it stands in the address: query and time range. Pure.

import { DEFAULT_START, FIELDS } from "./vocabulary.js";

export const ALL = "all";

/** `start` and `end` are what the API takes; `all` is an open start, an empty end is now. */
export function readState(search) {
  const parameters = new URLSearchParams(search);
  return {
    q: parameters.get("q") ?? "",
    start: parameters.get("start") || DEFAULT_START,
    end: parameters.get("end") ?? "",
  };
}

export function writeState({ q, start, end }) {
  const parameters = new URLSearchParams();
  if (q) parameters.set("q", q);
  if (start !== DEFAULT_START || end) parameters.set("start", start);
  if (end) parameters.set("end", end);
  const text = parameters.toString();
  return text ? `?${text}` : "";
}

/** The arguments of an API call. */
export function apiArguments({ q, start, end }) {
  const found = {};
  if (q) found.q = q;
  if (start !== ALL) found.start = start;
  // Without an end, one line of a clock that is years ahead would stretch the histogram of the last hour to there.
  if (end || start.startsWith("-")) found.end = end || "now";
  return found;
}

const CONTROL = /[\p{Cc}\u2028\u2029]/u;
const NAMED = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const LONGEST = 2000;

/** How a query names an attribute; null where no query can be typed that does: it has a line break or its like. */
export function attributeField(path) {
  const name = !path || FIELDS.has(path) || path.startsWith("attrs.") ? `attrs.${path}` : path;
  if (/^[A-Za-z_@][\w.@-]*$/.test(name)) return name;
  return CONTROL.test(name) ? null : quoted(name);
}

/** `field:value` as the query language writes it; of a very long value, what it begins with. */
export function filterText(field, value) {
  // A search box holds no line break: an expression writes it as \n.
  if (CONTROL.test(value) || value.length > LONGEST) return `${field}:/${expression(value)}/`;
  const plain = /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}_.:@+-]*$/u.test(value) && !/^(AND|OR|NOT)$/.test(value);
  return `${field}:${plain ? value : quoted(value)}`;
}

function quoted(text) {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/** A regular expression for this value, RE2's. */
function expression(value) {
  const whole = value.length <= LONGEST;
  const text = whole ? value : value.slice(0, LONGEST).replace(/[\ud800-\udbff]$/, "");
  const literal = text
    .replace(/[\\^$.|?*+()[\]{}/]/g, "\\$&")
    .replace(/[\p{Cc}\u2028\u2029]/gu, (one) => NAMED[one] ?? `\\x{${one.codePointAt(0).toString(16)}}`);
  return `^${literal}${whole ? "$" : ""}`;
}

/** The query with one more condition; its opposite, if it is there, goes. */
export function withFilter(q, filter, exclude) {
  const wanted = exclude ? `-${filter}` : filter;
  const opposite = exclude ? filter : `-${filter}`;
  const terms = conditions(q).filter((term) => written(term) !== opposite);
  if (terms.some((term) => written(term) === wanted)) return terms.join(" ");
  return [...terms, wanted].join(" ");
}

/** What a query asks for, all of it at once. */
function conditions(q) {
  const terms = splitTerms(q);
  if (terms.includes("OR")) return [`(${terms.join(" ")})`];
  const found = [];
  let not = "";
  for (const term of terms) {
    if (term === "NOT") {
      not += "NOT ";
    } else if (term !== "AND") {
      found.push(not + term);
      not = "";
    }
  }
  return found;
}

/** `NOT a` as `-a`. */
const written = (term) => term.replace(/^NOT (?!-|NOT )/, "-");

/** The query cut at spaces outside quotes, expressions and parentheses. */
function splitTerms(q) {
  const terms = [];
  let term = "";
  let depth = 0;
  for (const piece of q.match(/(?<=:)\/(?:[^/\\\n]|\\.)+\/(?=[\s)]|$)|"(?:[^"\\]|\\.)*"?|\s+|[()]|[^\s()":]+|:/gs) ?? []) {
    if (piece === "(") depth += 1;
    if (piece === ")") depth -= 1;
    if (/^\s/.test(piece) && depth <= 0) {
      if (term) terms.push(term);
      term = "";
    } else {
      term += piece;
    }
  }
  return term ? [...terms, term] : terms;
}
