/** More than a year, and some of every smaller unit. */
const LATER_MS = 34_012_345_678

/** Does something at once as if it were done on another day: whatever looks at the date is found out. */
export function onAnotherDay<T>(doing: () => T): T {
  const Today = globalThis.Date
  const now = () => Today.now() + LATER_MS
  globalThis.Date = new Proxy(Today, {
    construct: (date, args, newTarget) =>
      Reflect.construct(date, args.length === 0 ? [now()] : args, newTarget) as object,
    apply: () => new Today(now()).toString(),
    get: (date, name) => (name === 'now' ? now : (Reflect.get(date, name) as unknown)),
  })
  try {
    return doing()
  } finally {
    globalThis.Date = Today
  }
}
