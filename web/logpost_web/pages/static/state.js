// What the page shows, as it stands in the address: query and time range. Pure.

export const DEFAULT_START = "-1h";
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

const FIELDS = new Set(["message", "service", "host", "level", "trace_id", "span_id", "file", "topic", "partition", "offset"]);

/** How a query names an attribute; null where its name has characters that no field can have. */
export function attributeField(path) {
  if (FIELDS.has(path)) return `attrs.${path}`;
  return /^[A-Za-z_][\w.@-]*$/.test(path) ? path : null;
}

/** `field:value` as the query language writes it. */
export function filterText(field, value) {
  const plain = /^[^\s()"*<>/:][^\s()"*]*$/.test(value) && !/^(AND|OR|NOT)$/.test(value);
  return `${field}:${plain ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`}`;
}

/** The query with one more condition; its opposite, if it is there, goes. */
export function withFilter(q, filter, exclude) {
  const wanted = exclude ? `-${filter}` : filter;
  const opposite = exclude ? filter : `-${filter}`;
  const terms = splitTerms(q).filter((term) => term !== opposite);
  if (terms.includes(wanted)) return terms.join(" ");
  const rest = terms.includes("OR") ? [`(${terms.join(" ")})`] : terms;
  return [...rest, wanted].join(" ");
}

/** The query cut at spaces outside quotes and parentheses. */
function splitTerms(q) {
  const terms = [];
  let term = "";
  let depth = 0;
  for (const piece of q.match(/"(?:[^"\\]|\\.)*"?|\s+|[()]|[^\s()"]+/gs) ?? []) {
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
