/** What came of a call by gRPC, as metrics tell it. */
import type { Clock } from '@canopus/base'

/** The code of calls that succeeded. */
export const OK = 'OK'

/** gRPC's code of what went wrong behind the error; what it says of a program's answer is kept in its message. */
export function codeOf(error: unknown): string {
  const text = error instanceof Error ? error.message : ''
  return /rpc error: code = (\w+) desc = /.exec(text)?.[1] ?? 'unknown-non-grpc'
}

/** Goes on with what the call comes to, once `note` has been told its code, and the seconds that it took. */
export async function timedCall<T>(
  clock: Clock,
  call: Promise<T>,
  note: (code: string, seconds: number) => void,
): Promise<T> {
  const begun = clock.monotonic()
  const end = (code: string): void => note(code, (clock.monotonic() - begun) / 1000)
  try {
    const answer = await call
    end(OK)
    return answer
  } catch (error) {
    end(codeOf(error))
    throw error
  }
}
