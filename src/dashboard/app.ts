import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { guard, type Access } from './access.ts'
import type { Assets } from './assets.ts'
import { charts } from './charts.ts'
import type { EventStreams } from './event-stream.ts'
import type { Topic } from './live-feed.ts'
import { HttpProblem, problemOf } from './problem.ts'
import { failedQueryOf, pageQueryOf } from './query.ts'
import type { ReadModel } from './read-model.ts'
import { actionNamed, steer, type Steering } from './steering.ts'
import type { Overview, Recording } from './wire.ts'

export interface AppDeps {
  readonly model: ReadModel
  readonly streams: EventStreams
  readonly assets: Assets
  readonly access: Access
  readonly canWalk: boolean
  /** Undefined where nothing can be steered. */
  readonly steering?: Steering | undefined
  /** Prometheus' text; undefined where metrics are off. */
  readonly metrics?: (() => Promise<string> | string) | undefined
  /** What is replayed; undefined where the dashboard is live. */
  readonly recording?: Recording | undefined
}

const HEADERS = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
  crossOriginOpenerPolicy: 'same-origin',
  crossOriginResourcePolicy: 'same-origin',
  referrerPolicy: 'no-referrer',
  xFrameOptions: 'DENY',
  // It is served without TLS, on a name that others may serve with it.
  strictTransportSecurity: false,
})

/** An overview always has another time; that alone is nothing new. */
const withoutTime = (overview: Overview) => ({ ...overview, now: 0 })

function topicsOf(model: ReadModel, query: Readonly<Record<string, string>>): Topic[] {
  const { session, ...rest } = query
  const page = pageQueryOf(rest)
  const detail: Topic[] =
    session === undefined || session === ''
      ? []
      : [
          {
            key: `detail ${session}`,
            event: 'detail',
            read: () => model.detail(session),
          },
        ]
  return [
    {
      key: 'overview',
      event: 'overview',
      read: () => model.overview(),
      essence: withoutTime,
    },
    {
      key: `sessions ${JSON.stringify(page)}`,
      event: 'sessions',
      read: () => model.sessions(page),
    },
    ...detail,
  ]
}

const notFound = (path: string) =>
  new HttpProblem(404, 'NOT_FOUND', `there is nothing at ${JSON.stringify(path.slice(0, 200))}`)

function api(deps: AppDeps): Hono {
  const { model, streams, canWalk, steering, recording } = deps
  const drawn = charts()
  return new Hono()
    .use(async (context, next) => {
      await next()
      context.header('Cache-Control', 'no-store')
    })
    .get('/overview', async (c) => c.json(await model.overview()))
    .get('/sessions', async (c) => c.json(await model.sessions(pageQueryOf(c.req.query()))))
    .get('/sessions/:id', async (c) => c.json(await model.detail(c.req.param('id'))))
    .get('/sessions/:id/failed', async (c) =>
      c.json(await model.failed(c.req.param('id'), failedQueryOf(c.req.query()))),
    )
    .post('/sessions/:id/:action', async (c) => {
      const action = actionNamed(c.req.param('action'))
      if (steering === undefined) {
        throw new HttpProblem(409, 'REPLAY', 'a recording is replayed: nothing can be steered')
      }
      const sessionId = c.req.param('id')
      return c.json(await steer({ steering, model, canWalk }, { sessionId, action }))
    })
    .get('/charts', (c) => c.json(drawn))
    .get('/live', (c) => {
      const topics = topicsOf(model, c.req.query())
      // Nobody would read the stream that a HEAD opened, and nothing would ever end it.
      return c.req.method === 'HEAD' ? c.body(null) : streams.open(c, topics)
    })
    .get('/recording', (c) => {
      if (recording !== undefined) return c.json(recording)
      throw new HttpProblem(
        404,
        'NO_RECORDING',
        'no recording is replayed here: "muster replay FILE" does that',
      )
    })
}

/** The dashboard as it answers requests. */
export function createApp(deps: AppDeps): Hono {
  const { access, assets, metrics } = deps
  const app = new Hono()
  app.use(HEADERS)
  app.use(guard(access))
  app.route('/api', api(deps))
  app.get('/metrics', async (c) => {
    if (metrics === undefined) {
      throw new HttpProblem(404, 'NO_METRICS', 'metrics are off in the process that serves this')
    }
    return c.text(await metrics(), 200, { 'Cache-Control': 'no-store' })
  })
  app.get('*', async (c) => {
    const asset = await assets(c.req.path)
    if (asset === undefined) throw notFound(c.req.path)
    const headers = { ETag: asset.etag, 'Cache-Control': 'no-cache' }
    if (c.req.header('if-none-match') === asset.etag) return c.body(null, 304, headers)
    return c.body(asset.body, 200, { ...headers, 'Content-Type': asset.type })
  })
  app.notFound((c) => {
    const { status, problem } = problemOf(notFound(c.req.path))
    return c.json(problem, status)
  })
  app.onError((thrown, c) => {
    const { status, problem } = problemOf(thrown)
    return c.json(problem, status)
  })
  return app
}
