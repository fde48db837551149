import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// It is told the server's process id, a line each time. When its input ends, because this process
// closed it or died, also by SIGKILL, it ends the server and deletes the folder. A zombie that
// nobody buries is waited for no longer than ten seconds.
const SCRIPT = `
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
  kill -s "$2" "$pid"
  tries=0
  while kill -0 "$pid" && [ $tries -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
  kill -s KILL "$pid"
fi
rm -rf "$1"
`

/** A folder of a server, which is gone, and the server with it, when this process ends in any way. */
export class Keeper {
  readonly folder: string
  readonly #shell: ChildProcess
  readonly #ended: Promise<unknown>

  /**
   * @param signal what ends the server at once. A server that leaves something in the system on
   *   SIGKILL, as PostgreSQL its shared memory, has one of its own.
   */
  constructor(name: string, signal: 'KILL' | 'QUIT' = 'KILL') {
    this.folder = mkdtempSync(join(tmpdir(), `muster-${name}-`))
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', this.folder, signal], {
      stdio: ['pipe', 'ignore', 'ignore'],
      // Ctrl-C reaches the whole group, and this one has to outlive it.
      detached: true,
    })
    this.#ended = once(this.#shell, 'close')
  }

  /** Which process to end; none while the server is down. */
  watch(pid: number | undefined): void {
    this.#shell.stdin?.write(`${pid ?? ''}\n`)
  }

  /** Deletes the folder. */
  async end(): Promise<void> {
    this.#shell.stdin?.end()
    await this.#ended
  }
}
