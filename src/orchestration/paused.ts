import { PauseError } from '../domain/errors.ts'

/** Whether a walk ended because somebody paused its session. Nothing is wrong with it: it waits to be resumed. */
export const isPausedOnRequest = (error: unknown): error is PauseError =>
  error instanceof PauseError && error.code === 'PAUSED'
