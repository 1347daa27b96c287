/**
 * `--admission-control-config-file`: which plugin is configured how (k8s.io/apiserver/pkg/admission/config.go). The file holds
 * the plugins' own configurations, or says where they are.
 */
import { dirname, isAbsolute, join } from 'node:path'
import { load } from 'js-yaml'
import { checkConfiguration, type FieldTree, MissingKindError } from '../../configuration/read.ts'
import type { WebhookCredentialsFor } from '../../webhook/credentials.ts'
import type { LimitedResource } from '../limited-resources.ts'
import { type EventLimit, readEventLimits } from './event-rate-limit.ts'
import { type ImagePolicy, readImagePolicy } from './image-policy.ts'
import { type PodSecurityConfiguration, readPodSecurityConfiguration } from './pod-security.ts'
import { type PodTolerations, readNodeSelectors, readPodTolerations } from './pods.ts'
import { readQuotaConfiguration } from './resource-quota.ts'
import { checkPolicyConfiguration, readWebhookConfiguration } from './webhooks.ts'

/** What the plugins were told; what is missing is as it is by default. */
export interface AdmissionConfiguration {
  readonly podSecurity?: PodSecurityConfiguration
  readonly limitedResources?: readonly LimitedResource[]
  /** Of PodNodeSelector, by namespace. */
  readonly nodeSelectors?: Readonly<Record<string, string>>
  readonly podTolerations?: PodTolerations
  readonly eventLimits?: readonly EventLimit[]
  readonly imagePolicy?: ImagePolicy
  readonly mutatingWebhooks?: WebhookCredentialsFor
  readonly validatingWebhooks?: WebhookCredentialsFor
}

/** Reads a file as text. Throws where it cannot. */
export type ReadFile = (path: string) => string

const FIELDS = { plugins: [{ name: true, path: true, configuration: true }] } as const satisfies FieldTree
const KINDS = { AdmissionConfiguration: ['apiserver.config.k8s.io/v1', 'apiserver.k8s.io/v1alpha1'] }
/** What ImagePolicyWebhook and PodNodeSelector had for a file before there was AdmissionConfiguration. */
const LEGACY = { imagePolicy: 'ImagePolicyWebhook', podNodeSelectorPluginConfig: 'PodNodeSelector' }

interface PluginEntry {
  readonly name?: string
  readonly path?: string
  readonly configuration?: unknown
}

/** A configuration that was found, read as YAML. */
type Found = (value: unknown, readFile: ReadFile) => Partial<AdmissionConfiguration>

const READERS: Readonly<Record<string, Found>> = {
  PodSecurity: value => ({ podSecurity: readPodSecurityConfiguration(value) }),
  ResourceQuota: value => ({ limitedResources: readQuotaConfiguration(value) }),
  PodNodeSelector: value => ({ nodeSelectors: readNodeSelectors(value) }),
  PodTolerationRestriction: value => ({ podTolerations: readPodTolerations(value) }),
  EventRateLimit: value => ({ eventLimits: readEventLimits(value) }),
  ImagePolicyWebhook: value => ({ imagePolicy: readImagePolicy(value) }),
  MutatingAdmissionWebhook: (value, readFile) => ({ mutatingWebhooks: readWebhookConfiguration(value, readFile) }),
  ValidatingAdmissionWebhook: (value, readFile) => ({ validatingWebhooks: readWebhookConfiguration(value, readFile) }),
  MutatingAdmissionPolicy: value => checkPolicyConfiguration('MutatingAdmissionPolicyConfiguration', value),
  ValidatingAdmissionPolicy: value => checkPolicyConfiguration('ValidatingAdmissionPolicyConfiguration', value),
}

/** Plugins that cannot do without a configuration. */
const NEEDED = new Set(['EventRateLimit', 'ImagePolicyWebhook'])

/**
 * Reads the file, where there is one, and what it leads to, for the plugins that are on. Throws in upstream's words where
 * something of it is wrong. What is said of plugins that are off, or that nobody knows, is passed over.
 */
export function readAdmissionConfiguration(
  path: string | undefined,
  readFile: ReadFile,
  isOn: (plugin: string) => boolean,
): AdmissionConfiguration {
  const plugins = path === undefined ? [] : readPlugins(path, readFile)
  let all: AdmissionConfiguration = {}
  for (const [name, read] of Object.entries(READERS)) {
    if (!isOn(name)) continue
    try {
      const entry = plugins.find(each => each.name === name)
      const value = entry && configurationOf(entry, dirname(path ?? ''), readFile)
      if (value !== undefined || NEEDED.has(name)) all = { ...all, ...read(value, readFile) }
    } catch (error) {
      const why = error instanceof Error ? error.message : error
      if (error instanceof InvalidConfigurationError) {
        throw new Error(`failed to initialize admission plugin ${JSON.stringify(name)}: ${why}`)
      }
      throw new Error(`couldn't init admission plugin ${JSON.stringify(name)}: ${why}`)
    }
  }
  return all
}

/** A configuration in good form that says what cannot be, which upstream finds when the plugin is to begin. */
export class InvalidConfigurationError extends Error {}

function readPlugins(path: string, readFile: ReadFile): readonly PluginEntry[] {
  let text: string
  try {
    text = readFile(path)
  } catch (error) {
    const why = error instanceof Error ? error.message : error
    throw new Error(
      `failed to read plugin config: unable to read admission control configuration from ${JSON.stringify(path)} [${why}]`,
    )
  }
  let value: unknown
  try {
    value = load(text) ?? {}
    const object = checkConfiguration(value, 'AdmissionConfiguration', KINDS, FIELDS)
    return (object.plugins as readonly PluginEntry[] | null | undefined) ?? []
  } catch (error) {
    if (error instanceof MissingKindError) {
      const plugins = Object.entries(LEGACY).filter(([field]) => Object.hasOwn(value as object, field))
      if (plugins.length > 0) return plugins.map(([, name]) => ({ name, configuration: value }))
    }
    throw new Error(`failed to read plugin config: ${error instanceof Error ? error.message : error}`)
  }
}

function configurationOf({ path = '', configuration }: PluginEntry, directory: string, readFile: ReadFile): unknown {
  if (configuration !== undefined && configuration !== null) return configuration
  if (path === '') return undefined
  return load(readFile(isAbsolute(path) ? path : join(directory, path)))
}
