import type { Connection, Walk } from '../types.ts'

/** The number of the next page, kept beside the queue as somebody without transactions would. */
export interface Checkpoint {
  read(): Promise<number>
  write(next: number): Promise<void>
}

/** Adds page after page from the checkpoint; a kill between the two writes repeats a page. */
export async function walkFrom(
  connection: Connection,
  checkpoint: Checkpoint,
  walk: Walk,
): Promise<void> {
  for (let number = await checkpoint.read(); ; number++) {
    await connection.add(walk.page(number))
    walk.tell(number)
    await checkpoint.write(number + 1)
  }
}
