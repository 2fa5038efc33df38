// What page and server must call alike, as the server renders it (`search_page.py`).

const given = JSON.parse(document.getElementById("vocabulary").textContent);

export const DEFAULT_START = given.default_start;
/** What a query can name, except attributes. */
export const FIELDS = new Set(given.fields);
/** From the least to the worst. */
export const LEVELS = given.levels;
/** The characters that are shown by their number: a class of a regular expression. */
export const INVISIBLE = given.invisible;
/** Characters of a part of a message, and in front of its first match. */
export const PART = given.excerpt_characters;
export const PART_BEFORE_MATCH = given.before_match;
