import type { TokenReview } from '../../generated/authentication.v1.ts'
import { TokenReviews } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

/** Answered on the spot, never stored. */
export const TokenReviewKind = defineKind<TokenReview>({
  type: TokenReviews,
  message: 'authentication.v1.TokenReview',
  storagePrefix: 'tokenreviews',
  strategy: strategyOf({}),
  columns: defaultColumns,
})
