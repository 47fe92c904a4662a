//! A type says which of its properties replace a resource.

use cfn::resource::Resource;

#[derive(serde::Serialize)]
struct Rule;

impl Resource for Rule {
    const TYPE: &'static str = "AWS::Events::Rule";
}

fn main() {}
