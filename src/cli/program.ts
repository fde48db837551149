import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { errorRecord, InvalidInputError, MusterError, StoreError } from '../domain/errors.ts'
import { VERSION } from '../version.ts'
import { age } from './age.ts'
import { DATABASE_VARIABLE, DEFAULT_DATABASE } from './database.ts'
import { ExitCode, UsageError } from './exit.ts'
import { machines, status, tasks } from './inspect-commands.ts'
import { printable, printNote } from './output.ts'
import { resume, run } from './run.ts'
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

function commands(program: Command, finish: (code: number) => void): void {
  program
    .command('run')
    .description('resume what was interrupted, start the rest, walk all targets to their end')
    .argument('<config>', 'a YAML or JSON file with auth and targets')
    .addOption(database())
    .addOption(json())
    .addOption(verbose())
    .option('--concurrency <n>', 'targets walked at the same time (default: 4)', concurrency)
    .action(async (config, options) => finish(await run(config, options)))
  program
    .command('status')
    .description('one row a session, the newest first')
    .addOption(database())
    .addOption(json())
    .action(async (options) => finish(await status(options)))
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
    .description('resume one session on purpose, a FAILED or PARTIALLY_COMPLETED one too')
    .argument('<session-id>', 'as "muster status" shows it')
    .addOption(database())
    .addOption(json())
    .addOption(verbose())
    .option('--config <file>', 'the config that defines the credentials of the session')
    .action(async (id, options) => finish(await resume(id, options)))
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
      new Option('--format <format>', 'how').choices(['json', 'mermaid']).default('mermaid'),
    )
    .action(async (name, options) => finish(await machines(name, options)))
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
