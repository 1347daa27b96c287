import { main } from './main.ts'

/**
 * The program that `./canopus` starts: this Node with this file runs again for every component. It ends as soon as its work is
 * done: idle connections that somebody keeps for later must not hold it.
 */
main(process.argv.slice(2), [process.execPath, process.argv[1]!]).then(status => {
  process.stdout.write('', () => process.exit(status))
})
