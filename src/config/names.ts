/** `urls_file` as `urlsFile`; anything that is not plain snake_case stays as it is. */
export function toCamel(name: string): string {
  if (!/^[a-z\d]+(?:_[a-z\d]+)+$/.test(name)) return name
  return name.replace(/_([a-z\d])/g, (_match, letter: string) => letter.toUpperCase())
}

/** `urlsFile` as `urls_file`. */
export function toSnake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
