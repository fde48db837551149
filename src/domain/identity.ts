import { v5, v7 } from 'uuid'

/** The namespace of every identity derived here; drawn once, never to change. */
const NAMESPACE = '7d0d4f6e-5c1b-4c0e-9b8a-3f0f5f0c9d21'

/** A new identity, in order of birth. */
export const newId = (): string => v7()

/** The same resource has the same scan target in every session and on every machine. */
export const scanTargetId = (sourceType: string, resourceKey: string): string =>
  v5(`${sourceType}\0${resourceKey}`, NAMESPACE)

/** One task for each scan target of a session: a page read twice makes no second task. */
export const taskId = (sessionId: string, scanTarget: string): string => v5(scanTarget, sessionId)

/** A batch is known by its session and number. */
export const batchId = (sessionId: string, number: number): string =>
  v5(`batch\0${number}`, sessionId)
