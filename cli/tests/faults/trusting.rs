//! What lies in the artifact bucket under a key of ours is not believed because of its key: neither code nor templates. And deployments of
//! an earlier cartctl, which believed it, are updated.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::StackStatus;
use cart_fault_bench::{
    account::Account,
    inventory::{During, Function, Trouble, sha256},
    script::{Fault, Rule},
};
use cart_infra::stacks;
use serde_json::{Value as Json, json};

use crate::{
    bench::{Bench, SHOP},
    side_by_side,
};

const FOREIGN: &[u8] = b"code of somebody else's";

/// Somebody who may write to the account's buckets replaces what ends with this.
fn replace(account: &mut Account, end: &str, content: &[u8], checksum: bool) {
    let inventory = &mut account.inventory;
    let keys = |objects: &BTreeMap<String, Vec<u8>>| objects.keys().filter(|key| key.ends_with(end)).cloned().collect::<Vec<_>>();
    let found: Vec<_> = inventory.buckets.iter().map(|(bucket, objects)| (bucket.clone(), keys(objects))).collect();
    for (bucket, key) in found.into_iter().flat_map(|(bucket, keys)| keys.into_iter().map(move |key| (bucket.clone(), key))) {
        let own = sha256(content);
        inventory.upload(&bucket, &key, content.to_vec(), checksum.then_some(own.as_str()));
    }
}

fn replace_code(account: &mut Account) {
    replace(account, ".zip", FOREIGN, true);
}

fn replace_templates(account: &mut Account) {
    let objects = account.inventory.buckets.values().flatten().find(|(key, _)| key.starts_with("templates/"));
    let mut template: Json = serde_json::from_slice(objects.unwrap().1).unwrap();
    template["Resources"]["Foreign"] = json!({ "Type": "AWS::DynamoDB::Table" });
    replace(account, ".json", template.to_string().as_bytes(), true);
}

/// The functions, by their logical ids.
fn functions(bench: &Bench) -> BTreeMap<String, Function> {
    let state = bench.state();
    let resources = state.account.stacks.iter().filter(|stack| stack.status != StackStatus::DeleteComplete);
    let resources = resources.flat_map(|stack| stack.resources.iter()).filter(|(_, it)| it.kind() == "AWS::Lambda::Function");
    let found = |name: &Option<String>| state.account.inventory.functions.get(name.as_deref().unwrap_or_default()).cloned();
    resources.filter_map(|(id, resource)| Some((id.clone(), found(&resource.physical_id)?))).collect()
}

/// What callers of a function reach: the code of its newest version, as text.
fn live(bench: &Bench) -> BTreeMap<String, String> {
    let text = |function: &Function| {
        let (_, version) = function.versions.last_key_value().expect("it was published");
        String::from_utf8(version.code.clone()).unwrap()
    };
    functions(bench).iter().map(|(id, function)| (id.clone(), text(function))).collect()
}

/// Every function was published with this content of its package, and nothing else ever was.
#[track_caller]
fn all_are(bench: &Bench, content: &str) {
    let live = live(bench);
    assert_eq!(live.len(), 10, "{live:?}");
    assert!(live.values().all(|code| *code == format!("cart: {content}") || *code == format!("products: {content}")), "{live:?}");
    nothing_foreign_ran(bench);
}

#[track_caller]
fn nothing_foreign_ran(bench: &Bench) {
    for (id, function) in functions(bench) {
        assert!(function.versions.values().all(|version| version.code != FOREIGN), "{id}");
    }
}

/// The bucket that the stack of the account has.
fn artifact_bucket(bench: &Bench) -> String {
    let state = bench.state();
    state.account.stack(&bench.name(stacks::BOOTSTRAP)).outputs[cfn::ARTIFACT_BUCKET_OUTPUT].clone()
}

/// Somebody who knows the code puts this under its keys.
fn occupy(bench: &Bench, bucket: &str, content: &[u8], checksum: Option<&str>) {
    for key in bench.code() {
        bench.state().account.inventory.upload(bucket, &key, content.to_vec(), checksum);
    }
}

#[test]
fn code_of_somebody_elses_under_our_keys_is_replaced_before_a_deployment() {
    let own = |content: &[u8]| Some(sha256(content));
    let cases = [(FOREIGN, None), (FOREIGN, own(FOREIGN)), (b"", None), (b"", own(b""))];
    side_by_side(cases, |(content, checksum)| {
        let mut bench = Bench::new().deployed(&[stacks::BOOTSTRAP]);
        for round in ["first", "second"] {
            bench = bench.package(round);
            occupy(&bench, &artifact_bucket(&bench), content, checksum.as_deref());
            bench.run(&["deploy", "--yes"]).succeeded();
            all_are(&bench, round);
        }
        bench.is_tidy();
    });
}

#[test]
fn code_in_a_bucket_of_ones_own_is_no_more_believed() {
    let bench = Bench::new();
    let bucket = own_bucket(&bench);
    occupy(&bench, bucket, FOREIGN, None);
    bench.run(&["deploy", "--yes", "--bucket", bucket]).succeeded();
    all_are(&bench, "first");
    bench.is_tidy();
}

