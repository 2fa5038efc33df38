// Characters that are not seen, or that change the order of what is: shown by their number, as text that can be copied.
// Without this a message could show its end before its start, or hide a part of itself.

const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/u;
const JOINERS = /[\u200c\u200d]/u;

/** The parts of a text for `append`. A joiner inside a word or an emoji belongs to it and stays as it is. */
export function* visible(text) {
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (!INVISIBLE.test(text[at]) || JOINERS.test(text[at])) continue;
    if (at > from) yield text.slice(from, at);
    yield shown(text[at]);
    from = at + 1;
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
