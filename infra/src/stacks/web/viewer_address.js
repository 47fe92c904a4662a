// Tells the APIs the viewer's address, by which their firewall counts. What the viewer sends under this name is overwritten.
function handler(event) {
  var request = event.request
  request.headers['x-viewer-address'] = { value: event.viewer.ip }
  return request
}
