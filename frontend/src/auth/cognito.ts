// Accounts in a Cognito user pool, by Amplify: passwords are proved by SRP and never sent. The only file that knows Amplify.
import { Amplify } from 'aws-amplify'
import * as auth from 'aws-amplify/auth'

import type { Config } from '../config.ts'
import type { Accounts, Next } from './accounts.ts'

export function cognito(config: Config): Accounts {
  Amplify.configure({
    Auth: {
      Cognito: {
        userPoolId: config.userPool,
        userPoolClientId: config.userPoolClient,
        ...(config.accountsEndpoint === undefined ? {} : { userPoolEndpoint: config.accountsEndpoint }),
      },
    },
  })
  const token = async (forceRefresh: boolean) => {
    const { tokens } = await auth.fetchAuthSession({ forceRefresh })
    // API Gateway's authorizer and the cart's functions both take the token that says who somebody is.
    return tokens?.idToken?.toString()
  }
  return {
    signUp: async ({ name, email, password }) => {
      await auth.signUp({ username: name, password, options: { userAttributes: { email } } })
    },
    confirm: async (name, code) => {
      await auth.confirmSignUp({ username: name, confirmationCode: code })
    },
    resend: async (name) => {
      await auth.resendSignUpCode({ username: name })
    },
    signIn: async (name, password, code) => {
      let { nextStep } = await auth.signIn({ username: name, password, options: { authFlowType: 'USER_SRP_AUTH' } })
      if (nextStep.signInStep === 'CONFIRM_SIGN_IN_WITH_TOTP_CODE' && code !== undefined) {
        ;({ nextStep } = await auth.confirmSignIn({ challengeResponse: code }))
      }
      return next(nextStep.signInStep)
    },
    signOut: async () => {
      await auth.signOut()
    },
    forget: async (name) => {
      await auth.resetPassword({ username: name })
    },
    reset: async (name, code, password) => {
      await auth.confirmResetPassword({ username: name, confirmationCode: code, newPassword: password })
    },
    token: () => token(false),
    renewed: () => token(true),
  }
}

function next(step: auth.SignInOutput['nextStep']['signInStep']): Next {
  switch (step) {
    case 'DONE':
      return 'signed in'
    case 'CONFIRM_SIGN_UP':
      return 'confirm'
    case 'RESET_PASSWORD':
      return 'reset'
    case 'CONFIRM_SIGN_IN_WITH_TOTP_CODE':
      return 'code'
    default:
      return 'cannot'
  }
}
