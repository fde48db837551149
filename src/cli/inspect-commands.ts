import type { AnyStateMachine } from 'xstate'
import leven from 'leven'
import {
  batchMachine,
  coordinatorMachine,
  enumeratorMachine,
  orchestratorMachine,
  sessionMachine,
} from '../../machines/index.ts'
import type { SessionState } from '../domain/session-state.ts'
import type { TaskRecord } from '../domain/task.ts'
import { toModule, toModules } from '../observe/machine-module.ts'
import { toDefinition, toMermaid } from '../observe/mermaid.ts'
import { shownDatabase, withStore } from './database.ts'
import { ExitCode, UsageError } from './exit.ts'
import { printable, printData } from './output.ts'
import { sessionData } from './session-table.ts'

/** Sessions read at a time. */
const WINDOW = 500

/** One row a session, the newest first. */
export async function status(options: { db: string; json?: boolean }): Promise<number> {
  await withStore(options.db, async ({ repositories }) => {
    const sessions: SessionState[] = []
    for (let offset = 0; ; offset += WINDOW) {
      const found = await repositories.sessions.list(WINDOW, offset)
      sessions.push(...found)
      if (found.length < WINDOW) break
    }
    await printData([sessionData(sessions, options.json === true)])
  })
  return ExitCode.ok
}

const TASK_COLUMNS = [
  'task_id',
  'session_id',
  'scan_target_id',
  'source_type',
  'resource_uri',
  'metadata',
] as const

function taskRow(task: TaskRecord) {
  return {
    task_id: task.taskId,
    session_id: task.sessionId,
    scan_target_id: task.scanTargetId,
    source_type: task.sourceType,
    resource_uri: task.resourceUri,
    metadata: task.metadata,
  }
}

async function* taskLines(
  tasks: AsyncIterable<TaskRecord>,
  format: 'tsv' | 'json' | 'jsonl',
): AsyncGenerator<string> {
  if (format === 'tsv') yield `${TASK_COLUMNS.join('\t')}\n`
  let separator = '[\n'
  for await (const task of tasks) {
    const row = taskRow(task)
    if (format === 'jsonl') yield `${JSON.stringify(row)}\n`
    else if (format === 'json') {
      yield `${separator}${JSON.stringify(row)}`
      separator = ',\n'
    } else {
      const cells = { ...row, metadata: JSON.stringify(row.metadata) }
      yield `${TASK_COLUMNS.map((column) => printable(cells[column])).join('\t')}\n`
    }
  }
  if (format === 'json') yield separator === '[\n' ? '[]\n' : '\n]\n'
}

/** The tasks, in order, whatever their number. */
export async function tasks(options: {
  db: string
  session?: string
  json?: boolean
  jsonl?: boolean
}): Promise<number> {
  const { session } = options
  const format = options.jsonl === true ? 'jsonl' : options.json === true ? 'json' : 'tsv'
  await withStore(options.db, async ({ repositories }) => {
    if (session !== undefined && (await repositories.sessions.load(session)) === null) {
      throw new UsageError(
        `session ${JSON.stringify(session)} is not in ${shownDatabase(options.db)}: "muster status" lists those that are`,
      )
    }
    const found = repositories.tasks.stream(session === undefined ? {} : { sessionId: session })
    await printData(taskLines(found, format))
  })
  return ExitCode.ok
}

const MACHINES: Readonly<Record<string, AnyStateMachine>> = {
  session: sessionMachine,
  batch: batchMachine,
  enumerator: enumeratorMachine,
  coordinator: coordinatorMachine,
  orchestrator: orchestratorMachine,
}

function machineNamed(name: string): AnyStateMachine {
  const machine = Object.hasOwn(MACHINES, name) ? MACHINES[name] : undefined
  if (machine !== undefined) return machine
  const names = Object.keys(MACHINES)
  const nearest = names.toSorted((a, b) => leven(a, name) - leven(b, name))[0]
  throw new UsageError(
    `no machine is called ${JSON.stringify(name)} (there are ${names.join(', ')}); did you mean "${nearest}"?`,
  )
}

/** A statechart, or all of them. */
export async function machines(
  name: string | undefined,
  options: { format: 'json' | 'js' | 'mermaid' },
): Promise<number> {
  const chosen = name === undefined ? MACHINES : { [name]: machineNamed(name) }
  const entries = Object.entries(chosen)
  if (options.format === 'mermaid') {
    const drawn = entries.map(([key, machine]) =>
      entries.length === 1 ? toMermaid(machine) : `%% ${key}\n${toMermaid(machine)}\n`,
    )
    await printData(drawn)
    return ExitCode.ok
  }
  if (options.format === 'js') {
    const [only] = Object.values(chosen)
    const isOne = name !== undefined && only !== undefined
    await printData([isOne ? toModule(only) : toModules(Object.values(chosen))])
    return ExitCode.ok
  }
  const definitions = Object.fromEntries(entries.map(([k, m]) => [k, toDefinition(m)]))
  const data = name === undefined ? definitions : definitions[name]
  await printData([`${JSON.stringify(data, null, 2)}\n`])
  return ExitCode.ok
}