#[test]
fn code_that_is_ours_is_not_uploaded_again() {
    let bench = Bench::new().deployed(&SHOP[..3]);
    bench.run(&["deploy", "--yes"]).succeeded();
    assert_eq!(bench.state().log.count("PutObject"), 0);
    all_are(&bench, "first");
}

#[test]
fn code_that_is_replaced_between_upload_and_update_is_not_published() {
    for (deployed, status) in [(&SHOP[..3], "ROLLBACK_COMPLETE"), (&SHOP[..], "UPDATE_ROLLBACK_COMPLETE")] {
        let bench = Bench::new().deployed(deployed).package("second");
        let cart = bench.name(stacks::CART);
        bench.script([Rule::at(1..=1, Fault::Meanwhile(replace_code)).of("ExecuteChangeSet").about(&cart)]);
        let story = bench.run(&["deploy", "cart", "--yes"]).failed(1);
        bench.everything_happened();
        assert!(story.contains("is different from current CodeSHA256 in $LATEST"), "{story}");
        assert!(story.contains("hint: somebody replaced the code in the artifact bucket after it was uploaded"), "{story}");
        assert_eq!(bench.state().account.stack(&cart).status.as_str(), status);
        nothing_foreign_ran(&bench);
        bench.is_tidy();

        // Nothing has to be repaired by hand.
        bench.script([]);
        bench.run(&["deploy", "--yes"]).succeeded();
        all_are(&bench, "second");
        bench.is_tidy();
    }
}

#[test]
fn a_file_that_changes_after_it_was_packaged_is_not_uploaded() {
    let bench = Bench::new();
    let folder = bench.path("packages/cart");
    let entry = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    std::fs::write(entry.path(), FOREIGN).unwrap();
    let story = bench.run(&["deploy", "--yes"]).failed(1);
    assert!(story.contains("is not the file that was listed"), "{story}");
    assert!(bench.state().account.stacks.is_empty());
}

#[test]
fn a_version_is_published_of_what_changed_and_of_nothing_else() {
    let bench = Bench::new().deployed(&SHOP);
    let numbers = |bench: &Bench| -> BTreeMap<String, Vec<usize>> {
        functions(bench).iter().map(|(id, function)| (id.clone(), function.versions.keys().copied().collect())).collect()
    };
    assert!(numbers(&bench).values().all(|numbers| *numbers == [1]));

    // Only code, of one package.
    let bench = bench.packages(["second", "first"]);
    let changed = live(&bench).into_iter().filter(|(_, code)| code.starts_with("products")).count();
    bench.run(&["deploy", "--yes"]).succeeded();
    assert_eq!(numbers(&bench).values().filter(|numbers| **numbers == [2]).count(), changed);
    assert_eq!(live(&bench).values().filter(|code| *code == "products: second").count(), changed);

    // Only configuration: of the eight functions that browsers call.
    let code = live(&bench);
    bench.configure("defaults.allowed-origin = 'https://shop.example'");
    bench.run(&["deploy", "--yes"]).succeeded();
    assert_eq!(live(&bench), code);
    assert_eq!(numbers(&bench).values().filter(|numbers| numbers[0] > 1).count(), 8, "{:?}", numbers(&bench));
    bench.is_tidy();
}

#[test]
fn an_update_that_is_rolled_back_leaves_the_former_versions() {
    let bench = Bench::new().deployed(&SHOP).package("second");
    let cart = bench.name(stacks::CART);
    bench.state().account.inventory.troubles.push(Trouble {
        stack: cart.clone(),
        resource: "AWS::Lambda::Alias".to_owned(),
        during: During::Update,
        reason: "something is wrong with the alias".to_owned(),
        always: false,
    });
    bench.run(&["deploy", "--yes"]).failed(6);
    assert_eq!(bench.state().account.stack(&cart).status, StackStatus::UpdateRollbackComplete);
    let count = |content: &str| live(&bench).values().filter(|code| **code == format!("cart: {content}")).count();
    assert_eq!((count("first"), count("second")), (8, 0), "{:?}", live(&bench));
    bench.run(&["deploy", "--yes"]).succeeded();
    all_are(&bench, "second");
    bench.is_tidy();
}

#[test]
fn what_an_earlier_version_deployed_is_updated_whether_the_code_is_the_same_or_not() {
    side_by_side(["first", "second"], |content| {
        let bench = Bench::new().deployed_by_an_earlier_version(&SHOP);
        all_are(&bench, "first");
        let bench = bench.package(content);
        let (_, story) = bench.run(&["deploy", "--yes"]).succeeded();
        all_are(&bench, content);
        for stack in &SHOP[2..] {
            let state = bench.state();
            let stack = state.account.stack(&bench.name(*stack));
            assert_eq!(stack.status, StackStatus::UpdateComplete, "{story}");
            let versions = stack.resources.values().filter(|resource| resource.kind() == "AWS::Lambda::Version");
            assert!(versions.into_iter().all(|version| version.definition["Properties"]["CodeSha256"].is_string()));
        }
        bench.is_tidy();
        let (_, again) = bench.run(&["deploy", "--yes"]).succeeded();
        assert_eq!(again.matches("no changes\n").count(), 3, "{again}");
    });
}

