import { errorRecord } from '../domain/errors.ts'
import { createMuster, type Muster } from '../muster.ts'
import { refuseAbsent } from './database.ts'
import { ExitCode, UsageError } from './exit.ts'
import { printData, printNote } from './output.ts'

export interface DashboardCommandOptions {
  readonly db: string
  readonly config?: string
  readonly port?: number
  readonly host?: string
  /** The environment variable that holds the token. */
  readonly tokenEnv?: string
  readonly json?: boolean
}

/** A token on the command line could be read by every user of the machine. */
export function tokenFrom(variable: string | undefined): string | undefined {
  if (variable === undefined) return undefined
  const token = process.env[variable]
  if (token !== undefined && token !== '') return token
  throw new UsageError(
    `--token-env: the environment variable ${variable} is not set: set it to the token that callers have to show, such as "openssl rand -hex 32" makes`,
  )
}

/** Serves the dashboard of a database that is there, until a signal comes. Nothing is walked unless somebody asks for it. */
export async function dashboard(options: DashboardCommandOptions): Promise<number> {
  const { db: database, config, port, host } = options
  const token = tokenFrom(options.tokenEnv)
  await refuseAbsent(database)
  const muster = await createMuster({ database, ...(config === undefined ? {} : { config }) })
  const stopped = untilSignalled()
  try {
    const { url } = await muster.dashboard({ port, host, token, canWalk: config !== undefined })
    await printData([options.json === true ? `${JSON.stringify({ url })}\n` : `${url}\n`])
    printNote(
      config === undefined
        ? 'muster: sessions can be looked at, paused and cancelled; to resume them here, give the config (--config FILE). Ctrl+C ends it'
        : 'muster: serving until Ctrl+C',
    )
    return await stopped.signal
  } finally {
    stopped.end()
    await muster.close()
  }
}

/** The first signal closes in order; a second one, which Node then handles itself, ends at once. */
function untilSignalled(): { readonly signal: Promise<number>; end(): void } {
  const { promise, resolve } = Promise.withResolvers<number>()
  const onSignal = () => {
    end()
    resolve(ExitCode.ok)
  }
  const end = () => {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  return { signal: promise, end }
}

/** The dashboard of a run: what it walks is shown live. One that cannot be served ends the run before it begins. */
export async function dashboardBeside(muster: Muster, port: number | true): Promise<void> {
  try {
    const { url } = await muster.dashboard(port === true ? {} : { port })
    printNote(`muster: dashboard at ${url}`)
  } catch (thrown) {
    await muster.close()
    throw new UsageError(errorRecord(thrown).message.replaceAll('--port', '--dashboard'))
  }
}
