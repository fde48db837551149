import type PQueue from 'p-queue'
import type { ActorRefFrom, InspectionEvent, Observer } from 'xstate'
import type { coordinatorMachine } from '../../machines/index.ts'
import type { EventBus } from '../delivery/event-bus.ts'
import type { TimeProvider } from '../domain/clock.ts'
import type { TaskCredentials } from '../domain/credentials.ts'
import type { TargetConfig } from '../domain/session-state.ts'
import type { AnySource } from '../sources/source.ts'
import type { Store } from '../store/store.ts'
import type { WalkSettings } from './settings.ts'

/** Resolves what a target spec names. Nothing it returns may be stored. */
export interface CredentialResolver {
  /** @param options.renew whether what was handed out before is refused: another is wanted, where one can be had */
  resolve(target: TargetConfig, options?: { readonly renew?: boolean }): Promise<TaskCredentials>
  /** Whether what the target names is defined here. */
  knows(target: TargetConfig): boolean
  /** The text without any secret that has been resolved so far. */
  mask(text: string): string
}

/** A target spec after parsing, with the credentials that came with it. */
export interface ParsedTarget {
  readonly config: TargetConfig
  readonly credentials: CredentialResolver
}

/** Watches every actor: the Stately inspector's `inspect`, or one's own. */
export type Inspect = Observer<InspectionEvent> | ((inspectionEvent: InspectionEvent) => void)

/** What walking needs; the composition root gives it. */
export interface EnumerationDeps {
  readonly store: Store
  readonly sources: ReadonlyMap<string, AnySource>
  /** Parses a target spec. @throws InvalidInputError */
  parse(spec: unknown, auth: unknown): ParsedTarget
  /** Resolves the credentials that a stored target names. */
  readonly credentials: CredentialResolver
  readonly clock: TimeProvider
  readonly bus: EventBus
  readonly queue: PQueue
  readonly settings: WalkSettings
  readonly inspect?: Inspect | undefined
  /** Aborts when the process is about to close: a store that is away is not waited for. */
  readonly closing?: AbortSignal
}

export type CoordinatorActor = ActorRefFrom<typeof coordinatorMachine>
