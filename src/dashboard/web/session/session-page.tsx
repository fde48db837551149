import { useEffect } from 'preact/hooks'
import type { SessionDetail } from '../../wire.ts'
import { api, ApiError, messageOf } from '../api.ts'
import { signal } from '@preact/signals'
import { detail, follow } from '../live.ts'
import { Chip, Theirs } from '../parts/text.tsx'
import { plain } from '../plain.ts'
import { lastList, overviewHref } from '../route.ts'
import { standingOf } from '../words.ts'
import { Actors } from './actors.tsx'
import { Completeness, Facts, Tasks } from './facts.tsx'
import { FailedItems } from './failed-items.tsx'
import { Batches, History, Record } from './tables.tsx'
import { Steering } from './steering.tsx'

/** Why there is nothing to show; null while there may be. */
const missing = signal<string | null>(null)

function useSession(sessionId: string): SessionDetail | null {
  useEffect(() => {
    missing.value = null
    if (detail.peek()?.session.sessionId !== sessionId) detail.value = null
    const params = new URLSearchParams({ session: sessionId, limit: '1' })
    follow({ params, onDetail: (told) => (detail.value = told) })
    // The stream is silent about what is not there.
    api.session(sessionId).then(
      (told) => (detail.value ??= told),
      (error: unknown) => {
        const isGone = error instanceof ApiError && error.status === 404
        if (isGone || detail.peek() === null) missing.value = messageOf(error)
        if (isGone) follow({ params: new URLSearchParams({ limit: '1' }) })
      },
    )
  }, [sessionId])
  const told = detail.value
  return told?.session.sessionId === sessionId ? told : null
}

const Back = () => (
  <a class="back" href={overviewHref(lastList.value)}>
    All sessions
  </a>
)

function Head({ detail: { session } }: { readonly detail: SessionDetail }) {
  return (
    <div class="head">
      <div class="head-name">
        <h1 tabIndex={-1}>
          <Theirs text={session.target} />
        </h1>
        <Chip {...standingOf(session)} />
      </div>
      <p class="under">
        {session.sourceType}
        {session.credential !== null && (
          <>
            {' · '}
            <Theirs text={session.credential} />
          </>
        )}
        {' · '}
        <code>{plain(session.sessionId)}</code>
      </p>
    </div>
  )
}

export function SessionPage({ sessionId }: { readonly sessionId: string }) {
  const told = useSession(sessionId)
  const name = told?.session.target
  useEffect(() => {
    document.title = name === undefined ? 'Session · Muster' : `${plain(name)} · Muster`
  }, [name])
  if (told === null)
    return (
      <>
        <Back />
        <h1 tabIndex={-1} class="unseen">
          Session
        </h1>
        <p class="empty">{missing.value ?? 'Reading the session …'}</p>
      </>
    )
  return (
    <>
      <Back />
      <Steering session={told.session}>
        <Head detail={told} />
      </Steering>
      <div class="pair">
        <Facts detail={told} />
        <div class="stack">
          <Completeness detail={told} />
          <Tasks tasks={told.tasks} />
        </div>
      </div>
      <Actors actors={told.actors} />
      <FailedItems detail={told} />
      <div class="pair">
        <Record audit={told.audit} />
        <Batches batches={told.batches} />
      </div>
      <History detail={told} />
    </>
  )
}
