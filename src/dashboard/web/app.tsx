/** The frame around every page. */
import { useEffect } from 'preact/hooks'
import { moment } from './format.ts'
import { connection, overview, problem, reconnect } from './live.ts'
import { Theirs } from './parts/text.tsx'
import { OverviewPage } from './overview/overview-page.tsx'
import { ReplayPage } from './replay/replay-page.tsx'
import { lastList, NO_QUERY, overviewHref, route } from './route.ts'
import { SessionPage } from './session/session-page.tsx'

function ConnectionSign() {
  const { state } = connection.value
  if (overview.value?.isReplay === true) return <span class="sign sign-replay">Recording</span>
  const word = { connecting: 'Connecting', live: 'Live', lost: 'Connection lost' }[state]
  return <span class={`sign sign-${state}`}>{word}</span>
}

/** Said once when it happens, and shown until it is over. */
function ConnectionLost() {
  const { value } = connection
  const isLost = value.state === 'lost'
  return (
    <div role="status" class="notices">
      {isLost && (
        <p class="notice tone-bad">
          <span>
            <strong>Connection lost.</strong> What you see is how it was at{' '}
            {moment(value.since, value.since)}; the page tries to connect again.
          </span>
          <button type="button" class="quiet" onClick={reconnect}>
            Try now
          </button>
        </p>
      )}
      {!isLost && problem.value !== null && (
        <p class="notice tone-bad">
          <span>
            <strong>The server could not read everything:</strong> <Theirs text={problem.value} />
          </span>
        </p>
      )}
    </div>
  )
}

function Header() {
  const told = overview.value
  return (
    <header class="top">
      <a class="brand" href={told?.isReplay === true ? '#/replay' : overviewHref(NO_QUERY)}>
        Muster
      </a>
      {told !== null && (
        <span class="where" title={`Muster ${told.version}`}>
          <Theirs text={told.database} />
        </span>
      )}
      <ConnectionSign />
    </header>
  )
}

const Unknown = () => (
  <div class="empty">
    <h1>There is nothing at this address</h1>
    <p>
      <a href={overviewHref(lastList.value)}>All sessions</a>
    </p>
  </div>
)

function Page() {
  const at = route.value
  const isReplay = overview.value?.isReplay === true
  if (at.page === 'replay' || (isReplay && at.page === 'overview')) return <ReplayPage />
  if (at.page === 'session') return <SessionPage key={at.sessionId} sessionId={at.sessionId} />
  if (at.page === 'overview') return <OverviewPage query={at.query} />
  return <Unknown />
}

/** Puts the reader at the top of a page that was gone to, as a browser does with pages of its own. */
function useArrival(): void {
  const at = route.value
  const where = at.page === 'session' ? at.sessionId : at.page
  useEffect(() => {
    const heading = document.querySelector<HTMLElement>('main h1')
    // Not on the very first, where nobody came from anywhere.
    if (document.activeElement !== document.body && heading !== null)
      heading.focus({ preventScroll: true })
  }, [where])
}

const toMain = (event: Event): void => {
  // The address is the page's own: the browser's way would lose it.
  event.preventDefault()
  document.querySelector<HTMLElement>('main')?.focus()
}

export function App() {
  useArrival()
  return (
    <>
      <a class="skip" href="#main" onClick={toMain}>
        Skip to the content
      </a>
      <Header />
      <ConnectionLost />
      <main id="main" tabIndex={-1}>
        <Page />
      </main>
    </>
  )
}
