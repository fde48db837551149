import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { missingNats } from './servers/nats.ts'
import { describeWith, sharedUrl } from './servers/shared.ts'

/** `describe` for tests of NATS: skipped, with a line on stderr, where there is none. */
export const describeNats = describeWith(missingNats)

/** A part of the run's NATS server that no other test uses. */
export interface NatsPlace {
  readonly url: string
  /** Letters and digits: the beginning of the test's streams' names and of its subjects. */
  readonly prefix: string
}

/** The run's server and a prefix of the test's own; its streams are deleted when the test ends. */
export async function natsPlace(): Promise<NatsPlace> {
  const url = await sharedUrl('nats')
  const prefix = `t${randomUUID().replaceAll('-', '')}`
  onTestFinished(() => deleteStreams(url, prefix))
  return { url, prefix }
}

async function deleteStreams(url: string, prefix: string): Promise<void> {
  const connection = await connect({ servers: url })
  try {
    const { streams } = await jetstreamManager(connection)
    for await (const name of streams.names())
      if (name.startsWith(prefix)) await streams.delete(name)
  } finally {
    await connection.close()
  }
}
