import { budgetsScenario } from './scenarios/budgets.ts'
import {
  deliveryScenario,
  portScenario,
  resumedDeliveryScenario,
  resumedWindowsScenario,
  windowsScenario,
} from './scenarios/delivery.ts'
import { hostsScenario } from './scenarios/hosts.ts'
import { importScenario, resourcesScenario } from './scenarios/imports.ts'
import { inventoryScenario } from './scenarios/inventory.ts'
import { reportsScenario } from './scenarios/reports.ts'
import { failureScenario, retryScenario } from './scenarios/resumes.ts'
import { retentionScenario } from './scenarios/retention.ts'
import { roundsScenario } from './scenarios/rounds.ts'
import {
  creationScenario,
  emptyFileScenario,
  migrationScenario,
  upgradeScenarios,
} from './scenarios/schema.ts'
import type { Scenario } from './scenario.ts'
import { waitScenario } from './scenarios/waits.ts'
import { steeringScenario } from './scenarios/steering.ts'
import { stallScenario, takeOverScenario, walkScenario } from './scenarios/walks.ts'

/** What a host can be doing when its process dies. */
export const SCENARIOS = {
  creation: creationScenario,
  emptyFile: emptyFileScenario,
  migration: migrationScenario,
  walk: walkScenario,
  stall: stallScenario,
  takeOver: takeOverScenario,
  wait: waitScenario,
  failure: failureScenario,
  retry: retryScenario,
  delivery: deliveryScenario,
  resumedDelivery: resumedDeliveryScenario,
  windows: windowsScenario,
  resumedWindows: resumedWindowsScenario,
  port: portScenario,
  rounds: roundsScenario,
  reports: reportsScenario,
  imports: importScenario,
  resources: resourcesScenario,
  inventory: inventoryScenario,
  budgets: budgetsScenario,
  hosts: hostsScenario,
  retention: retentionScenario,
  steering: steeringScenario,
} satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof SCENARIOS

/** By name, in order; those of earlier schemas among them as soon as there are any. */
export const ALL: readonly (readonly [name: string, scenario: Scenario])[] = [
  ...Object.entries(SCENARIOS),
  ...upgradeScenarios.map((scenario, i) => [`upgrade ${i + 1}`, scenario] as const),
]
