/** Rows of a page as GitHub gave them. */
import { z } from 'zod'
import type { JsonRecord } from '../../domain/json.ts'

export const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Deliberately no more is asked of a row: one that is no repository is rejected by itself, and does not take its page with it. */
export const rawRow = z.custom<JsonRecord>(isRecord)
