import { styleText } from 'node:util'
import type { Clock } from '@canopus/base'

/** Shows steps as they happen: rewritten in place on a terminal, one line each elsewhere. */
export interface Progress {
  /** Runs `work`, showing `title` and how long it took. `detail` changes what stands behind the title meanwhile. */
  step<T>(title: string, work: (detail: (text: string) => void) => Promise<T>): Promise<T>
  say(line: string): void
}

export interface ProgressOptions {
  stream: { write(text: string): unknown; isTTY?: boolean }
  clock: Clock
  quiet?: boolean
  /** Default: on a terminal. */
  colours?: boolean
}

/** Steps quicker than this (milliseconds) are not worth a line off a terminal. */
const WORTH_A_LINE = 300

export function createProgress(options: ProgressOptions): Progress {
  const { stream, clock } = options
  const terminal = stream.isTTY === true
  const colours = options.colours ?? terminal
  const paint = (style: 'green' | 'red' | 'dim', text: string): string =>
    colours ? styleText(style, text, { validateStream: false }) : text
  const running = new Map<number, string>()
  let next = 0

  const redraw = (): void => {
    if (!terminal) return
    const current = [...running.values()].at(-1)
    stream.write(`\r\u001b[K${current === undefined ? '' : `  ${paint('dim', '..')} ${current}`}`)
  }
  const line = (text: string): void => {
    stream.write(`${terminal ? '\r\u001b[K' : ''}${text}\n`)
    redraw()
  }

  return {
    async step(title, work) {
      if (options.quiet) return work(() => {})
      const id = next++
      const start = clock.monotonic()
      running.set(id, title)
      redraw()
      const detail = (text: string): void => {
        running.set(id, `${title} ${paint('dim', text)}`)
        redraw()
      }
      try {
        const result = await work(detail)
        running.delete(id)
        const elapsed = clock.monotonic() - start
        if (terminal || elapsed >= WORTH_A_LINE)
          line(`  ${paint('green', 'ok')} ${title} ${paint('dim', `${(elapsed / 1000).toFixed(1)} s`)}`)
        return result
      } catch (error) {
        running.delete(id)
        line(`  ${paint('red', 'failed')} ${title}`)
        throw error
      }
    },
    say: text => line(text),
  }
}
