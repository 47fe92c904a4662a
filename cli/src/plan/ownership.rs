//! Decides whose an existing stack is: by its mark, or by what it consists of if it has none (docs/adr/0032-a-stack-says-whose-it-is.md).
//! A stack's name decides nothing: a prefix, a stage and another tool can lead to the same name.
//!
//! Knows nothing of what is done to a stack afterwards, except that nothing is done to a foreign one.

use std::{collections::BTreeMap, fmt};

use cfn::{MARK_OUTPUT, Mark, NotAMark, Stack, StackId, value::LogicalId};
use serde_json::Value as Json;

use crate::domain::{
    notice::Notice,
    stack::{Deployed, StackStatus},
    text::first_of,
};

/// The macro of the Serverless Application Model.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-serverless.html>
const SAM: &str = "AWS::Serverless-2016-10-31";

/// How the names of this program's change sets begin; 16 hexadecimal digits follow.
const CHANGE_SET: &str = "cartctl-";

/// What is known of an existing stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    pub deployed: &'a Deployed,
    /// The template of the last deployment. None if there is none, or if the mark is known without it.
    pub template: Option<&'a Json>,
    /// The change sets of a stack under review, which consists of nothing else.
    pub change_sets: &'a [Proposed],
}

/// A change set of a stack under review.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Proposed {
    pub name: String,
    /// None if it cannot be read, as that of some failed change sets.
    pub template: Option<Json>,
}

/// Why a stack is this stage's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Its mark says so.
    Marked,
    /// An earlier cartctl deployed it, without a mark: its template has the description and the published names of this stage's.
    Earlier,
    /// It is the stack that this one succeeds: another tool deployed it with the resources that are taken over.
    Predecessor,
    /// It is under review, and nobody has a change set for it.
    Vacant,
    /// The user says so, by `--adopt`.
    Adopted,
}

impl Claim {
    /// Whether another tool's template is replaced, so that resources which this definition does not have are deleted.
    pub(crate) const fn takes_over(self) -> bool {
        matches!(self, Self::Predecessor | Self::Adopted)
    }
}

/// A stack of somebody else's under a name of this stage's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The stack's name.
    pub name: String,
    /// The stack's ARN.
    pub id: String,
    /// The stack's status.
    pub status: StackStatus,
    /// Whose it seems to be.
    pub owner: Owner,
}

impl Foreign {
    /// That the stack is left alone.
    pub(crate) fn notice(&self, stack: StackId) -> Notice {
        let owner = self.owner.to_string();
        let owner = owner.lines().next().unwrap_or_default().to_owned();
        Notice::ForeignStack { stack, name: self.name.clone(), owner }
    }
}

/// Whose a foreign stack seems to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// That of another prefix, stage or stack, as the mark says.
    Marked(Mark),
    /// That of a later cartctl, whose marks have this format.
    Later(u32),
    /// Nobody who can be read from this text, which is in the place of the mark.
    Unreadable(String),
    /// Somebody who does not use cartctl.
    Unmarked(Signs),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Marked(Mark { prefix, stage, stack }) => {
                write!(f, "its mark names ")?;
                match stage {
                    Some(stage) => write!(f, "the {stack} stack of the stage `{stage}` with the prefix `{prefix}`"),
                    None => write!(f, "the {stack} stack of the prefix `{prefix}`"),
                }
            }
            Self::Later(format) => write!(f, "a later cartctl marked it, in format {format}"),
            Self::Unreadable(text) => write!(f, "its mark cannot be read: `{}`", shortened(text)),
            Self::Unmarked(signs) => write!(f, "cartctl did not mark it{signs}"),
        }
    }
}

/// What an unmarked stack says of its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// The description in its template.
    pub description: Option<String>,
    /// The macro that its template asks for, such as SAM's.
    pub transform: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The types of its resources, each once.
    pub resource_types: Vec<String>,
    /// The names of the change sets that wait for it.
    pub change_sets: Vec<String>,
}

/// A line for each sign, after a line break.
impl fmt::Display for Signs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tags: Vec<_> = self.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let lines = [
            ("description", self.description.as_ref().map(|text| shortened(text))),
            ("transform", self.transform.as_ref().map(|text| shortened(text))),
            ("tags", listed(&tags)),
            ("resources", listed(&self.resource_types)),
            ("change sets", listed(&self.change_sets)),
        ];
        lines
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .try_for_each(|(name, value)| write!(f, "\n  {name}: {value}"))
    }
}

