import { MusterError } from '../../domain/errors.ts'
import { Unordered } from './ranges.ts'
import { compareKeys } from './order.ts'
import { decoder, type ListerDeps, shared, whereOf } from './listing.ts'

/** How deep to look for a level with several folders on it. */
const DEEPEST = 4

const isInOrder = (folders: readonly string[]): boolean =>
  folders.every((folder, at) => at === 0 || compareKeys(folders[at - 1] as string, folder) < 0)

interface Level {
  readonly folders: readonly string[]
  readonly hasKeys: boolean
}

/**
 * Where the folders of a prefix begin: good places to cut its listing. It is a
 * guess and no more, so that what cannot be found out, for a folder may be
 * closed to this credential, costs nothing.
 *
 * @throws Unordered where they are in another order than that of their bytes
 * @param most how many are worth having; of more, as many at even distances
 */
export async function findBoundaries(deps: ListerDeps, most: number): Promise<readonly string[]> {
  let prefix = deps.spec.prefix
  for (let depth = 0; depth < DEEPEST; depth += 1) {
    const { folders, hasKeys } = await levelOf(deps, prefix)
    if (folders.length !== 1 || hasKeys) return evenly(folders, most)
    prefix = folders[0]
  }
  return []
}

function evenly(folders: readonly string[], most: number): readonly string[] {
  const step = Math.max(1, folders.length / most)
  const places = Array.from({ length: Math.min(most, folders.length) }, (_, at) =>
    Math.floor(at * step),
  )
  return places.map((place) => folders[place] as string)
}

async function levelOf(deps: ListerDeps, prefix: string | undefined): Promise<Level> {
  const { sdk, requests, bucket } = deps
  const command = new sdk.ListObjectsV2Command({ ...shared(deps, prefix), Delimiter: '/' })
  try {
    const answer = await requests.ask({
      bucket,
      where: whereOf(deps),
      send: (client, abortSignal) => client.send(command, { abortSignal }),
    })
    const decode = decoder(answer.EncodingType, whereOf(deps))
    const folders = (answer.CommonPrefixes ?? []).flatMap(({ Prefix }) =>
      Prefix === undefined ? [] : [decode(Prefix)],
    )
    if (!isInOrder(folders)) throw new Unordered()
    // A server that names what was not asked for is not followed there.
    const within = folders.filter((folder) => folder.startsWith(prefix ?? ''))
    return { folders: within, hasKeys: (answer.Contents ?? []).length > 0 }
  } catch (thrown) {
    if (thrown instanceof MusterError) return { folders: [], hasKeys: false }
    throw thrown
  }
}
