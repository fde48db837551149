/** Where in a spec or config something stands: keys and indexes from the outside in. */
export type Path = readonly (string | number)[]

/** One fault of an input: where it is, and what to do about it. It never holds a secret. */
export interface Problem {
  readonly path: Path
  readonly message: string
}

/** One problem, as the list that checks return. */
export const problemAt = (path: Path, message: string): Problem[] => [{ path, message }]

/** A path as people write it: `github.repoList[2]`. */
export function formatPath(path: Path): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`
      if (!/^[\w$-]+$/.test(part)) return `[${JSON.stringify(part)}]`
      return index === 0 ? part : `.${part}`
    })
    .join('')
}

/** A problem as one line of an error message. */
export function formatProblem({ path, message }: Problem): string {
  return path.length === 0 ? message : `${formatPath(path)}: ${message}`
}
