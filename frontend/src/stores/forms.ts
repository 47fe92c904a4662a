// What a visitor has typed into the forms for accounts: it goes along from one to the next, and is gone with the tab. Knows nothing of
// accounts.
import { defineStore } from 'pinia'
import { ref, watch } from 'vue'

export const useForms = defineStore('forms', () => {
  const name = ref('')
  const email = ref('')
  /** Kept until somebody is signed in with it, so that it is typed once. */
  const password = ref('')

  /** This account also asks for the code of an authenticator app. */
  const asksForCode = ref(false)
  watch(name, () => {
    asksForCode.value = false
  })

  function forgetPassword(): void {
    password.value = ''
    asksForCode.value = false
  }

  return { name, email, password, asksForCode, forgetPassword }
})
