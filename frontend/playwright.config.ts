// The journeys of customers in a real browser, against a local cloud of their own. What runs there is set up by `e2e/setup.ts`.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

import { defineConfig } from '@playwright/test'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
export const executablePath = process.env.CHROMIUM ?? CHROMIUM.find(existsSync) ?? ''
if (executablePath === '') throw new Error('there is no Chromium: `apt-get install chromium`, or CHROMIUM=/path/to/it')

export const launchOptions = {
  executablePath,
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--force-color-profile=srgb',
    '--font-render-hinting=none',
  ],
  // The same letters on every machine.
  env: { ...process.env, FONTCONFIG_FILE: resolve(import.meta.dirname, 'e2e/fonts.conf') },
}

const desktop = { viewport: { width: 1280, height: 860 }, colorScheme: 'light' } as const
// Whoever has this phone wants no animations, so that both pages are tried; without them its journeys also take a tenth less of the processor.
const phone = {
  viewport: { width: 390, height: 844 },
  colorScheme: 'dark',
  hasTouch: true,
  isMobile: true,
  contextOptions: { reducedMotion: 'reduce' },
} as const

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  snapshotPathTemplate: '{testDir}/pictures/{arg}-{projectName}{ext}',
  globalSetup: './e2e/setup.ts',
  fullyParallel: true,
  workers: 2,
  forbidOnly: true,
  // Bounds, for when something hangs: two idle cores need a small part of them.
  timeout: 120_000,
  globalTimeout: 15 * 60_000,
  reporter: [['list']],
  expect: { timeout: 30_000, toHaveScreenshot: { maxDiffPixelRatio: 0.02, animations: 'disabled' } },
  use: {
    launchOptions,
    // What a failure leaves: every step with the page's elements, and one picture. A film of every journey took a third of the processor's time.
    trace: { mode: 'retain-on-failure', screenshots: false, snapshots: true },
    screenshot: 'only-on-failure',
    locale: 'en-IE',
    timezoneId: 'UTC',
    serviceWorkers: 'block',
  },
  projects: [
    { name: 'desktop', use: desktop },
    { name: 'phone', use: phone, testMatch: ['pictures.spec.ts', 'accessibility.spec.ts', 'shopping.spec.ts'] },
  ],
})
