// What the shop is built for: the variables that `cartctl` renders into `.env`. The only place that reads them.
import * as v from 'valibot'

const url = v.pipe(v.string(), v.url())

const Variables = v.object({
  VUE_APP_CART_API_URL: url,
  VUE_APP_PRODUCTS_API_URL: url,
  VUE_APP_USER_POOL_ID: v.pipe(v.string(), v.regex(/^[\w-]+_\w+$/)),
  VUE_APP_USER_POOL_CLIENT_ID: v.pipe(v.string(), v.nonEmpty()),
  VUE_APP_AWS_REGION: v.pipe(v.string(), v.nonEmpty()),
  /** Only beside a local cloud: where accounts are, if not at AWS. */
  VUE_APP_COGNITO_ENDPOINT: v.optional(url),
})

export interface Config {
  readonly cartApi: string
  readonly productsApi: string
  readonly userPool: string
  readonly userPoolClient: string
  readonly accountsEndpoint: string | undefined
}

/** The variables are missing or make no sense. */
export class NotConfigured extends Error {
  override readonly name = 'NotConfigured'
  constructor(readonly variables: readonly string[]) {
    super(`not configured: ${variables.join(', ')}`)
  }
}

export function configuration(variables: unknown): Config {
  const parsed = v.safeParse(Variables, variables)
  if (!parsed.success) throw new NotConfigured(parsed.issues.map((issue) => v.getDotPath(issue) ?? ''))
  const env = parsed.output
  return {
    cartApi: env.VUE_APP_CART_API_URL,
    productsApi: env.VUE_APP_PRODUCTS_API_URL,
    userPool: env.VUE_APP_USER_POOL_ID,
    userPoolClient: env.VUE_APP_USER_POOL_CLIENT_ID,
    accountsEndpoint: env.VUE_APP_COGNITO_ENDPOINT,
  }
}
