import type { Clock, Logger, Random } from '@canopus/base'
import { readTracingConfiguration } from './configuration.ts'
import { OtlpExporter } from './otlp-exporter.ts'
import { Tracing } from './tracing.ts'

export interface CreateTracingOptions {
  /** Text of the configuration file. */
  readonly configuration: string
  /** Tells this server from others. */
  readonly instance: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Tracing as `--tracing-config-file` has it. Throws Error where the configuration is none. */
export function createTracing({ instance, ...options }: CreateTracingOptions): Tracing {
  const configuration = readTracingConfiguration(options.configuration)
  const resource = { 'service.name': 'apiserver', 'service.instance.id': instance }
  const sink = new OtlpExporter({ ...options, endpoint: configuration.endpoint, resource })
  return new Tracing({ ...options, configuration, sink })
}