/// The most entries of a list, and characters of a text, in a message.
const SHOWN: (usize, usize) = (6, 120);

/// One line of a text of anybody's.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = line.chars().take(SHOWN.1).collect();
    if cut.len() < line.len() { format!("{cut}…") } else { line }
}

fn listed(items: &[String]) -> Option<String> {
    let items: Vec<_> = items.iter().map(|item| shortened(item)).collect();
    (!items.is_empty()).then(|| first_of(&items, SHOWN.0).unwrap_or_else(|| items.join(", ")))
}

/// Decides whose a stack is that has the name of `wanted`. `adopted` is what the user says.
///
/// # Errors
/// [`Foreign`], if the stack is somebody else's.
pub(crate) fn judge(wanted: &Stack, evidence: &Evidence, adopted: bool) -> Result<Claim, Box<Foreign>> {
    let owner = match recognize(wanted, evidence) {
        Ok(claim) => return Ok(claim),
        Err(owner) => owner,
    };
    if adopted {
        return Ok(Claim::Adopted);
    }
    let Deployed { id, status, .. } = evidence.deployed;
    Err(Box::new(Foreign { name: wanted.name().to_owned(), id: id.clone(), status: *status, owner }))
}

fn recognize(wanted: &Stack, evidence: &Evidence) -> Result<Claim, Owner> {
    let Evidence { deployed, template, change_sets } = evidence;
    // What is deployed says more than a template whose deployment may have failed.
    if let Some(mark) = deployed.mark.clone().or_else(|| mark_of((*template)?)) {
        return by_mark(wanted, mark);
    }
    if deployed.status == StackStatus::ReviewInProgress {
        return under_review(wanted, change_sets).map_err(|owner| match owner {
            Owner::Unmarked(_) => Owner::Unmarked(signs(evidence)),
            owner => owner,
        });
    }
    template.and_then(|template| by_content(wanted, template)).ok_or_else(|| Owner::Unmarked(signs(evidence)))
}

/// The mark in a template, if it has one.
fn mark_of(template: &Json) -> Option<Result<Mark, NotAMark>> {
    let value = template.get("Outputs")?.get(MARK_OUTPUT)?.get("Value")?;
    Some(value.as_str().ok_or_else(|| NotAMark::Unreadable(value.to_string())).and_then(str::parse))
}

fn by_mark(wanted: &Stack, mark: Result<Mark, NotAMark>) -> Result<Claim, Owner> {
    match mark {
        Ok(mark) if mark == *wanted.mark() => Ok(Claim::Marked),
        Ok(mark) => Err(Owner::Marked(mark)),
        Err(NotAMark::Format(format)) => Err(Owner::Later(format)),
        Err(NotAMark::Unreadable(text)) => Err(Owner::Unreadable(text)),
    }
}

/// A stack under review is its change sets': all of them have to be this stage's.
fn under_review(wanted: &Stack, change_sets: &[Proposed]) -> Result<Claim, Owner> {
    let mut found = Claim::Vacant;
    for Proposed { name, template } in change_sets {
        found = match template {
            Some(template) => match mark_of(template) {
                Some(mark) => by_mark(wanted, mark)?,
                None => by_content(wanted, template).ok_or_else(|| Owner::Unmarked(Signs::default()))?,
            },
            None if is_our_name(name) => Claim::Earlier,
            None => return Err(Owner::Unmarked(Signs::default())),
        };
    }
    Ok(found)
}

