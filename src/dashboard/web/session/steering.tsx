/** Pause, resume, cancel, retry: and what the server answered. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { STEER_ACTIONS, type SessionView, type SteerAction } from '../../wire.ts'
import { api, messageOf } from '../api.ts'
import { detail, overview } from '../live.ts'
import { Theirs } from '../parts/text.tsx'
import { ACTION_WORDS } from '../words.ts'

interface Answer {
  readonly text: string
  readonly isRefusal: boolean
}

/** The native dialog: it holds the focus while it is open, and gives it back. */
function CancelDialog(props: {
  readonly session: SessionView
  readonly dialog: { current: HTMLDialogElement | null }
  readonly onConfirm: () => void
}) {
  const { session, dialog, onConfirm } = props
  return (
    <dialog ref={dialog} aria-labelledby="cancel-title" aria-describedby="cancel-text">
      <form method="dialog">
        <h2 id="cancel-title">
          Cancel the walk of <Theirs text={session.target} />?
        </h2>
        <p id="cancel-text">
          The page in hand is finished, and then the session ends as failed. What it kept stays; a
          failed session can be resumed.
        </p>
        <p class="buttons">
          <button type="submit" class="quiet" autofocus>
            Go on walking
          </button>
          <button type="submit" class="danger" onClick={onConfirm}>
            Cancel the walk
          </button>
        </p>
      </form>
    </dialog>
  )
}

export function Steering(props: {
  readonly session: SessionView
  readonly children: ComponentChildren
}) {
  const { session, children } = props
  const answer = useSignal<Answer | null>(null)
  const busy = useSignal<SteerAction | null>(null)
  const dialog = useRef<HTMLDialogElement>(null)

  const steer = async (action: SteerAction): Promise<void> => {
    if (busy.peek() !== null) return
    busy.value = action
    try {
      const { session: next, message } = await api.steer(session.sessionId, action)
      answer.value = { text: message, isRefusal: false }
      const told = detail.peek()
      if (told?.session.sessionId === next.sessionId) detail.value = { ...told, session: next }
    } catch (error) {
      answer.value = { text: messageOf(error), isRefusal: true }
    } finally {
      busy.value = null
    }
  }
  const press = (action: SteerAction): void => {
    // Not disabled in the browser's sense, where the button would lose the focus in the middle of its being used.
    if (!session.actions.includes(action)) return
    if (action === 'cancel') dialog.current?.showModal()
    else void steer(action)
  }
  const shown = overview.value?.isReplay === true ? [] : STEER_ACTIONS
  return (
    <>
      <div class="head-row">
        {children}
        <div class="buttons" role="group" aria-label="Steer this session">
          {shown.map((action) => (
            <button
              key={action}
              type="button"
              class={action === 'cancel' ? 'danger-quiet' : 'quiet'}
              data-action={action}
              aria-disabled={!session.actions.includes(action) || busy.value !== null}
              onClick={() => press(action)}
            >
              {ACTION_WORDS[action]}
            </button>
          ))}
        </div>
      </div>
      <div role="status" class="answer">
        {answer.value !== null && (
          <p class={`notice ${answer.value.isRefusal ? 'tone-bad' : 'tone-calm'}`}>
            <Theirs text={answer.value.text} />
          </p>
        )}
      </div>
      <CancelDialog session={session} dialog={dialog} onConfirm={() => void steer('cancel')} />
    </>
  )
}
