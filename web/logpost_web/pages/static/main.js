// The search page: reads the address, asks the API, fills the page.

import { ApiError, get } from "./api.js";
import { completeness, count, isIncomplete, whatIsMissing } from "./complete.js";
import { Histogram, levelCounts } from "./histogram.js";
import { RangePanel } from "./range.js";
import { element, filterButton, isAbove, levelClass, rowElement, rowKey } from "./rows.js";
import { ALL, apiArguments, readState, withFilter, writeState } from "./state.js";
import { age, inRange, shortTime } from "./times.js";
import { DEFAULT_START } from "./vocabulary.js";

const PAGE = 100;
const MOST_LIVE_ROWS = 1000;
const LIVE_MS = 2000;
const TIME_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const AROUND_MS = 30 * 60 * 1000;

const $ = (id) => document.getElementById(id);

let state = readState(location.search);
let asking = new AbortController();
let cursor = null;
let retry = 0;

const histogram = new Histogram($("histogram"), (start, end) => go({ start, end }));
const ranges = new RangePanel((start, end) => go({ start, end }));

/** Change the query or the time range, into the history. */
function go(changes) {
  const next = { ...state, ...changes };
  const address = location.pathname + writeState(next);
  if (address !== location.pathname + location.search) history.pushState(null, "", address);
  state = next;
  if (state.end) setLive(false);
  run();
}

function show() {
  $("q").value = state.q;
  document.title = state.q ? `${state.q} · logpost` : "logpost";
  ranges.show(state);
}

/** Search again. What is on the page stays until the answer is there. */
async function run() {
  show();
  asking.abort();
  asking = new AbortController();
  clearTimeout(retry);
  const { signal } = asking;
  $("results").setAttribute("aria-busy", "true");
  try {
    const [found, counted] = await Promise.all([askForRows(signal), askForBars(signal)]);
    showError(null);
    showHints(found.hints);
    replaceRows(found);
    showCounts(found, counted);
  } catch (error) {
    if (!signal.aborted) fail(error);
  }
  if (!signal.aborted) $("results").setAttribute("aria-busy", "false");
}

const askForRows = (signal) => get("api/search", { ...apiArguments(state), limit: PAGE, highlight: true }, signal);

function askForBars(signal) {
  const buckets = Math.min(120, Math.max(30, Math.round($("histogram").clientWidth / 12)));
  return get("api/histogram", { ...apiArguments(state), buckets, tz: TIME_ZONE }, signal);
}

function showHints(hints = []) {
  $("hints").hidden = !hints.length;
  $("hints").replaceChildren(...hints.map(({ read_as: readAs, instead }) =>
    element("li", {}, "Read as ", element("b", { textContent: readAs }), ". Perhaps you mean ", element("code", { textContent: instead }))));
}

function replaceRows(found) {
  cursor = found.cursor;
  $("rows").replaceChildren(...found.rows.map(rowElement));
  showEnd(found.rows.length);
  if (found.rows.length) $("empty").hidden = true;
  else explainEmpty(asking.signal);
}

function showEnd(rows) {
  $("older").hidden = !cursor;
  $("end").hidden = Boolean(cursor) || !rows;
}

function showCounts(found, counted) {
  histogram.draw(counted);
  $("count").textContent = count(counted.total, "line");
  $("count").title = `Found in ${Math.ceil(found.stats.elapsed_ms)} ms`;
  $("legend").replaceChildren(...levelCounts(counted.buckets).map(({ level, className, parts }) =>
    element("li", { className }, ...(level === null ? parts : [filterButton("level", level, ...parts)]))));
  $("complete").textContent = completeness(found.complete);
  $("complete").title = whatIsMissing(found.complete);
  $("complete").classList.toggle("behind", isIncomplete(found.complete));
}

// Older lines

const nearEnd = new IntersectionObserver(([entry]) => entry.isIntersecting && loadOlder(), { rootMargin: "400px" });

async function loadOlder() {
  if (!cursor || $("older").disabled) return;
  $("older").disabled = true;
  const { signal } = asking;
  try {
    const found = await get("api/search", { ...apiArguments(state), limit: PAGE, cursor, highlight: true }, signal);
    cursor = found.cursor;
    $("rows").append(...found.rows.map(rowElement));
    showEnd($("rows").childElementCount);
    // Look again: it may still be near, and says so only when that changes.
    nearEnd.unobserve($("older"));
    nearEnd.observe($("older"));
  } catch (error) {
    if (!signal.aborted) fail(error);
  }
  $("older").disabled = false;
}

// Nothing found, and errors

let explaining = 0;

async function explainEmpty(signal) {
  explaining += 1;
  try {
    await explain(signal);
  } catch (error) {
    if (!signal.aborted) {
      if (!(error instanceof ApiError)) throw error;
      $("empty").append(element("p", { textContent: `Lines of other times were not searched: ${error.message}` }));
    }
  } finally {
    explaining -= 1;
  }
}

