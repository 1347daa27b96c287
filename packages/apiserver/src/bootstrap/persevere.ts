/**
 * Work of the start that a webhook or policy of the cluster may stand against. The server must come up nevertheless, or nobody
 * could take the webhook away; upstream's post-start hooks log what fails, and their controllers try again.
 */
import { StatusError } from '@canopus/apimachinery'
import { type Clock, type Logger, sleep } from '@canopus/base'

/** Milliseconds from one attempt to the next. */
const PAUSE = 10_000

export interface Perseverance {
  readonly clock: Clock
  readonly logger: Logger
  /** Ends all attempts. */
  readonly signal: AbortSignal
}

/**
 * Does the work, or begins to try again and again where it is refused; resolves after the first attempt. Throws what is no answer
 * of the API.
 */
export async function persevere(
  name: string,
  work: () => Promise<unknown>,
  { clock, logger, signal }: Perseverance,
): Promise<void> {
  const attempt = async (): Promise<boolean> => {
    try {
      await work()
      return true
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      logger.error('what every cluster has could not be written', { name, error })
      return false
    }
  }
  const again = async (): Promise<void> => {
    do await sleep(clock, PAUSE, signal)
    while (!(await attempt()))
  }
  if (!(await attempt())) {
    again().catch(error => {
      if (!signal.aborted) logger.error('what every cluster has will not be written', { name, error })
    })
  }
}
