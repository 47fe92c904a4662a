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

const WRONG = 'The user name or the password is wrong. Check both and try again.'
const LATER = 'Too many attempts. Wait a few minutes, then try again.'
const OFFLINE = 'We could not reach the accounts. Check your connection and try again. What you typed is still here.'

const KNOWN: Readonly<Record<string, Trouble>> = {
  NotAuthorizedException: { text: WRONG, field: 'password' },
  UserNotFoundException: { text: WRONG, field: 'password' },
  UserNotConfirmedException: { text: 'This account is not confirmed yet.', unconfirmed: true },
  UserAlreadyAuthenticatedException: { text: 'Somebody is already signed in here. Sign out first.', alreadySignedIn: true },
  UsernameExistsException: { text: 'This user name is taken. Choose another one.', field: 'name' },
  InvalidPasswordException: { text: 'This password is too simple. Choose a longer one.', field: 'password' },
  CodeMismatchException: { text: 'This is not the right code. Check it and try again.', field: 'code' },
  ExpiredCodeException: { text: 'This code is no longer valid. Use a new one.', field: 'code' },
  CodeDeliveryFailureException: { text: 'We could not send the e-mail with the code. Check the address.', field: 'email' },
  InvalidParameterException: { text: 'Something that you typed cannot be used. Check every field.' },
  LimitExceededException: { text: LATER },
  TooManyRequestsException: { text: LATER },
  TooManyFailedAttemptsException: { text: LATER },
  NetworkError: { text: OFFLINE },
}

export function trouble(error: unknown): Trouble {
  const name = error instanceof Error ? error.name : ''
  // A part of the shop that is loaded when it is needed did not come.
  if (name === 'TypeError') return { text: OFFLINE }
  return KNOWN[name] ?? { text: 'Something went wrong, and we do not know why. Try again in a few minutes.' }
}
