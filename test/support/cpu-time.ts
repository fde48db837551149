/** Milliseconds of this process's processor that a piece of work takes: how busy the machine is makes no difference. */
export async function cpuMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

/**
 * How many times longer ten times as much takes: about ten where the work is
 * linear, a hundred where it is quadratic. What is quick is done often enough to be measured.
 */
export async function growth(work: (size: number) => unknown, size: number): Promise<number> {
  const repeated = (times: number, n: number) => async () => {
    for (let i = 0; i < times; i += 1) await work(n)
  }
  await work(size)
  let times = 1
  let small = await cpuMs(repeated(times, size))
  while (small < 20 && times < 4_096) {
    times *= 4
    small = await cpuMs(repeated(times, size))
  }
  return (await cpuMs(repeated(times, size * 10))) / Math.max(small, 1)
}
