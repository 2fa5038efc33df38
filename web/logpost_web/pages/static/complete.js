// How complete an answer is, in words.

import { shortTime } from "./times.js";

export const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

export const isIncomplete = ({ behind, missing, stepped_over: steppedOver, dropped, paused }) =>
  Boolean(behind.length || missing.length || steppedOver.length || dropped.length || paused);

export function completeness({ indexed_until: until, behind, stepped_over: steppedOver, dropped, paused }) {
  const time = until && shortTime(new Date(until));
  const said = [];
  if (paused) said.push(`Indexing is paused: ${paused.reason}`);
  if (behind.length) {
    const records = behind.reduce((sum, one) => sum + one.records, 0);
    said.push(`${count(behind.length, "partition")} ${behind.length === 1 ? "is" : "are"} ${count(records, "record")} behind${time ? `, complete up to ${time}` : ""}`);
  } else {
    said.push(time ? `Everything up to ${time} is here` : "Nothing has arrived since logpost started");
  }
  const unread = steppedOver.reduce((sum, one) => sum + one.to - one.from, 0);
  const lost = dropped.reduce((sum, one) => sum + one.count, 0);
  const lacking = [];
  if (unread) lacking.push(`${count(unread, "record")} that could not be indexed`);
  if (lost) lacking.push(`${count(lost, "line")} that ${lost === 1 ? "is" : "are"} lost`);
  return said.join(". ") + (lacking.length ? `, except for ${lacking.join(" and ")}` : "");
}

/** Each gap on a line of its own. */
export function whatIsMissing({ stepped_over: steppedOver, dropped }) {
  return [
    ...steppedOver.map((one) => `${one.topic}-${one.partition}, offsets ${one.from} to ${one.to - 1}: ${one.reason}`),
    ...dropped.map((one) => `${count(one.count, "line")} (${one.source}: ${one.reason})`),
  ].join("\n");
}
