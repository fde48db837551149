import { ContractError } from '../contract-case.ts'

/** Waits for what must not take for ever. @throws ContractError when it takes longer */
export async function within<T>(ms: number, what: string, doing: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const hangs = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new ContractError(`${what}: nothing has come of it in ${ms} ms`))
    }, ms)
  })
  try {
    return await Promise.race([doing, hangs])
  } finally {
    clearTimeout(timer)
  }
}
