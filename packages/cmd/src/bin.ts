import { main } from './main.ts'

/** The program that `./canopus` starts: this Node with this file runs again for every component. */
main(process.argv.slice(2), [process.execPath, process.argv[1]!]).then(status => {
  process.exitCode = status
})
