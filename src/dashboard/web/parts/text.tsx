/** Small things that every page is made of. */
import type { ComponentChildren } from 'preact'
import { now } from '../clock.ts'
import { ago, duration, iso, moment } from '../format.ts'
import { plain } from '../plain.ts'
import type { IconName, Standing, Tone } from '../words.ts'

/** Words of strangers: as text, with a direction of their own. */
export const Theirs = ({ text }: { readonly text: string }) => <bdi>{plain(text)}</bdi>

const PATHS: Readonly<Record<IconName, string>> = {
  play: 'M5 3.5v9l7-4.5z',
  clock: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zm.75 2.5v2.7l2 1.2-.75 1.2-2.75-1.7V5z',
  pause: 'M4.5 3.5h2.5v9H4.5zM9 3.5h2.5v9H9z',
  check: 'M6.6 12.4 2.9 8.7l1.2-1.2 2.5 2.5 5.3-5.4 1.2 1.2z',
  half: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zm0 1.5v8a4 4 0 0 1 0-8z',
  cross:
    'M4.2 3.1 8 6.9l3.8-3.8 1.1 1.1L9.1 8l3.8 3.8-1.1 1.1L8 9.1l-3.8 3.8-1.1-1.1L6.9 8 3.1 4.2z',
  dot: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z',
  alert: 'M8 2 15 14H1zm-.8 4.5v4h1.6v-4zm0 5v1.4h1.6v-1.4z',
}

export const Icon = ({ name }: { readonly name: IconName }) => (
  <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    <path d={PATHS[name]} fill="currentColor" fill-rule="evenodd" />
  </svg>
)

export const Chip = ({ tone, icon, word }: Standing) => (
  <span class={`chip tone-${tone}`}>
    <Icon name={icon} />
    {word}
  </span>
)

/** How far something is: by its length, and in words for those who do not see it. */
export function Bar(props: {
  readonly part: number
  readonly label: string
  readonly text: string
  readonly tone?: Tone
}) {
  const part = Math.min(1, Math.max(0, props.part))
  return (
    <span
      class={`bar tone-${props.tone ?? 'busy'}`}
      role="progressbar"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(part * 100)}
      aria-valuetext={props.text}
    >
      <span style={{ width: `${part * 100}%` }} />
    </span>
  )
}

/** A moment, as its distance from now; the whole of it where the pointer rests. */
export const Ago = ({ at }: { readonly at: number }) => (
  <time dateTime={iso(at)} title={moment(at, 0)}>
    {ago(at, now())}
  </time>
)

export const At = ({ at }: { readonly at: number }) => (
  <time dateTime={iso(at)} title={moment(at, 0)}>
    {moment(at, now())}
  </time>
)

/** How long it is until then, counted down. */
export const Left = ({ until }: { readonly until: number }) => {
  const left = until - now()
  return (
    <time dateTime={iso(until)} title={moment(until, 0)}>
      {left > 0 ? duration(left) : 'any moment now'}
    </time>
  )
}

export const Fact = (props: { readonly name: string; readonly children: ComponentChildren }) => (
  <div class="fact">
    <dt>{props.name}</dt>
    <dd>{props.children}</dd>
  </div>
)

/** A part of a page under a heading of its own. */
export const Panel = (props: {
  readonly id: string
  readonly title: ComponentChildren
  readonly aside?: ComponentChildren
  readonly children: ComponentChildren
  readonly className?: string
}) => (
  <section class={`panel ${props.className ?? ''}`} aria-labelledby={props.id}>
    <header class="panel-head">
      <h2 id={props.id}>{props.title}</h2>
      {props.aside}
    </header>
    {props.children}
  </section>
)
