import type { CliEnvironment } from '@canopus/cli'
import type { Command } from 'commander'
import { addApiServer } from './apiserver.ts'
import { addControllerManager } from './controller-manager.ts'
import { addDns } from './dns.ts'
import { addKubelet } from './kubelet.ts'
import { addPartsOfUp } from './parts-of-up.ts'
import { addProxy } from './proxy.ts'
import { addScheduler } from './scheduler.ts'

/** Those whose command lines are upstream's. */
export const COMPONENTS_OF_KUBERNETES: ReadonlySet<string> = new Set([
  'apiserver',
  'controller-manager',
  'scheduler',
  'kubelet',
  'proxy',
])

/** The components of Kubernetes, each alone, and what `up` starts. */
export function addComponents(program: Command, environment: CliEnvironment): void {
  for (const add of [addApiServer, addControllerManager, addScheduler, addKubelet, addProxy, addDns])
    add(program, environment).helpGroup("Components, each alone, with the flags of Kubernetes' own:")
  addPartsOfUp(program, environment)
}
