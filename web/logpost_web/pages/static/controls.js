// Characters that are not seen, or that change the order of what is: shown by their number, as text that can be copied.
// Without this a message could show its end before its start, or hide a part of itself. The command line has the same
// characters (`row_text.py`). Joiners are not among them: they belong to words and emojis.

const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e007f}]/gu;

/** The parts of a text for `append`. */
export function* visible(text) {
  let from = 0;
  for (const { 0: character, index } of text.matchAll(INVISIBLE)) {
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
