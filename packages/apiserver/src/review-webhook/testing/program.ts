import type { Transport, TransportRequest } from '@canopus/client'
import type { ReviewEndpoint } from '../client.ts'

export type Review = { apiVersion: string; spec: Record<string, unknown> }

/** A program that answers reviews; `asked` are those that it got. */
export function program(
  answer: (review: Review, attempt: number) => { status?: number; body: object; headers?: Record<string, string> },
) {
  const asked: Review[] = []
  const transport: Transport = {
    async send(request: TransportRequest) {
      const review = JSON.parse(Buffer.from(request.body!).toString()) as Review
      asked.push(review)
      const { status = 201, body, headers = {} } = answer(review, asked.length)
      const bytes = Buffer.from(JSON.stringify(body))
      return { status, headers, bytes: async () => bytes, chunks: async function* () {} }
    },
  }
  const endpoint: ReviewEndpoint = { transport, path: '/review' }
  return { asked, endpoint }
}
