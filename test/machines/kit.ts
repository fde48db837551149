/** Lets everything happen that needs no time: the promises that are settled, and what follows from them. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
