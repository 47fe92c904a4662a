//! Findings of checkers that stay, with the reason: checkov, cdk-nag and guard look for it in a resource's metadata, each in a form and
//! under a name of its own. Knows nothing of which findings an app has.

use serde_json::{Value as Json, json};

use crate::resource::Resource;

/// A finding that stays, on resources of one type.
#[derive(Clone, Copy, Debug)]
pub struct Exemption {
    /// CloudFormation's name of the type.
    kind: &'static str,
    /// The resources of the type, by their properties.
    applies: fn(&Json) -> bool,
    /// The reason, as a sentence.
    reason: &'static str,
    checkov: &'static [&'static str],
    cdk_nag: &'static [&'static str],
    guard: &'static [&'static str],
}

impl Exemption {
    /// For all resources of a type. The reason holds for all names that checkers have for the finding.
    #[must_use]
    pub const fn of<R: Resource>(reason: &'static str) -> Self {
        Self { kind: R::TYPE, applies: |_| true, reason, checkov: &[], cdk_nag: &[], guard: &[] }
    }

    /// Only for resources with such properties.
    #[must_use]
    pub const fn only_if(self, applies: fn(&Json) -> bool) -> Self {
        Self { applies, ..self }
    }

    /// The names of checks of [checkov](https://www.checkov.io/2.Basics/Suppressing%20and%20Skipping%20Policies.html).
    #[must_use]
    pub const fn checkov(self, checkov: &'static [&'static str]) -> Self {
        Self { checkov, ..self }
    }

    /// The names of rules of [cdk-nag](https://github.com/cdklabs/cdk-nag#suppressing-a-rule).
    #[must_use]
    pub const fn cdk_nag(self, cdk_nag: &'static [&'static str]) -> Self {
        Self { cdk_nag, ..self }
    }

    /// The names of rules of [guard](https://github.com/aws-cloudformation/aws-guard-rules-registry), which takes no reasons.
    #[must_use]
    pub const fn guard(self, guard: &'static [&'static str]) -> Self {
        Self { guard, ..self }
    }

    fn covers(&self, kind: &str, properties: &Json) -> bool {
        self.kind == kind && (self.applies)(properties)
    }
}

/// The metadata for a resource, by the names under which the three checkers look for it. A checker without exemptions is left out.
pub(crate) fn metadata(exemptions: &[Exemption], kind: &str, properties: &Json) -> Vec<(&'static str, Json)> {
    let covering: Vec<_> = exemptions.iter().filter(|exemption| exemption.covers(kind, properties)).collect();
    let each = |names: fn(&Exemption) -> &'static [&'static str], entry: fn(&str, &str) -> Json| -> Vec<Json> {
        covering.iter().flat_map(|it| names(it).iter().map(|name| entry(name, it.reason))).collect()
    };
    let checkov = each(|it| it.checkov, |id, comment| json!({ "id": id, "comment": comment }));
    let cdk_nag = each(|it| it.cdk_nag, |id, reason| json!({ "id": id, "reason": reason }));
    let guard = each(|it| it.guard, |name, _| json!(name));
    let of = |list: Vec<Json>, name, key: &str| (!list.is_empty()).then(|| (name, json!({ key: list })));
    [of(checkov, "checkov", "skip"), of(cdk_nag, "cdk_nag", "rules_to_suppress"), of(guard, "guard", "SuppressedRules")]
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::sqs::{Queue, QueuePolicy};

    const PLAIN: Exemption = Exemption::of::<Queue>("It is plain.").checkov(&["CKV_1", "CKV_2"]).guard(&["PLAIN"]);
    const NAMED: Exemption = Exemption::of::<Queue>("It has a name.").only_if(|it| it["QueueName"].is_string()).cdk_nag(&["Nag-1"]);

    fn of(properties: &Json) -> Json {
        metadata(&[PLAIN, NAMED], Queue::TYPE, properties).into_iter().map(|(name, json)| (name.to_owned(), json)).collect()
    }

    #[test]
    fn each_checker_finds_the_reason_where_it_looks() {
        let checkov =
            json!({ "skip": [{ "id": "CKV_1", "comment": "It is plain." }, { "id": "CKV_2", "comment": "It is plain." }] });
        let guard = json!({ "SuppressedRules": ["PLAIN"] });
        assert_eq!(of(&json!({})), json!({ "checkov": checkov, "guard": guard }));
        let cdk_nag = json!({ "rules_to_suppress": [{ "id": "Nag-1", "reason": "It has a name." }] });
        assert_eq!(of(&json!({ "QueueName": "q" })), json!({ "checkov": checkov, "cdk_nag": cdk_nag, "guard": guard }));
    }

    #[test]
    fn other_types_are_left_alone() {
        assert_eq!(metadata(&[PLAIN, NAMED], QueuePolicy::TYPE, &json!({})), []);
    }
}
