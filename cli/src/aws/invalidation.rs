//! Invalidates paths in CloudFront. One call, as API Gateway's (docs/adr/0035-one-way-to-aws.md): the SDK of CloudFront is among the
//! largest, for a call whose answer is not needed.

use super::{Aws, Error, hosts::Service, signed::Request};

impl Aws {
    /// Invalidates these paths; `*` at the end stands for any suffix. Takes effect within a minute or two. `once`
    /// identifies the request, so that a repetition has no further effect.
    ///
    /// Required permissions: `cloudfront:CreateInvalidation`.
    /// <https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateInvalidation.html>
    pub(crate) async fn forget(&self, distribution: &str, paths: &[String], once: &str) -> Result<(), Error> {
        let request = Request {
            operation: "invalidating CloudFront's copies of the former site",
            service: Service::CloudFront,
            name: "CreateInvalidation",
            method: "POST",
            path: format!("/{}/distribution/{distribution}/invalidation", Service::CloudFront.version()),
            headers: &[("content-type", "application/xml")],
            body: batch(paths, once).into_bytes(),
        };
        self.signed(request).await.map(drop)
    }
}

fn batch(paths: &[String], once: &str) -> String {
    let items: Vec<_> = paths.iter().map(|path| format!("<Path>{}</Path>", escaped(path))).collect();
    format!(
        "<InvalidationBatch xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Paths><Quantity>{}</Quantity>\
         <Items>{}</Items></Paths><CallerReference>{}</CallerReference></InvalidationBatch>",
        paths.len(),
        items.concat(),
        escaped(once)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_counts_its_paths() {
        assert_eq!(
            batch(&["/index.html".to_owned(), "/a&b".to_owned()], "1"),
            "<InvalidationBatch xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Paths><Quantity>2</Quantity>\
             <Items><Path>/index.html</Path><Path>/a&amp;b</Path></Items></Paths><CallerReference>1</CallerReference></InvalidationBatch>"
        );
    }
}
