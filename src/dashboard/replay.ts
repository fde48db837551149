import { MusterError } from '../domain/errors.ts'
import type { ReadModel } from './read-model.ts'
import type {
  FailedItemView,
  Overview,
  Recording,
  SessionDetail,
  SessionPage,
  SessionView,
} from './wire.ts'

const NOTHING = { all: 0, active: 0, waiting: 0, paused: 0, attention: 0, ended: 0 } as const

/** There is no database behind a recording: it has its transitions, and nothing else. */
export class ReplayReadModel implements ReadModel {
  readonly #recording: Recording
  readonly #version: string

  constructor(recording: Recording, version: string) {
    this.#recording = recording
    this.#version = version
  }

  async overview(): Promise<Overview> {
    return {
      version: this.#version,
      now: Date.now(),
      database: this.#recording.name,
      canWalk: false,
      isReplay: true,
      counts: NOTHING,
      rate: null,
      tasks: { total: 0, outstanding: 0 },
      budgets: [],
      waits: [],
    }
  }

  async sessions(): Promise<SessionPage> {
    return { total: 0, offset: 0, rows: [] }
  }

  async session(sessionId: string): Promise<SessionView> {
    throw notRecorded(sessionId)
  }

  async detail(sessionId: string): Promise<SessionDetail> {
    throw notRecorded(sessionId)
  }

  async failed(sessionId: string): Promise<FailedItemView[]> {
    throw notRecorded(sessionId)
  }

  async sample(): Promise<void> {}
}

const notRecorded = (sessionId: string): MusterError =>
  new MusterError(
    'SESSION_NOT_FOUND',
    `session ${JSON.stringify(sessionId)} is not here: a recording is replayed, which has transitions only`,
  )
