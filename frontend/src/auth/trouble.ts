// What Cognito refuses, in words, and which field it is about. Knows errors by their names only.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/CommonErrors.html

export type Field = 'name' | 'email' | 'password' | 'code'

export interface Trouble {
  readonly text: string
  /** Where to correct it; nothing, if it is not about what was typed. */
  readonly field?: Field
  /** The account is there and waits for its code. */
  readonly unconfirmed?: true
  /** Whoever is signed in here is somebody already. */
  readonly alreadySignedIn?: true
}

const WRONG = 'No account has this name and password.'
const LATER = 'That was too often. Please wait a few minutes, then try again.'
const OFFLINE = 'The accounts cannot be reached. Is this device online? What you typed stays here.'

const KNOWN: Readonly<Record<string, Trouble>> = {
  NotAuthorizedException: { text: WRONG, field: 'password' },
  UserNotFoundException: { text: WRONG, field: 'password' },
  UserNotConfirmedException: { text: 'This account waits for its code.', unconfirmed: true },
  UserAlreadyAuthenticatedException: { text: 'Somebody is signed in already.', alreadySignedIn: true },
  UsernameExistsException: { text: 'This name is taken.', field: 'name' },
  InvalidPasswordException: { text: 'This password is too simple.', field: 'password' },
  CodeMismatchException: { text: 'This is not the code that was sent.', field: 'code' },
  ExpiredCodeException: { text: 'This code is too old. Ask for a new one.', field: 'code' },
  CodeDeliveryFailureException: { text: 'The mail with the code could not be sent. Is the address right?', field: 'email' },
  InvalidParameterException: { text: 'Something typed here cannot be used.' },
  LimitExceededException: { text: LATER },
  TooManyRequestsException: { text: LATER },
  TooManyFailedAttemptsException: { text: LATER },
  NetworkError: { text: OFFLINE },
}

export function trouble(error: unknown): Trouble {
  const name = error instanceof Error ? error.name : ''
  // A part of the shop that is loaded when it is needed did not come.
  if (name === 'TypeError') return { text: OFFLINE }
  return KNOWN[name] ?? { text: 'That did not work, and we do not know why. Please try again.' }
}
