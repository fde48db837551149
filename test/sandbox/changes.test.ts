import { expect, test } from 'vitest'
import { type SandboxOwner, startSandboxGitHub } from '../../examples/sandbox/github.ts'
import { ask, column, query, testClock } from './ask.ts'

const owners: readonly SandboxOwner[] = [
  { login: 'acme', type: 'Organization', names: ['a', 'b', 'c'] },
  { login: 'other', type: 'Organization', names: ['d'] },
]

const REPOSITORY = `query ($owner: String!, $name: String!, $follow: Boolean) {
  repository(owner: $owner, name: $name, followRenames: $follow) { databaseId nameWithOwner } }`

test('a name that a repository had leads to its number', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const { id } = sandbox.rename('acme/a', 'z')
  const moved = await ask(sandbox, '/repos/Acme/A')
  expect(moved.status).toBe(301)
  const location = `${sandbox.url}/repositories/${id}`
  expect(moved.headers.get('location')).toBe(location)
  expect(moved.body).toMatchObject({ message: 'Moved Permanently', url: location })
  expect((await ask(sandbox, location)).body).toMatchObject({ id, full_name: 'acme/z' })
  expect((await ask(sandbox, '/repos/acme/z')).status).toBe(200)
  sandbox.rename('acme/z', 'y')
  expect((await ask(sandbox, '/repos/acme/a')).headers.get('location')).toBe(location)
})

test('GraphQL follows a rename unless told not to', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const { id } = sandbox.transfer('acme/a', 'other')
  const variables = { owner: 'acme', name: 'a' }
  const followed = await query(sandbox, REPOSITORY, { variables })
  expect(followed.data.repository).toEqual({ databaseId: id, nameWithOwner: 'other/a' })
  const plain = await query(sandbox, REPOSITORY, { variables: { ...variables, follow: false } })
  expect(plain).toMatchObject({
    data: { repository: null },
    errors: [{ type: 'NOT_FOUND', path: ['repository'] }],
  })
})

test('a transfer keeps number and age, under a new name if it is given one', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const [before] = sandbox.repositories('acme')
  const after = sandbox.transfer(before?.full_name ?? '', 'other', 'new')
  expect(after).toEqual({ ...before, name: 'new', full_name: 'other/new' })
  expect(sandbox.repositories('acme')).not.toContainEqual(before)
  for (const { full_name } of sandbox.repositories('acme').toReversed()) {
    sandbox.transfer(full_name, 'other')
  }
  const listed = sandbox.repositories('other').map((r) => r.id)
  expect(listed).toContain(before?.id)
  expect(listed).toHaveLength(4)
  expect(listed).toEqual(listed.toSorted((a, b) => a - b))
})

test('a new repository takes the name over from the one that moved away', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const old = sandbox.rename('acme/a', 'z')
  const fresh = sandbox.add('acme', 'a')
  expect((await ask(sandbox, '/repos/acme/a')).body).toMatchObject({ id: fresh.id })
  sandbox.remove('acme/a')
  expect((await ask(sandbox, '/repos/acme/a')).status).toBe(404)
  expect((await ask(sandbox, `/repositories/${old.id}`)).status).toBe(200)
})

test('what is deleted is gone; what is created again is another', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const [a, ...rest] = sandbox.repositories('acme')
  const again = sandbox.recreate(a?.full_name ?? '')
  const newest = Math.max(...[...rest, ...sandbox.repositories('other')].map((r) => r.id))
  expect(again.id).toBeGreaterThan(newest)
  expect(again).toMatchObject({ full_name: a?.full_name, size: a?.size })
  expect((await ask(sandbox, `/repositories/${a?.id}`)).status).toBe(404)
  expect((await ask(sandbox, `/repos/${again.full_name}`)).body).toMatchObject({ id: again.id })
  sandbox.remove(again.full_name)
  expect(sandbox.add('acme', again.name).id).not.toBe(again.id)
})

test('facts change, and a push is later than the one before it', async () => {
  const clock = testClock('2026-01-01T00:00:00Z')
  await using sandbox = await startSandboxGitHub({ owners, clock })
  sandbox.set('acme/a', { archived: true, topics: ['x'], visibility: 'private', empty: true })
  const token = 'any'
  expect((await ask(sandbox, '/repos/acme/a', { token })).body).toMatchObject({
    archived: true,
    topics: ['x'],
    private: true,
    visibility: 'private',
    language: null,
  })
  expect(sandbox.push('acme/a').pushed_at).toBe('2026-01-01T00:00:00Z')
  expect(sandbox.push('acme/a').pushed_at).toBe('2026-01-01T00:00:01Z')
  const { body } = await ask(sandbox, '/repos/acme/a', { token })
  expect(body).toMatchObject({ pushed_at: '2026-01-01T00:00:01Z', language: expect.any(String) })
})

test('a new repository is the newest of all', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const all = [...sandbox.repositories('acme'), ...sandbox.repositories('other')]
  const { id } = sandbox.add('acme', 'new', { visibility: 'private', fork: true })
  expect(id).toBeGreaterThan(Math.max(...all.map((r) => r.id)))
  expect(sandbox.repositories('acme').at(-1)).toMatchObject({
    id,
    visibility: 'private',
    fork: true,
  })
})

test('what is not there cannot change', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  expect(() => sandbox.remove('acme/x')).toThrow('no repository "acme/x"')
  expect(() => sandbox.add('nobody', 'x')).toThrow('no owner "nobody"')
  expect(() => sandbox.add('acme', 'A')).toThrow('already')
  expect(() => sandbox.transfer('acme/a', 'nobody')).toThrow('no owner "nobody"')
  expect(sandbox.repositories('acme').map((r) => r.name)).toContain('a')
})

test('what happens in the middle of a walk happens before the request is answered', async () => {
  const seen: unknown[] = []
  await using sandbox = await startSandboxGitHub({
    owners,
    onRequest: (request, index, github) => {
      seen.push([index, request.path, request.caller])
      if (index === 1) github.remove('acme/a')
      if (index === 2) github.revoke('t')
    },
  })
  const names = async () => column(await ask(sandbox, '/orgs/acme/repos'), 'name').toSorted()
  expect(await names()).toEqual(['a', 'b', 'c'])
  expect(await names()).toEqual(['b', 'c'])
  expect((await ask(sandbox, '/orgs/acme', { token: 't' })).status).toBe(401)
  expect(seen).toEqual([
    [0, '/orgs/acme/repos', 'anonymous'],
    [1, '/orgs/acme/repos', 'anonymous'],
    [2, '/orgs/acme', 'viewer-1'],
  ])
})

test('a repository that was taken down is named in listings, and answers 451', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  sandbox.set('acme/a', { dmca: true })
  expect(column(await ask(sandbox, '/orgs/acme/repos'), 'name')).toContain('a')
  expect(await ask(sandbox, '/repos/acme/a')).toMatchObject({
    status: 451,
    body: { message: 'Repository access blocked', block: { reason: 'dmca' } },
  })
  const variables = { owner: 'acme', name: 'a' }
  expect(await query(sandbox, REPOSITORY, { variables })).toMatchObject({
    data: { repository: null },
    errors: [{ message: 'Repository access blocked', path: ['repository'] }],
  })
})
