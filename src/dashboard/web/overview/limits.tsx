/** What keeps walks waiting: credentials whose allowance is spent, and the sessions behind them. */
import type { BudgetView, Overview, SessionView } from '../../wire.ts'
import { now } from '../clock.ts'
import { count, duration, moment } from '../format.ts'
import { Ago, Bar, Chip, Icon, Left, Panel, Theirs } from '../parts/text.tsx'
import { sessionHref } from '../route.ts'
import { standingOf, type Tone } from '../words.ts'

const isBlocked = ({ blockedUntil }: BudgetView): boolean =>
  blockedUntil !== null && blockedUntil > now()

/** A window that has ended says nothing of the one that follows. */
const isOver = ({ resetsAt }: BudgetView): boolean => resetsAt !== null && resetsAt <= now()

const isSpent = (budget: BudgetView): boolean => budget.remaining === 0 && !isOver(budget)

const Name = ({ budget: { credential, resource } }: { readonly budget: BudgetView }) => (
  <>
    {credential === null ? 'Without a credential' : <Theirs text={credential} />}
    <span class="under"> {resource}</span>
  </>
)

/** What nobody may miss. */
function Dry({ budget }: { readonly budget: BudgetView }) {
  const until = budget.blockedUntil ?? budget.resetsAt
  return (
    <li class="dry">
      <Icon name="alert" />
      <span>
        <strong>
          <Name budget={budget} /> {budget.remaining === 0 ? 'has run dry.' : 'is blocked.'}
        </strong>{' '}
        {until === null ? (
          'Nothing is sent with it.'
        ) : (
          <>
            Nothing is sent with it for another{' '}
            <strong>
              <Left until={until} />
            </strong>
            , until {moment(until, now())}.
          </>
        )}
      </span>
    </li>
  )
}

function budgetTone(budget: BudgetView): Tone {
  if (isBlocked(budget) || isSpent(budget)) return 'bad'
  const { remaining, limit } = budget
  return remaining !== null && limit !== null && remaining < limit / 10 ? 'warn' : 'good'
}

function budgetState(budget: BudgetView): string {
  const { blockedUntil, resetsAt } = budget
  if (blockedUntil !== null && blockedUntil > now())
    return `Blocked until ${moment(blockedUntil, now())}`
  if (resetsAt === null) return 'No reset known'
  return resetsAt <= now()
    ? 'Full again since its reset'
    : `Full again in ${duration(resetsAt - now())}`
}

function Budget({ budget }: { readonly budget: BudgetView }) {
  const { remaining, limit, credential } = budget
  const label = `Left of ${credential ?? 'requests without a credential'}, ${budget.resource}`
  const text = remaining === null || limit === null ? '' : `${count(remaining)} of ${count(limit)}`
  return (
    <li class="budget">
      <span class="budget-name">
        <Name budget={budget} />
      </span>
      {isBlocked(budget) && <span class="number blocked">Blocked</span>}
      {remaining !== null && limit !== null && limit > 0 && (
        <>
          <Bar
            part={isBlocked(budget) ? 0 : remaining / limit}
            label={label}
            text={isBlocked(budget) ? 'Blocked' : text}
            tone={budgetTone(budget)}
          />
          {!isBlocked(budget) && <span class="number">{text} left</span>}
        </>
      )}
      <span class="under">
        {budgetState(budget)}, told <Ago at={budget.updatedAt} />
      </span>
    </li>
  )
}

const Wait = ({ session }: { readonly session: SessionView }) => (
  <li class="wait">
    <span class="wait-head">
      <a href={sessionHref(session.sessionId)}>
        <Theirs text={session.target} />
      </a>
      <Chip {...standingOf(session)} />
    </span>
    <span class="wait-why">
      {session.waiting !== null && <Theirs text={session.waiting.reason} />}
    </span>
    <span class="under">
      {session.waiting?.until === null || session.waiting === null ? (
        'Until somebody puts it right'
      ) : (
        <>
          Goes on in <Left until={session.waiting.until} />
        </>
      )}
    </span>
  </li>
)

const nobodyAsked = ({ asked, waiting }: SessionView): boolean => asked === null && waiting !== null

export function Limits({ overview: { budgets, waits } }: { readonly overview: Overview }) {
  const dry = budgets.filter((budget) => isBlocked(budget) || isSpent(budget))
  const shown = waits.filter((session) => session.waiting !== null)
  // A pause that somebody asked for needs nobody; it comes after what does.
  const inOrder = [
    ...shown.filter(nobodyAsked),
    ...shown.filter((session) => !nobodyAsked(session)),
  ]
  if (budgets.length === 0 && shown.length === 0) return null
  return (
    <>
      {dry.length > 0 && (
        <ul class="alarm" aria-label="Credentials that may send nothing">
          {dry.map((budget) => (
            <Dry key={`${budget.credential} ${budget.resource}`} budget={budget} />
          ))}
        </ul>
      )}
      <div class="pair">
        {budgets.length > 0 && (
          <Panel id="budgets" title="Allowances">
            <ul class="budgets">
              {budgets.map((budget) => (
                <Budget key={`${budget.credential} ${budget.resource}`} budget={budget} />
              ))}
            </ul>
          </Panel>
        )}
        {shown.length > 0 && (
          <Panel id="waits" title="Waiting now">
            <ul class="waits">
              {inOrder.map((session) => (
                <Wait key={session.sessionId} session={session} />
              ))}
            </ul>
          </Panel>
        )}
      </div>
    </>
  )
}
