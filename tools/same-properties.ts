/**
 * Tests of properties try the same inputs each time, so that a run says something of the change that it is for; by night
 * (`CANOPUS_LONG_TESTS`), and where a file is run by itself, others each time.
 */
import fc from 'fast-check'

if (process.env.CANOPUS_LONG_TESTS === undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 1 })
