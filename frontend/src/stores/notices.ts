// What the visitor is told beside the page: what failed and how to go on, and what happened, for those who do not see it. Knows
// nothing of what it tells.
import { defineStore } from 'pinia'
import { ref } from 'vue'

export interface Notice {
  /** What it is about. A newer one about the same takes its place. */
  readonly about: string
  readonly text: string
  readonly action?: { readonly label: string; run(): void }
}

const MOST = 3

export const useNotices = defineStore('notices', () => {
  const notices = ref<Notice[]>([])
  const announcement = ref('')

  /** Stays until it is answered, put away or replaced. */
  function tell(notice: Notice): void {
    notices.value = [...notices.value.filter(({ about }) => about !== notice.about), notice].slice(-MOST)
  }

  function clear(about: string): void {
    notices.value = notices.value.filter((notice) => notice.about !== about)
  }

  function act(notice: Notice): void {
    clear(notice.about)
    notice.action?.run()
  }

  /** For screen readers. */
  function announce(text: string): void {
    announcement.value = text
  }

  return { notices, announcement, tell, clear, act, announce }
})
