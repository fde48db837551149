import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** Stands between a store and its server, and loses a connection when it is told to. */
export class Proxy {
  readonly #server = createServer((client) => this.#join(client))
  readonly #target: URL
  readonly #sockets = new Set<Socket>()
  #isLost: 'question' | 'answer' | undefined

  private constructor(target: string) {
    this.#target = new URL(target)
  }

  static async before(target: string): Promise<Proxy> {
    const proxy = new Proxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url(): string {
    const url = new URL(this.#target)
    url.port = String((this.#server.address() as AddressInfo).port)
    return url.href
  }

  /** The next thing that is asked never reaches the server. */
  loseQuestion(): void {
    this.#isLost = 'question'
  }

  /** The next thing that is asked is done by the server, and nobody is told. */
  loseAnswer(): void {
    this.#isLost = 'answer'
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #join(client: Socket): void {
    const server = connect(Number(this.#target.port), this.#target.hostname)
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
    }
    const part = () => {
      client.destroy()
      server.destroy()
    }
    const lose = (what: 'question' | 'answer') => {
      if (this.#isLost !== what) return false
      this.#isLost = undefined
      part()
      return true
    }
    client.on('data', (data) => void (lose('question') || server.write(data)))
    server.on('data', (data) => void (lose('answer') || client.write(data)))
    client.on('close', part)
    server.on('close', part)
  }
}
