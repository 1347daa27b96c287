import { readFileSync } from 'node:fs'
import { type ClusterConfig, Failure } from '@canopus/cli'

/** The cluster's description that `up` left for its components. */
export function readDescription(path: string): ClusterConfig {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ClusterConfig
  } catch (error) {
    throw new Failure(
      `${path} cannot be read: ${error instanceof Error ? error.message : error}`,
      'It is written by `canopus up`.',
    )
  }
}
