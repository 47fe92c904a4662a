// How the shop is built and served. What it is built for comes from the rendered `.env`, never from here.
import vue from '@vitejs/plugin-vue'
import vuetify from 'vite-plugin-vuetify'
import { defineConfig } from 'vitest/config'

import { contentSecurityPolicy } from './tools/content-security-policy.ts'
import { environment } from './tools/environment.ts'

export default defineConfig(({ command, mode }) => {
  const env = environment(mode, import.meta.dirname, process.env)
  // Vite takes what has the prefix from the environment, once it is not told of any files.
  Object.assign(process.env, env)
  return {
    envDir: false,
    envPrefix: 'VUE_APP_',
    plugins: [vue(), vuetify(), ...(command === 'build' ? [contentSecurityPolicy(env)] : [])],
    build: { target: 'es2023', modulePreload: { polyfill: false }, manifest: true },
    // The APIs allow exactly this origin, unless cartctl.toml says something else.
    server: { host: 'localhost', port: 8080, strictPort: true },
    preview: { host: 'localhost', port: 8080, strictPort: true },
    test: { include: ['src/**/*.test.ts', 'tools/**/*.test.ts'] },
  }
})