fn is_our_name(change_set: &str) -> bool {
    let digits = change_set.strip_prefix(CHANGE_SET).unwrap_or_default();
    digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Recognizes an unmarked stack by its template.
fn by_content(wanted: &Stack, template: &Json) -> Option<Claim> {
    let own = wanted.template().as_json();
    if is_earlier(&own, template) {
        Some(Claim::Earlier)
    } else if is_predecessor(wanted, &own, template) {
        Some(Claim::Predecessor)
    } else {
        None
    }
}

/// Whether an earlier cartctl made the template for the same stage: with the same description; with the names of the same stage for all
/// parameters that both publish, of which there is at least one if this definition publishes any; and without a resource that has
/// another type here.
fn is_earlier(own: &Json, template: &Json) -> bool {
    let both = || resources(own).filter_map(|(id, own)| Some((own, template.get("Resources")?.get(id)?)));
    let mut published = both().filter(|(own, _)| is_parameter(own)).peekable();
    template.get("Transform").is_none()
        && template.get("Description").is_some_and(|description| Some(description) == own.get("Description"))
        && both().next().is_some()
        && both().all(|(own, there)| own["Type"] == there["Type"])
        && (published.peek().is_some() || resources(own).all(|(_, own)| !is_parameter(own)))
        && published.all(|(own, there)| own["Properties"]["Name"] == there["Properties"]["Name"])
}

/// Whether the template is the predecessor's: it defines every resource that is taken over, with the same type. It is written for SAM, or
/// is what SAM made of it; the latter has to publish under the names of this stage.
fn is_predecessor(wanted: &Stack, own: &Json, template: &Json) -> bool {
    let is_sam = match template.get("Transform") {
        None => false,
        Some(Json::String(name)) if name == SAM => true,
        Some(Json::Array(names)) if names.iter().any(|name| name == SAM) => true,
        Some(_) => return false,
    };
    let is_there = |id: &LogicalId| {
        let [own, there] = [own, template].map(|template| &template["Resources"][id.as_str()]);
        let same_name = || !is_parameter(own) || own["Properties"]["Name"] == there["Properties"]["Name"];
        own["Type"] == there["Type"] && (is_sam || same_name())
    };
    !wanted.predecessor().is_empty() && wanted.predecessor().iter().all(is_there)
}

fn is_parameter(resource: &Json) -> bool {
    resource["Type"] == "AWS::SSM::Parameter"
}

fn resources(template: &Json) -> impl Iterator<Item = (&String, &Json)> {
    template.get("Resources").and_then(Json::as_object).into_iter().flatten()
}

/// What an unmarked stack says of its owner.
fn signs(Evidence { deployed, template, change_sets }: &Evidence) -> Signs {
    let template = template.or_else(|| change_sets.iter().find_map(|proposed| proposed.template.as_ref()));
    let text = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    let described = || template?.get("Description")?.as_str().map(str::to_owned);
    let mut resource_types: Vec<_> =
        template.into_iter().flat_map(resources).filter_map(|(_, resource)| resource["Type"].as_str().map(str::to_owned)).collect();
    resource_types.sort();
    resource_types.dedup();
    Signs {
        description: deployed.description.clone().or_else(described),
        transform: template.and_then(|template| template.get("Transform")).map(text),
        tags: deployed.tags.clone(),
        resource_types,
        change_sets: change_sets.iter().map(|proposed| proposed.name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use cart_infra::{App, BootstrapSettings, Monitoring, Names, Settings, StackId, stacks};
    use serde_json::json;

    use super::*;
    use crate::config::tests::settings;

    const STAGE: [StackId; 4] = [stacks::AUTH, stacks::PRODUCTS, stacks::CART, stacks::WEB];

    /// The stacks that the original shop has as well.
    const ORIGINAL: [StackId; 3] = [stacks::AUTH, stacks::PRODUCTS, stacks::CART];

    fn app() -> App {
        cart_infra::app(&settings())
    }

    fn stack(id: StackId) -> Stack {
        app().stack(id).unwrap().clone()
    }

    fn bootstrap(artifact_bucket: bool, logging_role: bool) -> Stack {
        cart_infra::bootstrap(&BootstrapSettings {
            prefix: Names::default().prefix,
            artifact_bucket,
            logging_role,
            roles: cfn::resource::iam::RoleTerms::default(),
        })
    }

    /// What somebody makes of a template.
    type Change = fn(&mut Json);

    /// A stack that says nothing of its owner.
    fn there(status: StackStatus) -> Deployed {
        Deployed::only("arn:there", status)
    }

    /// Whose a complete stack with this template is.
    fn by_template(wanted: &Stack, template: &Json) -> Result<Claim, Owner> {
        let deployed = there(StackStatus::CreateComplete);
        recognize(wanted, &Evidence { deployed: &deployed, template: Some(template), change_sets: &[] })
    }

    /// Whose a stack with this mark in its outputs is, whatever its template.
    fn by_output(wanted: &Stack, mark: &str) -> Result<Claim, Owner> {
        let deployed = Deployed { mark: Some(mark.parse()), ..there(StackStatus::CreateComplete) };
        recognize(wanted, &Evidence { deployed: &deployed, template: None, change_sets: &[] })
    }

    /// Whose a stack under review with these change sets is.
    fn reviewed(wanted: &Stack, change_sets: &[(&str, Option<Json>)]) -> Result<Claim, Owner> {
        let proposed = |(name, template): &(&str, Option<Json>)| Proposed { name: (*name).to_owned(), template: template.clone() };
        let change_sets: Vec<_> = change_sets.iter().map(proposed).collect();
        let deployed = there(StackStatus::ReviewInProgress);
        recognize(wanted, &Evidence { deployed: &deployed, template: None, change_sets: &change_sets })
    }

    /// The template that an earlier cartctl made of a definition.
    fn unmarked(stack: &Stack) -> Json {
        let mut template = stack.template().as_json();
        template["Outputs"].as_object_mut().unwrap().remove(MARK_OUTPUT).unwrap();
        template
    }

    fn is_unmarked(judged: &Result<Claim, Owner>) -> bool {
        matches!(judged, Err(Owner::Unmarked(_)))
    }

    /// What the original has of a stack, without what it is not recognized by.
    fn original(id: StackId) -> Json {
        let own = stack(id).template().as_json();
        let taken_over = stack(id).predecessor().iter().map(|id| (id.to_string(), own["Resources"][id.as_str()].clone())).collect();
        let mut resources: serde_json::Map<String, Json> = taken_over;
        resources.insert("ApiGWAccount".to_owned(), json!({ "Type": "AWS::ApiGateway::Account" }));
        json!({ "Transform": SAM, "Description": "resources", "Resources": resources })
    }

    #[test]
    fn a_stack_is_whose_its_mark_says() {
        let auth = stack(stacks::AUTH);
        let own = auth.mark().to_string();
        assert_eq!(by_output(&auth, &own), Ok(Claim::Marked));
        for (mark, told) in [
            (
                "format=1 prefix=aws-serverless-shopping-cart stage=staging stack=auth",
                "its mark names the auth stack of the stage `staging` with the prefix `aws-serverless-shopping-cart`",
            ),
            (
                "format=1 prefix=myshop stage=default stack=auth",
                "its mark names the auth stack of the stage `default` with the prefix `myshop`",
            ),
            (
                "format=1 prefix=aws-serverless-shopping-cart stage=default stack=cart",
                "its mark names the cart stack of the stage `default` with the prefix `aws-serverless-shopping-cart`",
            ),
            (
                "format=1 prefix=aws-serverless-shopping-cart stack=bootstrap",
                "its mark names the bootstrap stack of the prefix `aws-serverless-shopping-cart`",
            ),
            ("format=2 owner=somebody", "a later cartctl marked it, in format 2"),
            ("somebody", "its mark cannot be read: `somebody`"),
            ("", "its mark cannot be read: ``"),
        ] {
            assert_eq!(by_output(&auth, mark).unwrap_err().to_string(), told);
            // The same in a template whose deployment did not get as far as outputs.
            let mut template = auth.template().as_json();
            template["Outputs"][MARK_OUTPUT]["Value"] = json!(mark);
            assert_eq!(by_template(&auth, &template).unwrap_err().to_string(), told);
            assert_eq!(reviewed(&auth, &[("cartctl-0123456789abcdef", Some(template))]).unwrap_err().to_string(), told);
        }
        let mut template = auth.template().as_json();
        template["Outputs"][MARK_OUTPUT]["Value"] = json!({ "Ref": "CognitoUserPool" });
        assert!(matches!(by_template(&auth, &template), Err(Owner::Unreadable(_))));
    }

    #[test]
    fn one_name_of_two_stages_has_one_owner() {
        let of = |prefix: &str, stage: &str| {
            let names = Names { prefix: prefix.parse().unwrap(), stage: stage.parse().unwrap(), ..Names::default() };
            cart_infra::app(&Settings { names, ..settings() })
        };
        let (short, long) = (of("aws-serverless-shopping-cart", "staging"), of("aws-serverless-shopping-cart-staging", "default"));
        for id in STAGE {
            let [short, long] = [&short, &long].map(|app| app.stack(id).unwrap());
            assert_eq!(short.name(), long.name());
            for (wanted, other) in [(short, long), (long, short)] {
                assert!(matches!(by_output(wanted, &other.mark().to_string()), Err(Owner::Marked(_))), "{id}");
                assert!(matches!(by_template(wanted, &other.template().as_json()), Err(Owner::Marked(_))), "{id}");
                assert!(is_unmarked(&by_template(wanted, &unmarked(other))), "{id} of an earlier cartctl");
                assert!(by_template(wanted, &unmarked(wanted)).is_ok());
            }
        }
    }

    #[test]
    fn a_failed_creation_has_no_outputs_and_a_template() {
        let auth = stack(stacks::AUTH);
        for status in
            [StackStatus::RollbackComplete, StackStatus::DeleteFailed, StackStatus::CreateFailed, StackStatus::CreateInProgress]
        {
            let deployed = there(status);
            let judged = |template: Option<&Json>| recognize(&auth, &Evidence { deployed: &deployed, template, change_sets: &[] });
            assert_eq!(judged(Some(&auth.template().as_json())), Ok(Claim::Marked), "{status}");
            assert_eq!(judged(Some(&unmarked(&auth))), Ok(Claim::Earlier), "{status}");
            for nothing in [None, Some(&Json::Null), Some(&json!({})), Some(&json!({ "Resources": {} }))] {
                assert!(is_unmarked(&judged(nothing)), "{status} with {nothing:?}");
            }
        }
    }

    #[test]
    fn the_stacks_of_an_earlier_cartctl_are_known_by_their_templates() {
        let other =
            Settings { allowed_origin: "https://shop.example".parse().unwrap(), reserved_concurrency: Some(5), ..settings() };
        let protected = Settings { protected: true, monitoring: Some(Monitoring::default()), ..settings() };
        for before in [settings(), other, protected] {
            for deployed in cart_infra::app(&before).stacks() {
                assert_eq!(by_template(&stack(deployed.id()), &unmarked(deployed)), Ok(Claim::Earlier), "{}", deployed.id());
            }
        }
        for (bucket, role) in [(true, true), (true, false), (false, true)] {
            assert_eq!(by_template(&bootstrap(true, true), &unmarked(&bootstrap(bucket, role))), Ok(Claim::Earlier));
        }
        // Before the site there were fewer published values.
        let mut first = unmarked(&stack(stacks::CART));
        first["Resources"].as_object_mut().unwrap().remove("CartApiIdParameter").expect("it was added for the site");
        assert_eq!(by_template(&stack(stacks::CART), &first), Ok(Claim::Earlier));
    }

    #[test]
    fn what_is_only_similar_is_somebody_elses() {
        for id in STAGE.into_iter().chain([stacks::BOOTSTRAP]) {
            let wanted = if id == stacks::BOOTSTRAP { bootstrap(true, true) } else { stack(id) };
            let template = unmarked(&wanted);
            let judged_with = |change: Change| {
                let mut template = template.clone();
                change(&mut template);
                by_template(&wanted, &template)
            };
            assert_eq!(judged_with(|_| ()), Ok(Claim::Earlier));
            let changes: [(&str, Change); 6] = [
                ("no description", |template| drop(template.as_object_mut().unwrap().remove("Description"))),
                ("another description", |template| template["Description"] = json!("Our sign-in")),
                ("another macro", |template| template["Transform"] = json!("AWS::LanguageExtensions")),
                ("no resources", |template| template["Resources"] = json!({})),
                ("another table", |template| template["Resources"] = json!({ "Users": { "Type": "AWS::DynamoDB::Table" } })),
                ("other types", |template| {
                    for resource in template["Resources"].as_object_mut().unwrap().values_mut() {
                        resource["Type"] = json!("AWS::SNS::Topic");
                    }
                }),
            ];
            for (what, change) in changes {
                let judged = judged_with(change);
                // Without a description, everything that is taken over is still there, under this stage's names.
                let is_fine = ["no description", "another description"].contains(&what) && judged == Ok(Claim::Predecessor);
                assert!(is_unmarked(&judged) || is_fine, "{id} with {what}: {judged:?}");
            }
        }
        // One published name of another stage's is enough.
        let mut template = unmarked(&stack(stacks::AUTH));
        template["Resources"]["UserPoolSSM"]["Properties"]["Name"] =
            json!("/serverless-shopping-cart-demo/staging/auth/user-pool-id");
        assert!(is_unmarked(&by_template(&stack(stacks::AUTH), &template)));
        // A stack that publishes is not known by its description alone.
        let pool = json!({ "CognitoUserPool": { "Type": "AWS::Cognito::UserPool" } });
        let template = json!({ "Description": "Shopping cart: accounts and sign-in", "Resources": pool });
        assert!(is_unmarked(&by_template(&stack(stacks::AUTH), &template)));
        // Nor is any stack by a template that is none.
        for template in [
            json!("Resources"),
            json!([]),
            json!({ "Resources": ["CognitoUserPool"] }),
            json!({ "Resources": { "CognitoUserPool": 1 } }),
        ] {
            assert!(is_unmarked(&by_template(&stack(stacks::AUTH), &template)), "{template}");
        }
    }

    #[test]
    fn the_original_is_known_by_its_macro_and_what_is_taken_over() {
        for id in ORIGINAL {
            let wanted = stack(id);
            let original = original(id);
            assert_eq!(by_template(&wanted, &original), Ok(Claim::Predecessor), "{id}");
            let mut several = original.clone();
            several["Transform"] = json!(["AWS::LanguageExtensions", SAM]);
            assert_eq!(by_template(&wanted, &several), Ok(Claim::Predecessor), "{id}");
            let mut processed = original.clone();
            processed.as_object_mut().unwrap().remove("Transform");
            assert_eq!(by_template(&wanted, &processed), Ok(Claim::Predecessor), "{id}, as its macro left it");

            for lost in wanted.predecessor() {
                let mut without = original.clone();
                without["Resources"].as_object_mut().unwrap().remove(lost.as_str()).unwrap();
                assert!(is_unmarked(&by_template(&wanted, &without)), "{id} without {lost}");
                let mut other = original.clone();
                other["Resources"][lost.as_str()]["Type"] = json!("AWS::SNS::Topic");
                assert!(is_unmarked(&by_template(&wanted, &other)), "{id} with another {lost}");
                processed["Resources"][lost.as_str()]["Properties"]["Name"] = json!("/somebody/else");
            }
            assert!(is_unmarked(&by_template(&wanted, &processed)), "{id} of other names, without its macro");
        }
        // No original has these.
        let sam = json!({ "Transform": SAM, "Resources": { "WebBucket": { "Type": "AWS::S3::Bucket" } } });
        assert!(is_unmarked(&by_template(&stack(stacks::WEB), &sam)));
        assert!(is_unmarked(&by_template(&bootstrap(true, true), &sam)));
        // SAM alone is nobody's sign.
        let sam = json!({ "Transform": SAM, "Resources": { "Users": { "Type": "AWS::DynamoDB::Table" } } });
        assert!(is_unmarked(&by_template(&stack(stacks::AUTH), &sam)));
    }

    #[test]
    fn a_stack_under_review_is_whose_its_change_sets_are() {
        let auth = stack(stacks::AUTH);
        let own = || Some(auth.template().as_json());
        let other = || Some(json!({ "Resources": { "Users": { "Type": "AWS::DynamoDB::Table" } } }));
        assert_eq!(reviewed(&auth, &[]), Ok(Claim::Vacant));
        assert_eq!(reviewed(&auth, &[("anything", own())]), Ok(Claim::Marked));
        assert_eq!(reviewed(&auth, &[("cartctl-0123456789abcdef", Some(unmarked(&auth)))]), Ok(Claim::Earlier));
        assert_eq!(reviewed(&auth, &[("cartctl-0123456789abcdef", None)]), Ok(Claim::Earlier));
        assert_eq!(reviewed(&auth, &[("samcli-deploy1", Some(original(stacks::AUTH)))]), Ok(Claim::Predecessor));
        for foreign in [
            vec![("cartctl-0123456789abcdef", other())],
            vec![("awscli-cloudformation-package-deploy-1", None)],
            vec![("cartctl-", None)],
            vec![("cartctl-0123456789abcdeg", None)],
            vec![("cartctl-0123456789abcdef0", None)],
            vec![("cartctl-0123456789abcdef", own()), ("theirs", other())],
            vec![("theirs", other()), ("cartctl-0123456789abcdef", own())],
        ] {
            let judged = reviewed(&auth, &foreign);
            let names: Vec<_> = foreign.iter().map(|(name, _)| (*name).to_owned()).collect();
            assert!(matches!(&judged, Err(Owner::Unmarked(signs)) if signs.change_sets == names), "{judged:?}");
        }
    }

    #[test]
    fn who_knows_better_adopts_one_stack() {
        let auth = stack(stacks::AUTH);
        let judged = |template: &Json, adopted| {
            let deployed = there(StackStatus::UpdateComplete);
            judge(&auth, &Evidence { deployed: &deployed, template: Some(template), change_sets: &[] }, adopted)
        };
        let foreign = json!({ "Resources": { "Users": { "Type": "AWS::DynamoDB::Table" } } });
        let refused = judged(&foreign, false).unwrap_err();
        assert_eq!(
            (refused.name.as_str(), refused.id.as_str(), refused.status),
            (auth.name(), "arn:there", StackStatus::UpdateComplete)
        );
        assert_eq!(judged(&foreign, true), Ok(Claim::Adopted));
        // What is this stage's anyway stays what it is.
        assert_eq!(judged(&auth.template().as_json(), true), Ok(Claim::Marked));
        assert_eq!(judged(&unmarked(&auth), true), Ok(Claim::Earlier));
        assert_eq!(judged(&original(stacks::AUTH), true), Ok(Claim::Predecessor));
        assert!(Claim::Adopted.takes_over() && Claim::Predecessor.takes_over());
        assert!(![Claim::Marked, Claim::Earlier, Claim::Vacant].into_iter().any(Claim::takes_over));
    }

    #[test]
    fn the_owner_is_told_by_every_sign() {
        let auth = stack(stacks::AUTH);
        let tags = [("owner", "ada@example.com"), ("team", "payments")];
        let deployed = Deployed {
            tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            description: Some(format!("Sign-in\nof {}", "MyShop ".repeat(30))),
            ..there(StackStatus::CreateComplete)
        };
        let kinds = [
            "S3::Bucket",
            "SNS::Topic",
            "SQS::Queue",
            "SQS::Queue",
            "IAM::Role",
            "SSM::Parameter",
            "Lambda::Function",
            "Logs::LogGroup",
        ];
        let resources: serde_json::Map<_, _> = kinds
            .iter()
            .enumerate()
            .map(|(place, kind)| (format!("R{place}"), json!({ "Type": format!("AWS::{kind}") })))
            .collect();
        let template = json!({ "Transform": SAM, "Resources": resources });
        let foreign =
            judge(&auth, &Evidence { deployed: &deployed, template: Some(&template), change_sets: &[] }, false).unwrap_err();
        let told = foreign.owner.to_string();
        let lines: Vec<_> = told.lines().collect();
        assert_eq!(lines[0], "cartctl did not mark it");
        assert!(lines[1].starts_with("  description: Sign-in of MyShop MyShop") && lines[1].ends_with('…'), "{told}");
        assert_eq!(lines[2], "  transform: AWS::Serverless-2016-10-31");
        assert_eq!(lines[3], "  tags: owner=ada@example.com, team=payments");
        assert_eq!(
            lines[4],
            "  resources: AWS::IAM::Role, AWS::Lambda::Function, AWS::Logs::LogGroup, AWS::S3::Bucket, AWS::SNS::Topic, AWS::SQS::Queue and 1 more"
        );
        assert_eq!(lines.len(), 5);
        let notice = foreign.notice(stacks::AUTH);
        assert!(matches!(&notice, Notice::ForeignStack { owner, .. } if owner == "cartctl did not mark it"), "{notice:?}");
    }
}
