/** Spans of watches that begin with a list (k8s.io/apiserver/pkg/endpoints/handlers/get.go and watch.go); others have none. */
import { messageOf } from '@canopus/base'
import type { ObjectEncoder } from '../encoding/encoder.ts'
import { formOf } from '../encoding/encoders.ts'
import type { ListQuery } from '../filters/options.ts'
import type { ApiResponse } from '../http/message.ts'
import { answerAttributes, encoderIdentifier } from '../tracing/serialize-object.ts'
import { currentSpan, type Span, within } from '../tracing/span.ts'
import { handlerAttributes } from '../tracing/tracing.ts'
import type { Call } from './call.ts'

/** Does what `watch` does, and is told by what it hands over when the list is over, sent or not. */
export async function inWatchListSpan(
  call: Call,
  query: ListQuery,
  encoder: ObjectEncoder,
  watch: (listed: () => void) => Promise<ApiResponse>,
): Promise<ApiResponse> {
  const parent = currentSpan()
  if (parent === undefined || query.sendInitialEvents !== true || !query.allowWatchBookmarks) return watch(() => {})
  const span = parent.child('WatchList', 'internal', handlerAttributes(call.request, call.info, parent))
  let serving: Span | undefined
  const end = (): void => {
    serving?.end()
    span.end()
  }
  const listed = (): void => {
    serving?.event('Writing initial events done')
    end()
  }
  try {
    const response = await within(span, () => watch(listed))
    return {
      ...response,
      stream: sink => {
        serving = servingSpan(span, encoder)
        response.stream!(sink)
      },
      // Who goes before the list is over, or before it began, leaves no span that goes on for ever.
      sent: end,
    }
  } catch (error) {
    span.end({ message: messageOf(error) })
    throw error
  }
}

function servingSpan(list: Span, encoder: ObjectEncoder): Span {
  const span = list.child('WatchServer.HandleHTTP', 'internal', {
    ...answerAttributes(list.request),
    mediaType: encoder.watchContentType,
    encoder: encoderIdentifier(formOf(encoder), list.request, true),
  })
  span.event('About to start writing response')
  return span
}
