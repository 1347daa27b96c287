/** Server and load run in processes of their own: this is how they are started and asked. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

type Methods = Record<string, (argument: never) => unknown>

interface Question {
  id: number
  method: string
  argument: unknown
}

interface Answer {
  id: number
  value?: unknown
  error?: string
}

export interface Child {
  readonly pid: number
  /** Calls a method of the child. Rejects with its error, or where the child has ended. */
  call<T>(method: string, argument?: unknown): Promise<T>
  /** Ends the child by closing its channel, and waits for it. */
  stop(): Promise<void>
}

/** Starts a file of `children/` in a process of its own. */
export function startChild(file: string): Child {
  const path = fileURLToPath(new URL(`../children/${file}`, import.meta.url))
  const process_ = fork(path, {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  const exited = new Promise<void>(resolve => process_.once('exit', () => resolve()))
  let next = 0
  process_.on('message', ({ id, value, error }: Answer) => {
    const asked = open.get(id)
    open.delete(id)
    if (error === undefined) asked?.resolve(value)
    else asked?.reject(new Error(`${file}: ${error}`))
  })
  process_.once('exit', code => {
    for (const { reject } of open.values()) reject(new Error(`${file} ended with status ${code}`))
    open.clear()
  })
  return {
    pid: process_.pid!,
    call: <T>(method: string, argument?: unknown) =>
      new Promise<T>((resolve, reject) => {
        if (!process_.connected) return reject(new Error(`${file} has ended`))
        const id = next++
        open.set(id, { resolve: resolve as (value: unknown) => void, reject })
        process_.send({ id, method, argument } satisfies Question)
      }),
    async stop() {
      if (process_.connected) process_.disconnect()
      await exited
    },
  }
}

/** In a child: answers calls until the parent goes away, then cleans up. */
export function answerCalls(methods: Methods, cleanUp: () => Promise<void> = async () => {}): void {
  process.on('message', async ({ id, method, argument }: Question) => {
    const answer: Answer = { id }
    try {
      answer.value = await methods[method]!(argument as never)
    } catch (error) {
      answer.error = error instanceof Error ? (error.stack ?? error.message) : String(error)
    }
    if (process.connected) process.send!(answer)
  })
  process.once('disconnect', async () => {
    try {
      await cleanUp()
    } finally {
      process.exit()
    }
  })
}
