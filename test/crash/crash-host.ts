import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { Facts, Life } from './life.ts'
import { ALL } from './scenarios.ts'
import { tornScenario } from './torn.ts'

/**
 * A process that lives a scenario and kills itself at a boundary:
 * `node crash-host.ts SCENARIO DATABASE FACTS DIE_AT`. What the world outside
 * has seen goes line by line into the file of facts, which outlives it.
 */
const [name, path = '', factsFile = '', dieAt = '0'] = process.argv.slice(2)
const scenario = name === 'torn' ? tornScenario : ALL.find(([known]) => known === name)?.[1]
if (scenario === undefined) throw new Error(`no scenario is called ${name}`)
const noted = existsSync(factsFile) ? readFileSync(factsFile, 'utf8').split('\n').slice(0, -1) : []
const facts = new Facts(noted, (fact) => appendFileSync(factsFile, `${fact}\n`))
let boundaries = 0
const onBoundary = () => {
  boundaries += 1
  if (boundaries === Number(dieAt)) process.kill(process.pid, 'SIGKILL')
}
await scenario.live(new Life({ path, facts, onBoundary }))
