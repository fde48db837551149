import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { errorRecord, InvalidInputError, MusterError, StoreError } from '../domain/errors.ts'
import { VERSION } from '../version.ts'
import { age } from './age.ts'
import { dashboard } from './dashboard-command.ts'
import { DATABASE_VARIABLE, DEFAULT_DATABASE } from './database.ts'
import { ExitCode, UsageError } from './exit.ts'
import { machines, status, tasks } from './inspect-commands.ts'
import { printable, printNote } from './output.ts'
import { plan } from './plan-command.ts'
import { replay } from './replay-command.ts'
import { resume, retry, run } from './run.ts'
import { audit, cancel, pause } from './steer-commands.ts'
import { copy, migrate, prune } from './upkeep-commands.ts'

const database = () =>
  new Option('--db <path>', 'the database: a SQLite file, or postgres://USER@HOST/DATABASE')
    .default(DEFAULT_DATABASE)
    .env(DATABASE_VARIABLE)
const verbose = () =>
  new Option('--verbose', 'log lines on standard error in place of the progress')
const json = () => new Option('--json', 'print the data as JSON')

function concurrency(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= 1_000) return value
  throw new InvalidArgumentError('expected a whole number from 1 to 1000.')
}

function port(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value <= 65_535) return value
  throw new InvalidArgumentError('expected a port: a whole number from 0, for any, to 65535.')
}

function commands(program: Command, finish: (code: number) => void): void {
  program
    .command('run')
    .description('resume what was interrupted, start the rest, walk all targets to their end')
    .argument('<config>', 'a YAML or JSON file with auth and targets')
    .addOption(database())
    .addOption(json())
    .addOption(verbose())
    .option('--concurrency <n>', 'targets walked at the same time (default: 4)', concurrency)
    .option('--metrics-port <n>', "serve Prometheus' numbers on this machine, at /metrics", port)
    .option('--record <file>', 'append every transition to a file, for "muster replay"')
    .option('--dashboard [port]', 'serve the dashboard meanwhile, on this machine', port)
    .action(async (config, options) => finish(await run(config, options)))
  program
    .command('plan')
    .description('tell what a run would do, find and take, and write nothing')
    .argument('<config>', 'a YAML or JSON file with auth and targets')
    .addOption(database())
    .addOption(json())
    .option('--concurrency <n>', 'targets that the run walks at once (default: 4)', concurrency)
    .action(async (config, options) => finish(await plan(config, options)))
  program
    .command('status')
    .description('one row a session, the newest first')
    .addOption(database())
    .addOption(json())
    .action(async (options) => finish(await status(options)))
  program
    .command('dashboard')
    .description(
      'serve a page that shows the sessions as they are walked, and lets them be steered',
    )
    .addOption(database())
    .option('--config <file>', 'the config that defines credentials, to resume sessions here too')
    .option('--port <n>', 'where (default: 7747; 0 for any that is free)', port)
    .option('--host <address>', 'for other machines too, with a token (default: 127.0.0.1)')
    .option('--token-env <name>', 'the environment variable that holds the token')
    .addOption(json())
    .action(async (options) => finish(await dashboard(options)))
  program
    .command('tasks')
    .description('the tasks, in order')
    .addOption(database())
    .option('--session <id>', 'of one session')
    .addOption(json())
    .option('--jsonl', 'print one JSON object a line')
    .action(async (options) => finish(await tasks(options)))
  program
    .command('resume')
    .description('resume one session on purpose, a paused, FAILED or PARTIALLY_COMPLETED one too')
    .argument('<session-id>', 'as "muster status" shows it')
    .addOption(database())
    .addOption(json())
    .addOption(verbose())
    .option('--config <file>', 'the config that defines the credentials of the session')
    .action(async (id, options) => finish(await resume(id, options)))
  program
    .command('retry')
    .description('try the failed items of an ended session again')
    .argument('<session-id>', 'as "muster status" shows it')
    .addOption(database())
    .addOption(json())
    .addOption(verbose())
    .option('--config <file>', 'the config that defines the credentials of the session')
    .action(async (id, options) => finish(await retry(id, options)))
  program
    .command('pause')
    .description('pause a session after the page in hand, whichever process walks it')
    .argument('<session-id>', 'as "muster status" shows it')
    .addOption(database())
    .addOption(json())
    .action(async (id, options) => finish(await pause(id, options)))
  program
    .command('cancel')
    .description('end a session after the page in hand, whichever process walks it')
    .argument('<session-id>', 'as "muster status" shows it')
    .addOption(database())
    .addOption(json())
    .action(async (id, options) => finish(await cancel(id, options)))
  program
    .command('audit')
    .description('what a session did, and why it ended so')
    .argument('<session-id>', 'as "muster status" shows it')
    .addOption(database())
    .addOption(json())
    .action(async (id, options) => finish(await audit(id, options)))
  program
    .command('prune')
    .description('delete what is old, while walks go on')
    .requiredOption('--older-than <age>', 'sessions that ended longer ago, such as 30d', age)
    .addOption(database())
    .addOption(json())
    .action(async (options) => finish(await prune(options)))
  program
    .command('copy')
    .description('copy a database to an empty one, from SQLite to PostgreSQL or back')
    .argument('<from>', 'a SQLite file, or postgres://USER@HOST/DATABASE')
    .argument('<to>', 'the same')
    .addOption(json())
    .action(async (from, to, options) => finish(await copy(from, to, options)))
  program
    .command('migrate')
    .description('bring the tables up to date, as opening the database does')
    .addOption(database())
    .option('--check', 'only tell whether they are; if not, exit with 3')
    .addOption(json())
    .action(async (options) => finish(await migrate(options)))
  program
    .command('machines')
    .description('print a statechart, for the visualizer or a document')
    .argument('[name]', 'session, batch, enumerator, coordinator or orchestrator')
    .addOption(
      new Option('--format <format>', 'how').choices(['json', 'js', 'mermaid']).default('mermaid'),
    )
    .action(async (name, options) => finish(await machines(name, options)))
  program
    .command('replay')
    .description('play a recording of "muster run --record" in a browser')
    .argument('<file>', 'the recording')
    .option('--port <n>', 'where it is served (default: 7747, with --stately 8080)', port)
    .option('--text', 'print one line a transition instead')
    .option('--stately', "serve Stately's inspector instead (needs @statelyai/inspect)")
    .action(async (file, options) => finish(await replay(file, options)))
}

/** Faults of the command line, the config or the database itself, before anything was walked. */
function exitCodeOf(thrown: unknown): number {
  const usage =
    thrown instanceof UsageError ||
    thrown instanceof InvalidInputError ||
    thrown instanceof StoreError ||
    (thrown instanceof MusterError && thrown.code === 'NOT_SUPPORTED')
  return usage ? ExitCode.usage : ExitCode.failed
}

/** Runs the command line. @returns the exit code; what went wrong is on standard error. */
export async function main(argv: readonly string[]): Promise<number> {
  let code: number = ExitCode.ok
  const program = new Command('muster')
    .description('Enumerates organisations, buckets and lists durably.')
    .version(VERSION)
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('(muster --help lists the commands, muster COMMAND --help their options)')
  commands(program, (finished) => {
    code = finished
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (thrown) {
    // Commander has printed its own message; asking for help or the version is no fault.
    if (thrown instanceof CommanderError) {
      return thrown.exitCode === 0 ? ExitCode.ok : ExitCode.usage
    }
    for (const line of errorRecord(thrown).message.split('\n')) {
      printNote(`muster: ${printable(line)}`)
    }
    return exitCodeOf(thrown)
  }
}