async function explain(signal) {
  const box = $("empty");
  const anywhere = state.start === ALL && !state.end;
  const title = state.q || !anywhere ? `Nothing ${state.q ? "matches" : "was logged"} ${inRange(state.start, state.end)}` : "No logs yet";
  box.replaceChildren(element("h2", { textContent: title }));
  box.hidden = false;
  const newest = await newestRow(state.q ? { q: state.q } : {}, signal);
  const other = !newest && state.q && (await newestRow({}, signal));
  if (newest && !anywhere) {
    const date = new Date(newest.ts);
    const jump = element("button", { type: "button", className: "control primary", textContent: "Show it" });
    jump.onclick = () => go({ start: new Date(date - AROUND_MS).toISOString(), end: new Date(+date + 1000).toISOString() });
    const all = element("button", { type: "button", className: "control", textContent: "Search all time" });
    all.onclick = () => go({ start: ALL, end: "" });
    box.append(element("p", { textContent: `The newest ${state.q ? "match" : "line"} is from ${shortTime(date)}, ${age(date)}.` }), element("div", { className: "actions" }, jump, all));
  } else if (other) {
    box.append(element("p", { textContent: "No line of any other time matches either. Try fewer words, or a wildcard: conn*" }));
  } else {
    box.append(element("p", { textContent: "Lines appear here within two seconds of being written, once an agent reads a file or a program sends to the topic logs." }));
  }
}

/** The newest line that matches, of all times; null when there is none. */
async function newestRow(query, signal) {
  return (await get("api/search", { ...query, limit: 1 }, signal)).rows[0] ?? null;
}

function fail(error) {
  if (!(error instanceof ApiError)) throw error;
  showError(error);
  showHints();
  if (!$("rows").childElementCount) $("count").textContent = "";
  if (error.status === 0 || error.status === 503) retry = setTimeout(run, LIVE_MS);
}

function showError(error) {
  const box = $("error");
  box.hidden = !error;
  $("results").classList.toggle("stale", Boolean(error));
  $("q").setAttribute("aria-invalid", String(Boolean(error) && error.at !== null));
  if (!error) return;
  box.replaceChildren(element("p", { textContent: error.message }));
  if (error.at === null) return;
  // Positions count characters, JavaScript counts UTF-16 units.
  const before = [...state.q].slice(0, error.at).join("").replace(/\s/g, " ");
  const after = [...state.q].slice(error.at).join("").replace(/\s/g, " ");
  const caret = element("span", { className: "caret", textContent: "^" });
  box.prepend(element("pre", {}, `${before}${after}\n${" ".repeat([...before].length)}`, caret));
}

// Live

let live = 0;
let refreshing = false;

function setLive(on) {
  clearInterval(live);
  live = on ? setInterval(refresh, LIVE_MS) : 0;
  $("live").setAttribute("aria-pressed", String(on));
}

/** Add what is new on top; what is open stays open. One request at a time, and none before the last is
 *  answered. */
async function refresh() {
  if (refreshing || explaining || document.hidden || $("results").getAttribute("aria-busy") === "true") return;
  const { signal } = asking;
  refreshing = true;
  try {
    const found = await askForRows(signal);
    const counted = await askForBars(signal);
    const shown = new Set([...$("rows").children].map((row) => row.dataset.key));
    const fresh = found.rows.filter((row) => !shown.has(rowKey(row)));
    if (fresh.length < found.rows.length && shown.size <= MOST_LIVE_ROWS) insert(fresh);
    else if (found.rows.length || shown.size) replaceRows(found);
    showError(null);
    showCounts(found, counted);
  } catch (error) {
    if (!signal.aborted) fail(error);
  } finally {
    refreshing = false;
  }
}

/** Put rows, the newest first, where their time belongs: one that comes late does not stand on top. */
function insert(rows) {
  let below = $("rows").firstElementChild;
  for (const row of rows) {
    while (below && isAbove(below.record, row)) below = below.nextElementSibling;
    $("rows").insertBefore(rowElement(row), below);
  }
}

// What people do

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  go({ q: $("q").value.trim() });
});

$("results").addEventListener("click", (event) => {
  const filter = event.target.closest("[data-filter]")?.dataset.filter;
  if (filter) go({ q: withFilter(state.q, filter, event.shiftKey || event.altKey) });
  else if (event.target.closest(".line") && getSelection().isCollapsed) event.target.closest(".row").toggle();
});

$("older").addEventListener("click", loadOlder);
$("live").addEventListener("click", () => {
  const on = $("live").getAttribute("aria-pressed") !== "true";
  if (on && state.end) go({ end: "", start: state.start.startsWith("-") ? state.start : DEFAULT_START });
  setLive(on);
});
addEventListener("popstate", () => {
  state = readState(location.search);
  if (state.end) setLive(false);
  run();
});
addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    $("q").select();
  }
});
nearEnd.observe($("older"));

const end = $("q").value.length;
$("q").setSelectionRange(end, end);
run();
