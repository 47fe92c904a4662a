// How the shop looks: colours for day and night, and what every component has in common. Pages use these names, never colours.
import 'vuetify/styles'
import './style.css'
import { createVuetify, type ThemeDefinition } from 'vuetify'
import { aliases, mdi } from 'vuetify/iconsets/mdi-svg'

const day: ThemeDefinition = {
  dark: false,
  colors: {
    background: '#faf7f2',
    surface: '#ffffff',
    'surface-variant': '#efe9de',
    'on-surface-variant': '#3d4842',
    primary: '#2f5d50',
    'on-primary': '#ffffff',
    secondary: '#8a5a3c',
    error: '#a3322a',
    warning: '#7a5200',
    success: '#2f6b45',
    info: '#2b5d7d',
    'on-background': '#25302b',
    'on-surface': '#25302b',
  },
  variables: { 'medium-emphasis-opacity': 0.78, 'border-opacity': 0.16, 'disabled-opacity': 0.5 },
}

const night: ThemeDefinition = {
  dark: true,
  colors: {
    background: '#141917',
    surface: '#1d2421',
    'surface-variant': '#2a332f',
    'on-surface-variant': '#d5ddd8',
    primary: '#8fc7b3',
    'on-primary': '#0d2a21',
    secondary: '#dcae8d',
    error: '#f2a79f',
    warning: '#e8c375',
    success: '#93cfa6',
    info: '#9cc8e3',
    'on-background': '#e8ece9',
    'on-surface': '#e8ece9',
  },
  variables: { 'medium-emphasis-opacity': 0.8, 'border-opacity': 0.2, 'disabled-opacity': 0.5 },
}

export const vuetify = createVuetify({
  icons: { defaultSet: 'mdi', aliases, sets: { mdi } },
  theme: { defaultTheme: 'system', themes: { light: day, dark: night } },
  defaults: {
    VBtn: { variant: 'flat', rounded: 'lg', class: 'text-none' },
    VTextField: { variant: 'outlined', density: 'comfortable', color: 'primary', rounded: 'lg' },
    VAlert: { variant: 'tonal', rounded: 'lg', border: 'start' },
    VProgressLinear: { color: 'primary' },
  },
})
