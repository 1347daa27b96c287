import { type DaemonIdentity, startDaemon } from '@canopus/platform'
import { componentEnv } from './processes.ts'

/**
 * A shell loop that keeps one program running, on machines with and without systemd: it costs a megabyte, waits longer the
 * quicker the program dies, and passes TERM on. Arguments: the component's name, its log, then the program.
 */
export const SUPERVISE = `
component=$1 log=$2; shift 2
stopping= child= pause=0.1
trap 'stopping=1; [ -n "$child" ] && kill -TERM "$child" 2>/dev/null' TERM INT
while [ -z "$stopping" ]; do
  started=$(date +%s)
  CANOPUS_COMPONENT=$component "$@" >>"$log" 2>&1 </dev/null &
  child=$!
  while kill -0 "$child" 2>/dev/null; do wait "$child"; done
  [ -n "$stopping" ] && break
  echo "{\\"time\\":\\"$(date -u +%FT%TZ)\\",\\"level\\":\\"warn\\",\\"message\\":\\"$component ended; starting it again\\"}" >>"$log"
  if [ $(($(date +%s) - started)) -lt 10 ]; then
    case $pause in 0.1) pause=0.5 ;; 0.5) pause=1 ;; 1) pause=2 ;; *) pause=5 ;; esac
  else
    pause=0.1
  fi
  sleep "$pause"
done
`

export interface SupervisedProgram {
  cluster: string
  /** For example `control-plane`, or `node/canopus` for what runs on a node. */
  component: string
  log: string
  command: readonly string[]
  /** Put before the supervisor, for example `nsenter` with its arguments. */
  wrapper?: readonly string[]
  env?: Readonly<Record<string, string>>
}

/** Starts a program under a supervisor that outlives us. Returns the supervisor's identity. */
export function startSupervised(program: SupervisedProgram): Promise<DaemonIdentity> {
  const command = [
    ...(program.wrapper ?? []),
    'sh',
    '-c',
    SUPERVISE,
    'canopus',
    program.component,
    program.log,
    ...program.command,
  ]
  return startDaemon(command[0]!, command.slice(1), {
    log: program.log,
    env: { ...program.env, ...componentEnv(program.cluster, `supervisor/${program.component}`) },
  })
}
