// Lines over time as stacked bars, by level. Drag over a span, or Enter on a bar, zooms in; arrow keys walk the bars.

import { visible } from "./controls.js";
import { element, levelClass } from "./rows.js";
import { axisTime, localDate, localTime, shortTime } from "./times.js";
import { LEVELS } from "./vocabulary.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 100;
const BAR = 10;
const LABEL_PIXELS = 110;
/** In the legend, in a tip and in a bar. */
const MOST_LEVELS = 12;
/** Round distances between the labels of the axis. */
const [MINUTE, HOUR, DAY] = [60, 3600, 86400];
const LABEL_SECONDS = [0.1, 0.5, 1, 5, 10, 30, MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR,
  6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 91 * DAY, 365 * DAY, 3650 * DAY];
/** From the bottom up: what matters most stands on the line. */
const STACKED = [...LEVELS].reverse().concat("");

export class Histogram {
  /** `zoom(start, end)`: called with two times as the API writes them. */
  constructor(section, zoom) {
    this.svg = section.querySelector("svg");
    this.tip = section.querySelector(".tip");
    this.axis = section.querySelector(".axis");
    this.top = section.querySelector(".top");
    this.zoom = zoom;
    this.buckets = [];
    this.selected = -1;
    this.svg.addEventListener("pointerdown", (event) => this.#press(event));
    this.svg.addEventListener("pointermove", (event) => this.#move(event));
    this.svg.addEventListener("pointerup", (event) => this.#release(event));
    this.svg.addEventListener("pointerleave", () => this.#select(-1));
    this.svg.addEventListener("blur", () => this.#select(-1));
    this.svg.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Draw an answer of /api/histogram. */
  draw({ interval, total, buckets, start, end }) {
    this.buckets = buckets;
    this.interval = interval;
    this.span = { start, end };
    const most = Math.max(0, ...buckets.map((bucket) => bucket.count));
    this.svg.setAttribute("viewBox", `0 0 ${Math.max(1, buckets.length) * BAR} ${HEIGHT}`);
    this.svg.setAttribute("aria-label", `Lines over time: ${total.toLocaleString("en")} in ${buckets.length} bars`);
    this.highlight = shape("rect", { class: "selected", y: 0, height: HEIGHT, width: 0, x: 0 });
    this.svg.replaceChildren(this.highlight, ...buckets.flatMap((bucket, index) => bars(bucket, index, most)));
    this.top.textContent = most ? most.toLocaleString("en") : "";
    this.#drawAxis();
    this.#select(this.selected < buckets.length ? this.selected : -1);
  }

  #drawAxis() {
    const seconds = this.interval * this.buckets.length;
    const least = (seconds * LABEL_PIXELS) / this.svg.clientWidth;
    const step = LABEL_SECONDS.find((one) => one >= least) ?? least;
    const edge = 1 - (LABEL_PIXELS * 0.7) / this.svg.clientWidth;
    const labels = this.buckets.flatMap((bucket, index) => {
      const date = new Date(bucket.start);
      const local = date.getTime() / 1000 - date.getTimezoneOffset() * 60;
      const beyond = local - Math.floor(local / step) * step;
      const place = index / this.buckets.length;
      if (beyond >= this.interval || place > edge) return [];
      const label = element("span", { textContent: axisTime(date, seconds) });
      label.style.left = `${place * 100}%`;
      return [label];
    });
    this.axis.replaceChildren(...labels);
  }

  #indexAt(event) {
    const box = this.svg.getBoundingClientRect();
    const index = Math.floor(((event.clientX - box.left) / box.width) * this.buckets.length);
    return Math.min(Math.max(index, 0), this.buckets.length - 1);
  }

  #press(event) {
    if (event.button !== 0 || !this.buckets.length) return;
    this.pressed = this.#indexAt(event);
    this.svg.setPointerCapture(event.pointerId);
  }

  #move(event) {
    if (this.buckets.length) this.#select(this.#indexAt(event), this.pressed);
  }

  #release(event) {
    if (this.pressed === undefined) return;
    const [from, to] = [this.pressed, this.#indexAt(event)].sort((a, b) => a - b);
    this.pressed = undefined;
    this.#zoomTo(from, to);
  }

  #key(event) {
    if (event.key === "Enter" && this.selected >= 0) this.#zoomTo(this.selected, this.selected);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !this.buckets.length) return;
    event.preventDefault();
    const from = this.selected < 0 ? (step > 0 ? -1 : this.buckets.length) : this.selected;
    this.#select(Math.min(Math.max(from + step, 0), this.buckets.length - 1));
  }

  #zoomTo(from, to) {
    this.#select(-1);
    if (from === 0 && to === this.buckets.length - 1) return;
    this.zoom(...this.#spanOf(from, to));
  }

  /** From where to where the lines of these bars are: no more of the first and the last bar than is counted in them.
   *  As texts of the API, which compare as their times do and are exact to the nanosecond. */
  #spanOf(from, to) {
    const { start } = this.buckets[from];
    return [start > this.span.start ? start : this.span.start, this.buckets[to + 1]?.start ?? this.span.end];
  }

