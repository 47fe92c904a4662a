//! Judges the shop's templates by the rules for every app, and by the rules of an app that browsers call.

use cfn::{
    App, Stack,
    check::{Problem, Rule, View},
};

pub use cfn::check::Finding;

/// Every path of an API answers `OPTIONS`: a browser asks before it calls an API of another origin.
pub const NO_PREFLIGHT: Rule = Rule { name: "no-preflight", problems: no_preflight };

/// Checks all stacks of the shop.
#[must_use]
pub fn check(app: &App) -> Vec<Finding> {
    cfn::check::check(app, &[NO_PREFLIGHT])
}

/// Checks one stack, for example the bootstrap stack.
#[must_use]
pub fn check_stack(stack: &Stack) -> Vec<Finding> {
    cfn::check::check_stack(stack, &[NO_PREFLIGHT])
}

fn no_preflight(view: &View) -> Vec<Problem> {
    let methods = || view.resources("AWS::ApiGateway::Method").map(|(id, method)| (id, &method["Properties"]));
    methods()
        .filter(|(_, method)| {
            !methods().any(|(_, other)| other["HttpMethod"] == "OPTIONS" && other["ResourceId"] == method["ResourceId"])
        })
        .map(|(id, _)| (Some(id.to_owned()), "its path has no OPTIONS, so browsers will not call it".to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_path_answers_preflight_requests() {
        let method = |verb: &str, path: &str| json!({ "Type": "AWS::ApiGateway::Method", "Properties": { "HttpMethod": verb, "ResourceId": path } });
        let methods = json!({ "Get": method("GET", "a"), "Ask": method("OPTIONS", "a"), "Put": method("PUT", "b") });
        let problem = (Some("Put".to_owned()), "its path has no OPTIONS, so browsers will not call it".to_owned());
        assert_eq!(no_preflight(&View::of(&json!({ "Resources": methods }))), [problem]);
    }
}
