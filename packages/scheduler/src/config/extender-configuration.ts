import type { Fields } from './reader.ts'

/** A program that is asked over HTTP (`extenders` of a KubeSchedulerConfiguration). */
export interface ExtenderConfiguration {
  readonly urlPrefix: string
  readonly filterVerb?: string
  readonly prioritizeVerb?: string
  /** Asked which of the nodes, with which victims, preemption may choose. */
  readonly preemptVerb?: string
  readonly bindVerb?: string
  readonly weight: number
  /** Milliseconds. */
  readonly timeout: number
  /** Node names go back and forth instead of whole nodes. */
  readonly nodeCacheCapable: boolean
  /** Only pods that ask for one of these are its business; nothing: all are. */
  readonly managedResources: readonly { name: string; ignoredByScheduler: boolean }[]
  /** Pods are scheduled without it where it cannot be reached. */
  readonly ignorable: boolean
  readonly tls?: {
    readonly insecure: boolean
    /** The name that the server's certificate must bear, where it is not the URL's. */
    readonly serverName?: string
    readonly caFile?: string
    readonly certFile?: string
    readonly keyFile?: string
    /** The same in base64; these come before the files. */
    readonly caData?: string
    readonly certData?: string
    readonly keyData?: string
  }
}

/** @throws Error whose message names the field and what is wrong with it. */
export function readExtender(fields: Fields): ExtenderConfiguration {
  const urlPrefix = fields.text('urlPrefix')
  if (!urlPrefix) fields.fail('urlPrefix', 'Required value')
  if (!/^https?:\/\/[^/]/.test(urlPrefix)) fields.fail('urlPrefix', `Invalid value: "${urlPrefix}": must be a URL`)
  const verbs = Object.fromEntries(
    (['filterVerb', 'prioritizeVerb', 'preemptVerb', 'bindVerb'] as const).flatMap(name => {
      const verb = fields.text(name)
      return verb ? [[name, verb]] : []
    }),
  ) as Pick<ExtenderConfiguration, 'filterVerb' | 'prioritizeVerb' | 'preemptVerb' | 'bindVerb'>
  const weight = fields.whole('weight') ?? 0
  if (verbs.prioritizeVerb !== undefined && weight <= 0) {
    fields.fail('weight', `Invalid value: ${weight}: must have a positive weight applied to it`)
  }
  const enableHttps = fields.flag('enableHTTPS') ?? false
  const tls = fields.object('tlsConfig')
  const extender: ExtenderConfiguration = {
    ...verbs,
    urlPrefix: enableHttps ? urlPrefix.replace(/^http:/, 'https:') : urlPrefix,
    weight,
    timeout: fields.duration('httpTimeout') || 5000,
    nodeCacheCapable: fields.flag('nodeCacheCapable') ?? false,
    ignorable: fields.flag('ignorable') ?? false,
    managedResources: fields.list('managedResources').map(each => {
      const resource = { name: each.text('name') ?? '', ignoredByScheduler: each.flag('ignoredByScheduler') ?? false }
      if (resource.name === '') each.fail('name', 'Required value')
      each.end()
      return resource
    }),
    ...(tls === undefined && !enableHttps ? {} : { tls: readTls(tls, enableHttps) }),
  }
  fields.end()
  return extender
}

function readTls(fields: Fields | undefined, enableHttps: boolean): NonNullable<ExtenderConfiguration['tls']> {
  const names = ['serverName', 'caFile', 'certFile', 'keyFile', 'caData', 'certData', 'keyData'] as const
  const texts: Partial<Record<(typeof names)[number], string>> = {}
  for (const name of names) {
    const value = fields?.text(name)
    if (value) texts[name] = value
  }
  // Without a certificate to check it by, every server is believed.
  const unchecked = enableHttps && (texts.caFile ?? texts.caData) === undefined
  const tls = { insecure: (fields?.flag('insecure') ?? false) || unchecked, ...texts }
  fields?.end()
  return tls
}
