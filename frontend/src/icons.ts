// The shop's own signs, on a grid of 24. Vuetify brings those its components need.
export const bag = 'svg:M7 8V7a5 5 0 0 1 10 0v1h3l-1.2 12.1a2 2 0 0 1-2 1.9H7.2a2 2 0 0 1-2-1.9L4 8Zm2 0h6V7a3 3 0 0 0-6 0Z'
export const plus = 'svg:M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6Z'
export const minus = 'svg:M5 11h14v2H5Z'
export const bin = 'svg:M9 3h6l1 2h4v2H4V5h4ZM6 8h12l-1 13H7Zm3 2 .5 9H11l-.5-9Zm4.5 0-.5 9h1.5l.5-9Z'
export const cross = 'svg:M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6l5.6-5.6L5 6.4Z'
export const person = 'svg:M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8Zm0 10c4.4 0 8 2 8 4.5V21H4v-2.5C4 16 7.6 14 12 14Z'
export const moon = 'svg:M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5Z'
export const sun =
  'svg:M12 7a5 5 0 1 1 0 10 5 5 0 0 1 0-10ZM11 1h2v3h-2Zm0 19h2v3h-2ZM1 11h3v2H1Zm19 0h3v2h-3ZM3.5 4.9l1.4-1.4L7 5.6 5.6 7ZM17 18.4l1.4-1.4 2.1 2.1-1.4 1.4ZM17 5.6l2.1-2.1 1.4 1.4L18.4 7ZM3.5 19.1 5.6 17 7 18.4l-2.1 2.1Z'
export const search = 'svg:M10 4a6 6 0 0 1 4.7 9.7l5 5-1.4 1.4-5-5A6 6 0 1 1 10 4Zm0 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z'
export const tick = 'svg:M9.5 16.2 5.3 12l-1.4 1.4 5.6 5.6L20.1 8.4 18.7 7Z'
export const bars = 'svg:M4 20V10h4v10Zm6 0V4h4v16Zm6 0v-7h4v7Z'
