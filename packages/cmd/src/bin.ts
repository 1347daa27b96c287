import { main } from './main.ts'

/** What `./canopus` gave for bodies that nest deeply. */
const stackSize = process.execArgv.filter(each => each.startsWith('--stack-size='))

/**
 * The program that `./canopus` starts: this Node with this file runs again for every component. It ends as soon as its work is
 * done: idle connections that somebody keeps for later must not hold it.
 */
main(process.argv.slice(2), [process.execPath, ...stackSize, process.argv[1]!]).then(status => {
  process.stdout.write('', () => process.exit(status))
})
