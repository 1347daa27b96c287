import type { Authentication, Authenticator } from '../security.ts'
import { ALL_UNAUTHENTICATED, ANONYMOUS } from './user.ts'

const ANONYMOUS_USER: Authentication = { user: { name: ANONYMOUS, groups: [ALL_UNAUTHENTICATED] } }

/** Lets requests without any credential in as `system:anonymous`; what they may do is for the authorizer to say. */
export const anonymousAuthenticator: Authenticator = { authenticate: () => ANONYMOUS_USER }
