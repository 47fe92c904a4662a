// What a password must have, as the user pool asks for it (`infra/src/stacks/auth.rs`). The pool has the last word.

const RULES: readonly (readonly [RegExp, string])[] = [
  [/.{8,}/u, '8 characters'],
  [/[a-z]/, 'a small letter'],
  [/[A-Z]/, 'a capital letter'],
  [/\d/, 'a digit'],
  [/[\^$*.[\]{}()?"!@#%&/\\,><':;|_~`=+\- ]/, 'a symbol'],
]

/** What a password still lacks. */
export function lacks(password: string): string[] {
  return RULES.filter(([rule]) => !rule.test(password)).map(([, what]) => what)
}
