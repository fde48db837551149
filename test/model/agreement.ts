import { expect } from 'vitest'
import { sessionActorId } from '../../machines/index.ts'
import { machineState, type SessionSnapshot } from '../../src/domain/session-state.ts'
import { sealSnapshot } from '../../src/enumeration/envelope.ts'
import { inconsistencies, type Ask } from '../support/consistency.ts'
import { ask } from '../support/database.ts'
import type { Rig } from './rig.ts'

interface Stored {
  readonly data: string
  readonly status: string
}

export interface Looking {
  /** Whether an item can be listed twice: it is then kept twice, and is one task. */
  readonly twice?: boolean
}

/**
 * What has to hold of a database at any moment, whoever died when.
 *
 * @param database the path of a SQLite file, or what asks a database
 */
export function expectConsistent(database: string | Ask, { twice = false }: Looking = {}): void {
  const look: Ask = typeof database === 'string' ? (sql) => ask(database, sql) : database
  expect(look('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
  expect(inconsistencies(look, { twice })).toEqual([])
}

/** What is stored of a session is what its live actor is. */
export function expectStoredAsLive(rig: Rig, sessionId: string, look: Ask): void {
  const live = rig.recorder.snapshotOf(sessionActorId(sessionId)) as SessionSnapshot | undefined
  if (live === undefined || live.status === ('stopped' as never)) return
  const [row] = look(`select data, status from checkpoints
    join sessions on session_id = target_id where session_id = '${sessionId}'`) as Stored[]
  expect(JSON.parse(row?.data ?? 'null')).toEqual(JSON.parse(JSON.stringify(sealSnapshot(live))))
  expect(row?.status).toBe(machineState(live).status)
}
