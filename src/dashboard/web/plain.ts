/**
 * Names, addresses and reasons come from strangers. Preact writes them as text,
 * so no markup of theirs is ever read as such; what is left to do is to show
 * the characters that would turn the text around them, or hide in it.
 */

/** Controls, marks of direction, and characters of no width; line ends and tabs too, which no single line has use for. */
const UNSEEN =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001F\u007F-\u009F\u00AD\u061C\u180E\u200B-\u200F\u2028-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]/g

const named = (character: string): string =>
  `⟨U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`

/** The text as it can be shown: what would be unseen is named by its code point. */
export const plain = (text: string): string => text.replaceAll(UNSEEN, named)
