/** Everything that an async iterable yields; `Array.fromAsync` is newer than the language level of the project. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