/// Whether the template that goes through the bucket is the program's.
fn deploys_large_templates(bench: &Bench, arguments: &[&str]) {
    let arguments = [&["deploy", "--yes", "--protected-ok"], arguments].concat();
    bench.run(&arguments).succeeded();
    let deployed = bench.state().account.stack(&bench.name(stacks::CART)).definition.template.clone();
    assert_eq!(*deployed, bench.wanted(stacks::CART).template.as_ref().clone());
    bench.is_tidy();
}

/// How many resources the cart stack has. None if it does not exist.
fn resources(bench: &Bench) -> Option<usize> {
    let state = bench.state();
    let place = state.account.find(&bench.name(stacks::CART))?;
    Some(state.account.stacks[place].resources.len())
}

/// A bucket that somebody has for such things.
fn own_bucket(bench: &Bench) -> &'static str {
    bench.state().account.inventory.buckets.insert("own-bucket".to_owned(), BTreeMap::new());
    "own-bucket"
}

#[test]
fn a_template_that_is_replaced_in_a_bucket_with_versions_is_not_read() {
    for deployed in [&SHOP[..3], &SHOP[..]] {
        let bench = Bench::protected().deployed(deployed).package("second");
        let cart = bench.name(stacks::CART);
        bench.script([Rule::at(1..=1, Fault::Meanwhile(replace_templates)).of("CreateChangeSet").about(&cart)]);
        deploys_large_templates(&bench, &[]);
        bench.everything_happened();
        let bucket = artifact_bucket(&bench);
        let state = bench.state();
        let objects = &state.account.inventory.buckets[&bucket];
        let templates = objects.iter().filter(|(key, _)| key.starts_with("templates/"));
        let foreign = templates.filter(|(_, content)| String::from_utf8_lossy(content).contains("Foreign")).count();
        assert_eq!(foreign, 1, "it was replaced");
        // One that exists is looked at before it is changed.
        let mut calls = state.log.0.iter().filter(|call| call.stack.as_ref() == Some(&cart)).map(|call| call.operation.as_str());
        let looked =
            calls.by_ref().take_while(|operation| *operation != "ExecuteChangeSet").any(|operation| operation == "GetTemplate");
        assert_eq!(looked, deployed.len() > 3, "the version needs no second look");
    }
}

#[test]
fn a_template_that_is_replaced_in_a_bucket_without_versions_is_not_deployed() {
    for (deployed, suspended) in [(&SHOP[..3], false), (&SHOP[..], false), (&SHOP[..3], true), (&SHOP[..], true)] {
        let bench = Bench::protected().deployed(deployed).package("second");
        let bucket = own_bucket(&bench);
        if suspended {
            bench.state().account.inventory.suspended.insert(bucket.to_owned());
        }
        let cart = bench.name(stacks::CART);
        let before = resources(&bench);
        bench.script([Rule::at(1..=1, Fault::Meanwhile(replace_templates)).of("CreateChangeSet").about(&cart)]);
        let story = bench.run(&["deploy", "cart", "--yes", "--protected-ok", "--bucket", bucket]).failed(1);
        bench.everything_happened();
        assert!(
            story.contains("CloudFormation read another template in the artifact bucket than the one that was uploaded"),
            "{story}"
        );
        assert!(story.contains("hint: find out who may write to the bucket, and switch its versioning on"), "{story}");
        assert_eq!(bench.state().log.count("ExecuteChangeSet"), 0);
        assert_eq!(resources(&bench), before);
        bench.is_tidy();

        bench.script([]);
        deploys_large_templates(&bench, &["--bucket", bucket]);
    }
}

/// What a template of the earlier version had.
pub(crate) fn earlier(template: &Json) -> Json {
    let mut template = template.clone();
    let mut versions = Vec::new();
    for (id, resource) in template["Resources"].as_object_mut().unwrap() {
        let kind = resource["Type"].clone();
        let properties = resource["Properties"].as_object_mut().unwrap();
        if kind == "AWS::Lambda::Version" {
            properties.remove("CodeSha256").unwrap();
            versions.push(id.clone());
        } else if kind == "AWS::Lambda::Function" {
            let (description, _) = properties["Description"].as_str().unwrap().split_once(". Code ").unwrap();
            properties["Description"] = json!(description);
            let (service, _) = properties["Code"]["S3Key"].as_str().unwrap().split_once('/').unwrap();
            properties["Code"]["S3Key"] = json!(format!("{service}/earlier.zip"));
        }
    }
    let rename = |text: String, id: &String| text.replace(id, &format!("{}0000000000", &id[..id.len() - 10]));
    serde_json::from_str(&versions.iter().fold(template.to_string(), rename)).unwrap()
}
