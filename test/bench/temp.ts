import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The folders of one run: on the disk that temporary files are on, and gone when the run is. */
export class TempFolders {
  readonly #root = mkdtempSync(join(tmpdir(), 'muster-bench-'))
  #made = 0

  constructor() {
    process.once('exit', () => this.remove())
  }

  make(): string {
    const folder = join(this.#root, String((this.#made += 1)))
    mkdirSync(folder)
    return folder
  }

  discard(folder: string): void {
    rmSync(folder, { recursive: true, force: true })
  }

  remove(): void {
    this.discard(this.#root)
  }
}

/** Deletes a database with its log. */
export function removeDatabase(path: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
}
