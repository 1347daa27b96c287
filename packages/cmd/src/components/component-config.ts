/** `--config` of components: the fields of upstream's configuration files that have a flag here. */
import { dirname, resolve } from 'node:path'
import { type ConfigFile, readConfigFile } from '@canopus/apiserver'
import { Failure } from '@canopus/cli'
import type { Command } from 'commander'
import { fileOf } from '../flags.ts'

type Scalar = string | number | boolean

/** A field that says what a flag says, or one that may only be what holds in Canopus anyhow. */
export type ConfigField =
  | {
      flag: string
      type: 'text' | 'path' | 'number' | 'boolean' | 'texts' | 'map' | 'objects'
      oneOf?: readonly string[]
    }
  | { always: Scalar }

export interface ConfigKind {
  apiVersion: string
  kind: string
  /** By path: `authentication.x509.clientCAFile`. */
  fields: Readonly<Record<string, ConfigField>>
}

/**
 * What a configuration file says, by the flags' names in options. Relative paths start at the file's directory. Throws `Failure`
 * for another kind, for a field that Canopus does not have, and for a value that is none of the field's.
 */
export function readComponentConfig(path: string, wanted: ConfigKind): Record<string, unknown> {
  const fail = (text: string): never => {
    throw new Failure(`--config: ${path}: ${text}`)
  }
  let file: ConfigFile
  try {
    file = readConfigFile(fileOf('config', path), shapeOf(wanted))
  } catch (error) {
    if (error instanceof Failure) throw error
    return fail(error instanceof Error ? error.message.split('\n')[0]! : String(error))
  }
  if (file.kind !== wanted.kind || file.apiVersion !== wanted.apiVersion)
    return fail(`no kind "${file.kind}" is registered for version "${file.apiVersion}": want ${wanted.kind}`)
  if (file.unknownFields.length > 0) return fail(`fields that Canopus does not have: ${file.unknownFields.join(', ')}`)
  const options: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(wanted.fields)) {
    const value = valueAt(file.value, name)
    if (value === undefined || value === null || value === '') continue
    if ('always' in field) {
      if (value !== field.always) fail(`${name} is always ${field.always} in Canopus`)
    } else {
      const expected = EXPECTED[field.type]
      if (!expected.is(value)) fail(`${name}: expected ${expected.name}`)
      if (field.oneOf && !field.oneOf.includes(String(value))) fail(`${name}: expected ${field.oneOf.join(' or ')}`)
      options[field.flag] = field.type === 'path' ? resolve(dirname(path), value as string) : value
    }
  }
  return options
}

/**
 * Makes the file's values those of the command's flags. Flags that the caller typed win where `flagsWin` says so (the kubelet),
 * else the file does (kube-proxy).
 */
export function applyComponentConfig(
  command: Command,
  path: string | undefined,
  wanted: ConfigKind,
  flagsWin: (flag: string) => boolean = () => true,
): void {
  if (path === undefined) return
  for (const [flag, value] of Object.entries(readComponentConfig(path, wanted)))
    if (!flagsWin(flag) || command.getOptionValueSource(flag) !== 'cli')
      command.setOptionValueWithSource(flag, value, 'config')
}

const isText = (value: unknown): boolean => typeof value === 'string'
const isScalar = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value)
const isMap = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)
const EXPECTED = {
  text: { is: isText, name: 'a text' },
  path: { is: isText, name: 'a path' },
  number: { is: Number.isInteger as (value: unknown) => boolean, name: 'a whole number' },
  boolean: { is: (value: unknown) => typeof value === 'boolean', name: 'true or false' },
  texts: { is: (value: unknown) => Array.isArray(value) && value.every(isText), name: 'a list of texts' },
  map: { is: (value: unknown) => isMap(value) && Object.values(value).every(isScalar), name: 'a map of texts' },
  objects: { is: (value: unknown) => Array.isArray(value) && value.every(isMap), name: 'a list of objects' },
} as const

type Shape = Parameters<typeof readConfigFile>[1]

/** The tree of the fields' paths. */
function shapeOf({ fields }: ConfigKind): Shape {
  const root: Record<string, Shape> = {}
  for (const name of Object.keys(fields)) {
    const parts = name.split('.')
    let at = root
    for (const part of parts.slice(0, -1)) {
      at[part] ??= {}
      at = at[part] as Record<string, Shape>
    }
    at[parts.at(-1)!] = 'any'
  }
  return root
}

function valueAt(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((inner, part) => (isMap(inner) ? (inner as Record<string, unknown>)[part] : undefined), value)
}
