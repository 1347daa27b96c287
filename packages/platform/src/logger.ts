import type { Logger } from '@canopus/base'
import { destination, type Level, type Logger as PinoLogger, pino } from 'pino'

export interface LoggerOptions {
  level?: Level
  /** Where lines go: a file's path, or a file descriptor. Default: standard error. */
  to?: string | number
  /** Facts on every line, for example the component's name. */
  facts?: Readonly<Record<string, unknown>>
}

/** JSON lines with time, level, message and facts. Lines are written at once, so that none is lost in a crash. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const target = destination({ dest: options.to ?? 2, sync: true, mkdir: true })
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

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  return {
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  }
}
