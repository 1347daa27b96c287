import {
  checkHttpHeaderName,
  checkPortName,
  checkPortNumber,
  forbidden,
  invalid,
  notSupported,
  required,
} from '@canopus/apimachinery'
import type { HTTPGetAction, Lifecycle, LifecycleHandler, Probe, ProbeHandler } from '../../../generated/core.v1.ts'
import { checkNonNegative, checkNumber, checkOptionalChoice, checkText, type Errors } from '../../shared/check.ts'

/** A port by number or by the name of a container port. */
export function checkPort(errors: Errors, field: string, port: number | string | undefined): void {
  if (typeof port === 'string') checkText(errors, field, port, checkPortName)
  else checkNumber(errors, field, port ?? 0, checkPortNumber)
}

const SCHEMES = ['HTTP', 'HTTPS']

function checkHttpGet(errors: Errors, path: string, action: HTTPGetAction): void {
  if (!action.path) errors.push(required(`${path}.path`))
  checkPort(errors, `${path}.port`, action.port)
  if (!SCHEMES.includes(action.scheme ?? '')) errors.push(notSupported(`${path}.scheme`, action.scheme ?? '', SCHEMES))
  for (const { name } of action.httpHeaders ?? []) checkText(errors, `${path}.httpHeaders`, name, checkHttpHeaderName)
}

type Handler = ProbeHandler & LifecycleHandler

/** Exactly one way to act. `gracePeriod` bounds sleeping. */
function checkHandler(errors: Errors, path: string, handler: Handler, gracePeriod: number | undefined): void {
  let seen = 0
  const more = (kind: string): boolean => {
    if (seen++ === 0) return false
    errors.push(forbidden(`${path}.${kind}`, 'may not specify more than 1 handler type'))
    return true
  }
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler
  if (exec && !more('exec') && (exec.command ?? []).length === 0) errors.push(required(`${path}.exec.command`))
  if (httpGet && !more('httpGet')) checkHttpGet(errors, `${path}.httpGet`, httpGet)
  if (tcpSocket && !more('tcpSocket')) checkPort(errors, `${path}.tcpSocket.port`, tcpSocket.port)
  if (grpc && !more('grpc')) checkNumber(errors, `${path}.grpc.port`, grpc.port ?? 0, checkPortNumber)
  if (sleep && !more('sleep') && gracePeriod !== undefined && (sleep.seconds < 0 || sleep.seconds > gracePeriod)) {
    const text = `must be non-negative and less than terminationGracePeriodSeconds (${gracePeriod})`
    errors.push(invalid(`${path}.sleep`, sleep.seconds, text))
  }
  if (seen === 0) errors.push(required(path, 'must specify a handler type'))
}

function checkProbe(errors: Errors, path: string, probe: Probe, gracePeriod: number | undefined): void {
  checkHandler(errors, path, probe, gracePeriod)
  checkNonNegative(errors, `${path}.initialDelaySeconds`, probe.initialDelaySeconds)
  checkNonNegative(errors, `${path}.timeoutSeconds`, probe.timeoutSeconds)
  checkNonNegative(errors, `${path}.periodSeconds`, probe.periodSeconds)
  checkNonNegative(errors, `${path}.successThreshold`, probe.successThreshold)
  checkNonNegative(errors, `${path}.failureThreshold`, probe.failureThreshold)
  const grace = probe.terminationGracePeriodSeconds
  if (grace !== undefined && grace <= 0) {
    errors.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'))
  }
}

interface Probes {
  livenessProbe?: Probe
  readinessProbe?: Probe
  startupProbe?: Probe
}

export function checkProbes(errors: Errors, path: string, probes: Probes, gracePeriod: number | undefined): void {
  const { livenessProbe, readinessProbe, startupProbe } = probes
  if (livenessProbe) {
    checkProbe(errors, `${path}.livenessProbe`, livenessProbe, gracePeriod)
    checkOneSuccess(errors, `${path}.livenessProbe`, livenessProbe)
  }
  if (readinessProbe) {
    checkProbe(errors, `${path}.readinessProbe`, readinessProbe, gracePeriod)
    const grace = readinessProbe.terminationGracePeriodSeconds
    if (grace !== undefined) {
      const field = `${path}.readinessProbe.terminationGracePeriodSeconds`
      errors.push(invalid(field, grace, 'must not be set for readinessProbes'))
    }
  }
  if (startupProbe) {
    checkProbe(errors, `${path}.startupProbe`, startupProbe, gracePeriod)
    checkOneSuccess(errors, `${path}.startupProbe`, startupProbe)
  }
}

function checkOneSuccess(errors: Errors, path: string, { successThreshold }: Probe): void {
  if (successThreshold !== 1) errors.push(invalid(`${path}.successThreshold`, successThreshold ?? 0, 'must be 1'))
}

const upTo = (count: number, name: (index: number) => string): string[] =>
  Array.from({ length: count }, (_, index) => name(index + 1))

/** What containers can be told to stop by, sorted. */
const LINUX_SIGNALS = [
  ...'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS'.split(' '),
  ...'TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX'.split(' '),
  ...upTo(15, index => `RTMIN+${index}`),
  ...upTo(14, index => `RTMAX-${index}`),
]
  .map(name => `SIG${name}`)
  .sort()

export function checkLifecycle(
  errors: Errors,
  path: string,
  { postStart, preStop, stopSignal }: Lifecycle,
  gracePeriod: number | undefined,
  os: string | undefined,
): void {
  if (postStart) checkHandler(errors, `${path}.postStart`, postStart, gracePeriod)
  if (preStop) checkHandler(errors, `${path}.preStop`, preStop, gracePeriod)
  const field = `${path}.stopSignal`
  if (stopSignal === undefined) return
  if (os === undefined) {
    errors.push(forbidden(field, 'may not be set for containers with empty `spec.os.name`'))
  } else if (os === 'linux') checkOptionalChoice(errors, field, stopSignal, LINUX_SIGNALS)
  else if (os === 'windows') checkOptionalChoice(errors, field, stopSignal, ['SIGKILL', 'SIGTERM'])
}
