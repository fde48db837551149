import type { Figure } from '../figure.ts'

/** Has its place in the table, so that nobody takes it for measured. */
export const postgres: Figure = {
  name: 'postgres',
  async measure() {
    return [
      {
        what: 'durable commit on PostgreSQL, pages of 100',
        why: 'not measured: Muster does not write to PostgreSQL yet',
      },
    ]
  },
}
