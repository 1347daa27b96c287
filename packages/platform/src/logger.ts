import type { Logger } from '@canopus/base'
import { destination, type Level, levels, type Logger as PinoLogger, pino } from 'pino'
import { klogLine } from './klog-lines.ts'

export type LogFormat = 'json' | 'text'

/** How much is logged, as `-v` says it; may be changed while loggers are there. */
export class LogVerbosity {
  level: Level

  constructor(v: number) {
    this.level = levelOf(v)
  }

  set(v: number): void {
    this.level = levelOf(v)
  }
}

type Verbosity = Pick<LogVerbosity, 'level'>

const levelOf = (v: number): Level => (v >= 4 ? 'debug' : 'info')

export interface LoggerOptions {
  /** Default: `info`. */
  level?: Level
  /** In the place of `level`, where it may change. */
  verbosity?: LogVerbosity
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
  const { level = 'info', verbosity = { level } } = options
  if (options.format === 'text') return textLogger(line => target.write(line), verbosity, options.facts ?? {})
  return wrap(
    pino(
      {
        level: options.verbosity === undefined ? level : 'debug',
        base: options.facts ? { ...options.facts } : null,
        timestamp: () => `,"time":"${new Date().toISOString()}"`,
        formatters: { level: label => ({ level: label }) },
        serializers: { error: describeError },
      },
      target,
    ),
    verbosity,
  )
}

function wrap(inner: PinoLogger, verbosity: Verbosity): Logger {
  return {
    debug: (message, facts) => {
      if (levels.values[verbosity.level]! <= levels.values.debug!) inner.debug(facts ?? {}, message)
    },
    info: (message, facts) => inner.info(facts ?? {}, message),
    warn: (message, facts) => inner.warn(facts ?? {}, message),
    error: (message, facts) => inner.error(facts ?? {}, message),
    child: facts => wrap(inner.child({ ...facts }), verbosity),
  }
}

type Facts = Readonly<Record<string, unknown>>

function textLogger(write: (line: string) => void, verbosity: Verbosity, own: Facts): Logger {
  const log =
    (level: Level) =>
    (message: string, facts?: Facts): void => {
      if (levels.values[level]! < levels.values[verbosity.level]!) return
      write(klogLine({ level, at: new Date(), message, facts: { ...own, ...facts } }, process.pid))
    }
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: facts => textLogger(write, verbosity, { ...own, ...facts }),
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
