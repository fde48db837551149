import { createHash, randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { threadId } from 'node:worker_threads'

/**
 * Where process ids mean what they mean here. Two containers may have one host
 * name, and each its own process ids: on Linux the machine's boot and the
 * namespace of the ids tell them apart (man 4 random; man 7 pid_namespaces).
 */
function placeOfPids(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const place = `${boot} ${readlinkSync('/proc/self/ns/pid')}`
    return `~${createHash('sha256').update(place).digest('hex').slice(0, 6)}`
  } catch {
    return ''
  }
}

const PLACE = placeOfPids()

/** The host as leases name it. */
export const hostName = (): string => `${hostname()}${PLACE}`

/** Names this process in a lease: host, process id, thread, and a part that no other has had. */
export function newOwner(): string {
  return `${hostName()}/${process.pid}/${threadId}-${randomUUID().slice(0, 8)}`
}

/**
 * Whether the process of that name is known to have ended: it ran on this host,
 * and its process id is free or is our own. Where that cannot be known, the
 * lease has to run out. A wrong yes loses nothing: commits are fenced.
 */
export function isGone(owner: string): boolean {
  const [host, pidText, last = ''] = owner.split('/')
  const pid = Number(pidText)
  if (host !== hostName() || !Number.isSafeInteger(pid) || pid <= 0) return false
  if (pid === process.pid) {
    // What another thread of this process walks cannot be known here.
    return last.startsWith(`${threadId}-`) ? !ownedHere.has(owner) : false
  }
  try {
    process.kill(pid, 0)
    return false
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** The owners that live in this process: two coordinators may share one. */
export const ownedHere = new Set<string>()
