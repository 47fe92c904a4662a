// Run by CloudFront for every request of the shop's page, before it looks into its cache. The shop is one page that shows what the path
// asks for, so that a path that does not name a file means the page. Tested by frontend/tools/page-of-path.test.ts.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html
function handler(event) {
  const request = event.request
  const last = request.uri.slice(request.uri.lastIndexOf('/') + 1)
  if (!last.includes('.')) request.uri = '/index.html'
  return request
}
