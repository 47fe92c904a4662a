//! A template that is too large to be sent in a request.

use crate::cloud::Cloud;

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>, which the local cloud keeps, too.
const LARGEST_INLINE: usize = 51_200;

#[tokio::test]
async fn a_template_too_large_for_a_request_goes_through_the_bucket() {
    let cloud = Cloud::new();
    // The origin stands in the template wherever a browser is answered.
    cloud.configure(&format!("[defaults]\nallowed-origin = 'http://{}'", "o".repeat(1_500)));
    cloud.run(&["local", "--detach"]).succeeded();

    let name = "aws-serverless-shopping-cart-shoppingcart-service";
    let template = cloud.cloudformation().get_template().stack_name(name).send().await.unwrap().template_body.unwrap();
    assert!(template.len() > LARGEST_INLINE, "{} bytes", template.len());

    let again = cloud.run(&["deploy", "--local"]).succeeded().1;
    assert!(again.contains("cart      no changes"), "{again}");
    cloud.stop();
}
