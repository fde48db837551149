import type { Figure } from '../figure.ts'
import { commit } from './commit.ts'
import { cpu } from './cpu.ts'
import { delay } from './delay.ts'
import { delivery } from './delivery.ts'
import { hosts } from './hosts.ts'
import { memory } from './memory.ts'
import { observed } from './observed.ts'
import { pageCost } from './page-cost.ts'
import { peers } from './peers.ts'
import { postgres } from './postgres.ts'
import { recovery } from './recovery.ts'
import { resume } from './resume.ts'
import { s3 } from './s3.ts'
import { sequential } from './sequential.ts'
import { sessions } from './sessions.ts'
import { takeover } from './takeover.ts'
import { walk } from './walk.ts'

/** In the order of the table. */
export const FIGURES: readonly Figure[] = [
  commit,
  walk,
  sequential,
  cpu,
  s3,
  memory,
  sessions,
  resume,
  pageCost,
  delivery,
  delay,
  observed,
  postgres,
  hosts,
  takeover,
  peers,
  recovery,
]
