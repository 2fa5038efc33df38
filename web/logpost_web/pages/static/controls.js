// Characters that are not seen, or that change the order of what is: shown by their number, as text that can be copied.
// Without this a message could show its end before its start, or hide a part of itself.

import { INVISIBLE } from "./vocabulary.js";

const CONTROL = new RegExp(`[${INVISIBLE}]`, "gu");

/** The parts of a text for `append`. */
export function* visible(text) {
  let from = 0;
  for (const { 0: character, index } of text.matchAll(CONTROL)) {
    if (index > from) yield text.slice(from, index);
    yield shown(character);
    from = index + character.length;
  }
  if (from < text.length) yield text.slice(from);
}

function shown(character) {
  const made = document.createElement("span");
  made.className = "control-character";
  made.textContent = character;
  made.dataset.code = `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  return made;
}
