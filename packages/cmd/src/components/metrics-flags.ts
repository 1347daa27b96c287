/** Which metrics a component tells of (k8s.io/component-base/metrics, options.go and api/v1/config.go). */
import { readFileSync } from 'node:fs'
import { aggregateText, type FieldError, fieldErrorText, invalid } from '@canopus/apimachinery'
import { KUBERNETES_MINOR } from '@canopus/apiserver'
import { MetricsRegistry } from '@canopus/base'
import { Failure } from '@canopus/cli'
import { type Command, InvalidArgumentError } from 'commander'
import { load } from 'js-yaml'
import { given, lists } from '../flags.ts'

export interface MetricsFlags {
  showHiddenMetricsForVersion?: string
  disabledMetrics?: string[]
  allowMetricLabels?: Record<string, string>
  allowMetricLabelsManifest?: string
}

type Mapping = Readonly<Record<string, string>>

export function addMetricsFlags(command: Command): void {
  addHiddenMetricsFlag(command)
  command
    .option('--disabled-metrics <names>', 'metrics that are not told of', lists)
    .option(
      '--allow-metric-labels <mapping>',
      'values that a label may have, such as metric,label=value1,value2; others are told as "unexpected"',
      stringToString,
    )
    .option('--allow-metric-labels-manifest <file>', 'the same as a YAML file')
}

/** The only one that kube-proxy has. */
export function addHiddenMetricsFlag(command: Command): void {
  command.option('--show-hidden-metrics-for-version <version>', 'show metrics that this version hid; the one before')
}

/** Throws `Failure` in upstream's words where a flag is wrong. */
export function metricsRegistryOf(flags: MetricsFlags): MetricsRegistry {
  const errors = findings(flags)
  if (errors.length > 0) throw new Failure(aggregateText(errors.map(fieldErrorText)))
  const { allowMetricLabels: labels, allowMetricLabelsManifest: file, disabledMetrics = [] } = flags
  const mapping = labels ?? (file ? mappingOf(file) : {})
  const allowed = new Map<string, Map<string, ReadonlySet<string>>>()
  for (const [key, values] of Object.entries(mapping)) {
    const [metric = '', label = ''] = key.split(',')
    const ofMetric = allowed.get(metric) ?? new Map<string, ReadonlySet<string>>()
    allowed.set(metric, ofMetric.set(label, new Set(values.split(','))))
  }
  return new MetricsRegistry({ allowed, disabled: new Set(disabledMetrics.filter(name => name !== '')) })
}

const PREVIOUS = `1.${KUBERNETES_MINOR - 1}`
const METRIC = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*'
const KEY = new RegExp(`^${METRIC},${LABEL}$`)
const NAME = new RegExp(`^${METRIC}$`)
const MANIFEST = 'metrics.allowListMappingManifest'

function findings(flags: MetricsFlags): FieldError[] {
  const { showHiddenMetricsForVersion, disabledMetrics, allowMetricLabels, allowMetricLabelsManifest: file } = flags
  const errors = hiddenFindings(showHiddenMetricsForVersion, 'metrics.showHiddenMetricsForVersion')
  for (const name of disabledMetrics ?? []) {
    if (NAME.test(name)) continue
    const detail = `must be fully qualified metric names matching "^${METRIC}$", got ${JSON.stringify(name)}`
    errors.push(invalid('metrics.disabledMetrics', disabledMetrics, detail))
  }
  if (allowMetricLabels !== undefined) {
    errors.push(...mappingFindings(allowMetricLabels, 'metrics.allowListMapping'))
  }
  if (file) errors.push(...fileFindings(file))
  if (allowMetricLabels !== undefined && file) {
    const all = given({
      showHiddenMetricsForVersion,
      disabledMetrics,
      allowListMapping: allowMetricLabels,
      allowListMappingManifest: file,
    })
    errors.push(invalid('metrics', all, 'cannot specify both allowListMapping and allowListMappingManifest'))
  }
  return errors
}

/** Throws `Failure` where kube-proxy's flag, or the field of its configuration, is wrong. No metric is hidden. */
export function checkHiddenMetrics({ showHiddenMetricsForVersion: version }: MetricsFlags): void {
  const [found] = hiddenFindings(version, 'showHiddenMetricsForVersion')
  if (found === undefined) return
  const detail = `invalid showHiddenMetricsForVersion: ${fieldErrorText(found)}`
  throw new Failure(fieldErrorText(invalid('KubeProxyConfiguration.ShowHiddenMetricsForVersion', version, detail)))
}

function hiddenFindings(version: string | undefined, field: string): FieldError[] {
  if (!version || version === PREVIOUS) return []
  const detail = `must be omitted or have the value '${PREVIOUS}'; only the previous minor version is allowed`
  return [invalid(field, version, detail)]
}

function mappingFindings(mapping: Mapping, field: string): FieldError[] {
  if (Object.keys(mapping).every(key => KEY.test(key))) return []
  const detail = `must have keys with format \`metricName,labelName\` where metricName matches "${METRIC}" and labelName matches "${LABEL}"`
  return [invalid(field, mapping, detail)]
}

function fileFindings(file: string): FieldError[] {
  try {
    const found = mappingFindings(mappingOf(file), MANIFEST)
    if (found.length === 0) return []
    return [invalid(MANIFEST, file, `invalid allow list mapping in manifest: [${found.map(fieldErrorText).join(' ')}]`)]
  } catch (error) {
    return [invalid(MANIFEST, file, (error as Error).message)]
  }
}

function mappingOf(file: string): Mapping {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`failed to read allow list manifest: ${(error as Error).message}`)
  }
  try {
    const mapping = load(text) ?? {}
    const isMapping = typeof mapping === 'object' && !Array.isArray(mapping)
    if (!isMapping || Object.values(mapping).some(value => typeof value === 'object' && value !== null))
      throw new Error('not a map of texts')
    return Object.fromEntries(Object.entries(mapping).map(([key, value]) => [key, String(value ?? '')]))
  } catch (error) {
    throw new Error(`failed to parse allow list manifest: ${(error as Error).message}`)
  }
}

/** `key=value`, of which several are written as in a CSV file: `"metric,label=one,two","metric,other=three"`. */
export function stringToString(text: string, before: Mapping = {}): Mapping {
  const pairs = text.split('=').length <= 2 ? [text.replace(/^"+|"+$/g, '')] : csvFields(text)
  const found: Record<string, string> = { ...before }
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at < 0) throw new InvalidArgumentError(`${pair} must be formatted as key=value`)
    found[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return found
}

const csvFields = (text: string): string[] =>
  [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain = '']) =>
    quoted === undefined ? plain : quoted.replaceAll('""', '"'),
  )
