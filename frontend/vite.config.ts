// How the shop is built and served. What it is built for comes from the rendered `.env`, never from here.
import vue from '@vitejs/plugin-vue'
import { loadEnv } from 'vite'
import vuetify from 'vite-plugin-vuetify'
import { defineConfig } from 'vitest/config'

import { contentSecurityPolicy } from './tools/content-security-policy.ts'

export default defineConfig(({ command, mode }) => {
  const env = loadEnv(mode, import.meta.dirname, 'VUE_APP_')
  return {
    envPrefix: 'VUE_APP_',
    plugins: [vue(), vuetify(), ...(command === 'build' ? [contentSecurityPolicy(env)] : [])],
    build: { target: 'es2023', modulePreload: { polyfill: false }, manifest: true },
    // The APIs allow exactly this origin, unless cartctl.toml says something else.
    server: { host: 'localhost', port: 8080, strictPort: true },
    preview: { host: 'localhost', port: 8080, strictPort: true },
    test: { include: ['src/**/*.test.ts', 'tools/**/*.test.ts'] },
  }
})