  /** Mark the bars from `index` to `other` and say what is in them. */
  #select(index, other = index) {
    this.selected = index;
    const [from, to] = index < 0 ? [0, -1] : [Math.min(index, other), Math.max(index, other)];
    this.highlight?.setAttribute("x", from * BAR);
    this.highlight?.setAttribute("width", (to - from + 1) * BAR);
    this.tip.hidden = index < 0;
    if (index >= 0) this.#describe(from, to);
  }

  #describe(from, to) {
    const [start, end] = this.#spanOf(from, to).map((text) => new Date(text));
    const fine = this.interval < 1;
    const title = `${localDate(start)} ${localTime(start, fine)} – ${fine ? localTime(end, true) : shortTime(end, start)}`;
    const counts = levelCounts(this.buckets.slice(from, to + 1));
    const counted = counts.map(({ className, parts }) => element("span", { className }, ...parts));
    this.tip.replaceChildren(element("strong", { textContent: title }), ...(counted.length ? counted : ["no lines"]));
    const width = this.svg.clientWidth;
    const middle = ((from + to + 1) / 2 / this.buckets.length) * width;
    const half = this.tip.offsetWidth / 2;
    this.tip.style.left = `${Math.max(half, Math.min(middle, width - half))}px`;
  }
}

/** The levels that occur, worst first, then a program's own, the most frequent first: their lines, and what legend and tip
 * append. Those above MOST_LEVELS are counted together, without a level: a program may invent one a line. */
export function levelCounts(buckets) {
  const counts = new Map();
  for (const bucket of buckets) {
    for (const [level, count] of Object.entries(bucket.by)) {
      counts.set(level, (counts.get(level) ?? 0) + count);
    }
  }
  const sorted = [...counts].sort(([a, lines], [b, others]) => rank(a) - rank(b) || others - lines);
  const found = sorted.slice(0, MOST_LEVELS).map(([level, lines]) => said(level, level || "no level", lines));
  const rest = sorted.slice(MOST_LEVELS);
  return rest.length ? [...found, said(null, `${rest.length.toLocaleString("en")} more levels`, rest.reduce((sum, [, lines]) => sum + lines, 0))] : found;
}

function said(level, name, lines) {
  return { level, lines, className: levelClass(level), parts: [element("i"), ...visible(name), ` ${lines.toLocaleString("en")}`] };
}

function rank(level) {
  const found = STACKED.indexOf(level);
  return found < 0 ? STACKED.length : found;
}

function bars(bucket, index, most) {
  let y = HEIGHT;
  return levelCounts([bucket]).map(({ className, lines }) => {
    // A level with a single line must still be seen beside thousands of others.
    const height = Math.max((lines / most) * (HEIGHT - 2), 1.5);
    y -= height;
    return shape("rect", { class: className, x: index * BAR + 0.75, width: BAR - 1.5, y: Math.max(y, 0), height });
  });
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, found] of Object.entries(attributes)) made.setAttribute(key, found);
  return made;
}
