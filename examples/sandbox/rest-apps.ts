/** The REST routes with which an app finds its installations and buys tokens for them. */
import { type Answer, answer, type Call, notFound, refusal } from './answers.ts'
import type { AppRegistry } from './apps.ts'
import { ownerSummary } from './bodies.ts'
import type { Installation } from './callers.ts'
import { FIRST_SECOND, seconds } from './repositories.ts'
import { numberedPage } from './rest-pages.ts'
import { addressesOf } from './rest-repositories.ts'

const PERMISSIONS = { contents: 'read', members: 'read', metadata: 'read' }

const installationBody = ({ request, world }: Call, installation: Installation) => {
  const { id, appId, account } = installation
  const owner = world.owner(account)
  const url = `${request.apiUrl}/app/installations/${id}`
  return {
    id,
    account: owner && ownerSummary(owner, addressesOf(request)),
    repository_selection: installation.selected ? 'selected' : 'all',
    access_tokens_url: `${url}/access_tokens`,
    repositories_url: `${request.apiUrl}/installation/repositories`,
    html_url: `${request.webUrl}/organizations/${account}/settings/installations/${id}`,
    app_id: appId,
    app_slug: `app-${appId}`,
    target_id: owner?.id,
    target_type: owner?.type,
    permissions: PERMISSIONS,
    events: [],
    created_at: FIRST_SECOND,
    updated_at: FIRST_SECOND,
    single_file_name: null,
    suspended_by: null,
    suspended_at: null,
  }
}

/** What is only for an app that signs: a token is no statement. */
const unsigned = ({ caller }: Call): Answer =>
  caller.kind === 'anonymous'
    ? refusal(401, 'Requires authentication')
    : refusal(401, 'A JSON web token could not be decoded')

const ofCaller = ({ caller }: Call, apps: AppRegistry): readonly Installation[] | undefined =>
  caller.kind === 'app' ? apps.installations(caller.appId) : undefined

/** `GET /app/installations` */
export const listInstallations = (call: Call, apps: AppRegistry): Answer => {
  const rows = ofCaller(call, apps)
  if (!rows) return unsigned(call)
  return numberedPage(call.request, {
    rows,
    path: '/app/installations',
    toBody: (installation) => installationBody(call, installation),
  })
}

const found = (
  call: Call,
  apps: AppRegistry,
  isWanted: (installation: Installation) => boolean,
  toAnswer: (installation: Installation) => Answer,
): Answer => {
  const installations = ofCaller(call, apps)
  if (!installations) return unsigned(call)
  const installation = installations.find(isWanted)
  return installation ? toAnswer(installation) : notFound()
}

/** `GET /app/installations/{installation_id}` */
export const getInstallation = (call: Call, apps: AppRegistry, id: number): Answer =>
  found(
    call,
    apps,
    (one) => one.id === id,
    (one) => answer(200, installationBody(call, one)),
  )

/** `GET /orgs/{org}/installation` and `GET /users/{username}/installation` */
export const getInstallationOf = (call: Call, apps: AppRegistry, login: string): Answer =>
  found(
    call,
    apps,
    ({ account }) => account.toLowerCase() === login.toLowerCase(),
    (one) => answer(200, installationBody(call, one)),
  )

/** `POST /app/installations/{installation_id}/access_tokens` */
export const createInstallationToken = (call: Call, apps: AppRegistry, id: number): Answer =>
  found(
    call,
    apps,
    (one) => one.id === id,
    (installation) => {
      const { token, expiresAt } = apps.mint(installation, call.now)
      return answer(201, {
        token,
        expires_at: seconds(expiresAt),
        permissions: PERMISSIONS,
        repository_selection: installation.selected ? 'selected' : 'all',
      })
    },
  )
