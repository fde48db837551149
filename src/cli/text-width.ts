/** How wide texts are on a terminal, and how they are made to fit. */

/** Letters that take two columns: East Asian ones and pictures (unicode.org, UAX 11). */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u{3000}-\u{303F}\u{FF01}-\u{FF60}\u{FFE0}-\u{FFE6}]/u

const letters = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

const columnsOf = (letter: string): number => (WIDE.test(letter) ? 2 : 1)

export function widthOf(text: string): number {
  let width = 0
  for (const { segment } of letters.segment(text)) width += columnsOf(segment)
  return width
}

/** The text, cut with an ellipsis where it is wider than so many columns. */
export function fitted(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  if (width < 1) return ''
  let kept = ''
  let used = 1
  for (const { segment } of letters.segment(text)) {
    used += columnsOf(segment)
    if (used > width) break
    kept += segment
  }
  return `${kept}…`
}

/** The text in exactly so many columns: cut, or filled with blanks. */
export function padded(text: string, width: number): string {
  const cut = fitted(text, width)
  return cut + ' '.repeat(Math.max(0, width - widthOf(cut)))
}
