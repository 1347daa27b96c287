/** `--egress-selector-config-file`: by what ways connections leave (k8s.io/apiserver/pkg/server/options/egress_selector.go). */
import { existsSync } from 'node:fs'
import { type Egress, egressOf, measuredDials, readEgressConfiguration } from '@canopus/apiserver'
import { type MetricsRegistry, messageOf } from '@canopus/base'
import { Failure } from '@canopus/cli'
import { systemClock } from '@canopus/platform'
import { fileOf } from '../flags.ts'

const FLAG = 'egress-selector-config-file'

/** Nothing without a file. Throws Failure where the file is wrong. */
export function egressFrom(file: string | undefined, metrics: MetricsRegistry): Egress | undefined {
  if (file === undefined) return undefined
  if (!existsSync(file)) throw new Failure(`${FLAG} ${file} does not exist`)
  try {
    return egressOf(readEgressConfiguration(fileOf(FLAG, file), existsSync), {
      read: path => fileOf(FLAG, path),
      measured: measuredDials(systemClock, metrics),
    })
  } catch (error) {
    throw error instanceof Failure ? error : new Failure(`--${FLAG}: ${messageOf(error)}`)
  }
}
