/**
 * An S3 to list: what Amazon documents, in its own XML, over buckets that a test
 * describes, with S3's bad days on request. It listens on this machine only.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Fault, FaultScript, pageFaultOf, refusalOf } from './faults.ts'
import { answerTo, World } from './operations.ts'
import type { LoggedRequest, S3StandIn, StandInOptions } from './options.ts'
import { RequestRate } from './request-rate.ts'
import { parseRequest, type S3Request } from './request.ts'
import { S3Error } from './s3-error.ts'

interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

const HTML = '<html><head><title>Sign in</title></head><body>Please sign in.</body></html>'
const XML_TYPE = { 'content-type': 'application/xml' }

/** Everything behind one address. */
class StandIn {
  readonly requests: LoggedRequest[] = []
  readonly faults = new FaultScript()
  readonly world: World
  readonly closing = new AbortController()
  openNow = 0
  openMost = 0
  readonly #latencyMs: number
  readonly #rate: RequestRate
  #answered = 0

  constructor(options: StandInOptions) {
    this.world = new World(options)
    this.#latencyMs = options.latencyMs ?? 0
    this.#rate = new RequestRate(options.quirks?.rateLimit)
  }

  async handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    this.openNow += 1
    this.openMost = Math.max(this.openMost, this.openNow)
    outgoing.once('close', () => {
      this.openNow -= 1
    })
    incoming.resume()
    const request = parseRequest(incoming)
    this.requests.push(request.logged)
    const fault = this.faults.take(request.logged)
    request.logged.fault = fault?.kind ?? null
    const latencyMs = this.#latencyMs + (fault?.kind === 'slow' ? (fault.latencyMs ?? 1_000) : 0)
    if (latencyMs > 0) await sleep(latencyMs, undefined, { signal: this.closing.signal })
    if (fault?.kind === 'hang') return
    if (fault?.kind === 'reset') {
      incoming.socket.resetAndDestroy()
      return
    }
    const answer = damaged(this.#answer(request, fault), fault)
    request.logged.status = answer.status
    send(outgoing, answer, fault?.kind === 'cutBody')
  }

  #answer(request: S3Request, fault: Fault | undefined): Answer {
    this.#answered += 1
    const id = `REQUEST${String(this.#answered).padStart(9, '0')}`
    const headers = { ...XML_TYPE, 'x-amz-request-id': id, ...this.#bucketHeaders(request) }
    try {
      const body = this.#body(request, fault)
      const charged = request.headers['x-amz-request-payer'] === 'requester'
      return {
        status: 200,
        body,
        headers: charged ? { ...headers, 'x-amz-request-charged': 'requester' } : headers,
      }
    } catch (error) {
      if (!(error instanceof S3Error)) throw error
      const isHead = request.method === 'HEAD'
      return { status: error.status, body: isHead ? '' : error.toXml(id), headers }
    }
  }

  #body(request: S3Request, fault: Fault | undefined): string {
    const refusal = refusalOf(fault) ?? this.#rate.refusalOf(request.logged)
    if (refusal !== undefined) throw refusal
    return answerTo(this.world, request, pageFaultOf(fault))
  }

  #bucketHeaders(request: S3Request): Record<string, string> {
    const bucket = this.world.bucket(request.logged.bucket)
    if (bucket === undefined || this.world.quirks.noBucketRegionHeader === true) return {}
    return { 'x-amz-bucket-region': bucket.region }
  }
}

const damaged = (answer: Answer, fault: Fault | undefined): Answer => {
  const { headers, body } = answer
  if (fault?.kind === 'html200')
    return { status: 200, body: HTML, headers: { ...headers, 'content-type': 'text/html' } }
  if (fault?.kind === 'errorIn200') {
    const error = new S3Error(500, 'InternalError', 'We encountered an internal error.')
    return { status: 200, body: error.toXml(headers['x-amz-request-id'] ?? ''), headers }
  }
  return fault?.kind === 'cutXml' ? { ...answer, body: body.slice(0, body.length / 2) } : answer
}

const send = (outgoing: ServerResponse, answer: Answer, isCut: boolean): void => {
  const bytes = Buffer.from(answer.body)
  outgoing.writeHead(answer.status, { ...answer.headers, 'content-length': bytes.length })
  if (isCut) outgoing.write(bytes.subarray(0, bytes.length / 2), () => outgoing.socket?.destroy())
  else outgoing.end(bytes)
}

const listen = async (standIn: StandIn) => {
  const server = createServer((incoming, outgoing) => {
    // A caller that left, or the end of the test, is no reason to end the process.
    standIn.handle(incoming, outgoing).catch((error: unknown) => {
      if (!standIn.closing.signal.aborted) console.error('the S3 stand-in failed:', error)
      outgoing.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** Starts a stand-in. Close it, or bind it with `await using`. */
export async function startS3(options: StandInOptions): Promise<S3StandIn> {
  const standIn = new StandIn(options)
  const server = await listen(standIn)
  const bucketNamed = (name: string) => {
    const bucket = standIn.world.bucket(name)
    if (bucket === undefined)
      throw new Error(`there is no bucket "${name}"; name it in the options of startS3`)
    return bucket
  }
  const close = async (): Promise<void> => {
    if (!server.listening) return
    standIn.closing.abort()
    const closed = once(server, 'close')
    server.close()
    // Requests left hanging would keep the server open for ever.
    server.closeAllConnections()
    await closed
  }
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: standIn.requests,
    get openNow() {
      return standIn.openNow
    },
    get openMost() {
      return standIn.openMost
    },
    put: (bucket, object) => bucketNamed(bucket).put(object),
    remove: (bucket, key) => bucketNamed(bucket).remove(key),
    fault: (fault) => standIn.faults.add(fault),
    close,
    [Symbol.asyncDispose]: close,
  }
}
