// What a `.vue` file is, for tools that read only TypeScript.
declare module '*.vue' {
  import type { DefineComponent } from 'vue'

  const component: DefineComponent
  export default component
}
