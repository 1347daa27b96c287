import type { Logger } from '@canopus/base'
import { destination, type Level, levels, type Logger as PinoLogger, pino } from 'pino'
import { klogLine } from './klog-lines.ts'

export type LogFormat = 'json' | 'text'

export interface LoggerOptions {
  level?: Level
  /** `text`: lines as Kubernetes' components write them. Default: JSON. */
  format?: LogFormat
  /** Where lines go: a file's path, or a file descriptor. Default: standard error. */
  to?: string | number
  /** Facts on every line, for example the component's name. */
  facts?: Readonly<Record<string, unknown>>
}

/** Lines with time, level, message and facts, as JSON or as text. They are written at once, so that none is lost in a crash. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const target = destination({ dest: options.to ?? 2, sync: true, mkdir: true })
  if (options.format === 'text') {
    return textLogger(line => target.write(line), levels.values[options.level ?? 'info']!, options.facts ?? {})
  }
  return wrap(
    pino(
      {
        level: options.level ?? 'info',
        base: options.facts ? { ...options.facts } : null,
        timestamp: () => `,"time":"${new Date().toISOString()}"`,
        formatters: { level: label => ({ level: label }) },
        serializers: { error: describeError },
      },
      target,
    ),
  )
}

function wrap(inner: PinoLogger): Logger {
  return {
    debug: (message, facts) => inner.debug(facts ?? {}, message),
    info: (message, facts) => inner.info(facts ?? {}, message),
    warn: (message, facts) => inner.warn(facts ?? {}, message),
    error: (message, facts) => inner.error(facts ?? {}, message),
    child: facts => wrap(inner.child({ ...facts })),
  }
}

type Facts = Readonly<Record<string, unknown>>

function textLogger(write: (line: string) => void, least: number, own: Facts): Logger {
  const log =
    (level: Level) =>
    (message: string, facts?: Facts): void => {
      if (levels.values[level]! < least) return
      write(klogLine({ level, at: new Date(), message, facts: { ...own, ...facts } }, process.pid))
    }
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: facts => textLogger(write, least, { ...own, ...facts }),
  }
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  return {
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  }
}
