#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { main } from './program.ts'

// A long walk makes much short-lived garbage, and V8 answers by letting its young
// generation grow: 300,000 URLs took 300 to 350 MB resident, and 185 to 210 MB without the
// growth, at the same speed. The factor is read at each growth; --max-semi-space-size is read
// once, before this line runs, and changes nothing here.
setFlagsFromString('--semi-space-growth-factor=1')

// Whoever reads the messages may have seen enough; the walk has not.
process.stderr.on('error', (thrown: NodeJS.ErrnoException) => {
  if (thrown.code !== 'EPIPE') throw thrown
})

process.exitCode = await main(process.argv.slice(2))
