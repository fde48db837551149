import { spawnSync } from 'node:child_process'
import { describe, expect, onTestFinished, test } from 'vitest'
import { hostName, isGone, newOwner, ownedHere } from '../../src/enumeration/owner.ts'

/** The id of a process that has ended. */
function endedPid(): number {
  const { pid } = spawnSync(process.execPath, ['--version'])
  return pid
}

describe('an owner', () => {
  test('names host and process, and no two are the same', () => {
    const owners = Array.from({ length: 100 }, newOwner)
    expect(new Set(owners).size).toBe(100)
    for (const owner of owners) {
      expect(owner.split('/').slice(0, 2)).toEqual([hostName(), String(process.pid)])
    }
  })
})

describe('an owner is gone', () => {
  test('when its process on this host has ended', () => {
    expect(isGone(`${hostName()}/${endedPid()}/abc`)).toBe(true)
  })

  test.runIf(process.platform === 'linux')(
    'only where process ids mean what they mean here, whatever the host is called',
    () => {
      const [name] = hostName().split('~')
      expect(isGone(`${name}~000000/${endedPid()}/abc`)).toBe(false)
      expect(isGone(`${name}/${endedPid()}/abc`)).toBe(false)
    },
  )

  test('when it had our process id, and is none of ours: the id was given out again', () => {
    const owner = newOwner()
    expect(isGone(owner)).toBe(true)
    ownedHere.add(owner)
    onTestFinished(() => void ownedHere.delete(owner))
    expect(isGone(owner)).toBe(false)
  })
})

describe('an owner is not known to be gone', () => {
  test('while its process lives', () => {
    expect(isGone(`${hostName()}/${process.ppid}/abc`)).toBe(false)
  })

  test('when it ran on another host, whatever its process id', () => {
    expect(isGone(`elsewhere/${endedPid()}/abc`)).toBe(false)
    expect(isGone(`elsewhere/${process.pid}/abc`)).toBe(false)
  })

  test.each(['', '/', 'x', hostName(), `${hostName()}/`, `${hostName()}/abc/d`])(
    'when it is no owner at all: %j',
    (owner) => expect(isGone(owner)).toBe(false),
  )

  // Process id 0 and negative ones mean groups of processes, ourselves among them.
  test.each(['0', '-1', '1.5', '1e99', 'NaN', ' '])('when its process id is %j', (pid) => {
    expect(isGone(`${hostName()}/${pid}/abc`)).toBe(false)
  })
})
