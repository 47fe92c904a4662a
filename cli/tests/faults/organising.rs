//! What an organisation demands: a service role for CloudFormation, a boundary and a path for every role, uploads that name their encryption.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::StackStatus;
use cart_fault_bench::{
    inventory::{During, Trouble},
    script::{Fault, Rule, Why},
    stack::Resource,
};
use cart_infra::stacks;

use crate::{
    bench::{Bench, SHOP},
    side_by_side,
};

const ROLE: &str = "arn:aws:iam::123456789012:role/cloudformation";
const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/boundary";

/// The calls that a role is handed over with.
const WITH_ROLE: [&str; 4] = ["CreateChangeSet", "DeleteStack", "RollbackStack", "ContinueUpdateRollback"];

/// How often each of those calls was made, all of them with this role.
#[track_caller]
fn handed_over(bench: &Bench, role: Option<&str>) -> BTreeMap<String, usize> {
    let state = bench.state();
    let mut calls = BTreeMap::new();
    for call in &state.log.0 {
        let expected = role.filter(|_| WITH_ROLE.contains(&call.operation.as_str()));
        assert_eq!(call.role.as_deref(), expected, "{}", call.operation);
        if WITH_ROLE.contains(&call.operation.as_str()) {
            *calls.entry(call.operation.clone()).or_default() += 1;
        }
    }
    calls
}

#[test]
fn a_service_role_goes_with_every_call_that_takes_one() {
    let starts = [
        (None, "CreateChangeSet"),
        (Some(StackStatus::UpdateComplete), "CreateChangeSet"),
        (Some(StackStatus::RollbackComplete), "DeleteStack"),
        (Some(StackStatus::UpdateFailed), "RollbackStack"),
        (Some(StackStatus::UpdateRollbackFailed), "ContinueUpdateRollback"),
    ];
    let ways = [(&["--role-arn", ROLE][..], ""), (&[], "defaults.role-arn = 'arn:aws:iam::123456789012:role/cloudformation'")];
    let cases = starts.into_iter().flat_map(|start| ways.map(|way| (start.clone(), way)));
    side_by_side(cases, |((status, call), (arguments, configuration))| {
        let bench = Bench::new().deployed(&SHOP[..3]);
        bench.configure(configuration);
        if let Some(status) = &status {
            bench.bring(stacks::CART, status);
        }
        bench.run(&[&["deploy", "--yes"], arguments].concat()).succeeded();
        assert!(handed_over(&bench, Some(ROLE)).contains_key(call), "{call}");
        bench.run(&[&["delete", "--yes"], arguments].concat()).succeeded();
        assert!(handed_over(&bench, Some(ROLE))["DeleteStack"] >= 3);
        bench.is_tidy();
    });
}

#[test]
fn without_a_service_role_none_is_named() {
    let bench = Bench::new();
    bench.run(&["deploy", "--yes"]).succeeded();
    bench.run(&["delete", "--yes"]).succeeded();
    let calls = handed_over(&bench, None);
    assert_eq!((calls["CreateChangeSet"], calls["DeleteStack"]), (4, 3));
}

#[test]
fn a_service_role_that_cannot_be_used_says_what_is_missing() {
    for (why, said) in [
        (Why::MayNotPassRole, "hint: allow the deployer `iam:PassRole` on `arn:aws:iam::"),
        (
            Why::RoleNotAssumed,
            "hint: check that `arn:aws:iam::123456789012:role/cloudformation` exists in this account and that its",
        ),
    ] {
        let bench = Bench::new();
        bench.script([Rule::at(1..=9, Fault::Refused(why)).of("CreateChangeSet")]);
        let story = bench.run(&["deploy", "--yes", "--role-arn", ROLE]).failed(1);
        bench.everything_happened();
        assert!(story.contains(said), "{story}");
        assert!(bench.state().account.stacks.is_empty());

        let bench = Bench::new().deployed(&SHOP);
        bench.script([Rule::at(1..=9, Fault::Refused(why)).of("DeleteStack")]);
        let story = bench.run(&["delete", "cart", "--yes", "--role-arn", ROLE]).failed(1);
        assert!(story.contains(said), "{story}");
    }
}

/// Every role in the account.
fn roles(bench: &Bench) -> Vec<(String, Resource)> {
    let state = bench.state();
    let resources = state.account.stacks.iter().flat_map(|stack| stack.resources.clone());
    resources.filter(|(_, resource)| resource.kind() == "AWS::IAM::Role" && resource.is_there()).collect()
}

#[test]
fn every_role_of_every_stack_has_the_boundary_and_the_path() {
    let bench = Bench::new();
    bench.configure(&format!("defaults.permissions-boundary = '{BOUNDARY}'\ndefaults.role-path = '/shop/'"));
    bench.run(&["deploy", "--yes"]).succeeded();
    let roles = roles(&bench);
    assert_eq!(roles.len(), 11, "ten functions and API Gateway");
    for (id, role) in roles {
        let properties = &role.definition["Properties"];
        assert_eq!((&properties["PermissionsBoundary"], &properties["Path"]), (&BOUNDARY.into(), &"/shop/".into()), "{id}");
    }
    bench.is_tidy();
}

/// Another path replaces a role. The account's own role is shared by all stages, and keeps its path.
#[test]
fn a_deployment_gains_a_boundary_and_a_path_also_where_nothing_may_be_lost() {
    side_by_side([Bench::new as fn() -> Bench, Bench::protected], |new| {
        let bench = new().deployed(&SHOP);
        let protected = bench.name(stacks::CART).contains("production");
        let before = roles(&bench);
        let own = if protected {
            "stages.production.protected = true\nstages.production.allowed-origin = 'https://shop.example'\n"
        } else {
            ""
        };
        bench.configure(&format!("{own}defaults.permissions-boundary = '{BOUNDARY}'\ndefaults.role-path = '/shop/'"));
        let ok = if protected { &["--protected-ok"][..] } else { &[] };
        let (_, story) = bench.run(&[&["deploy", "--yes"], ok].concat()).succeeded();
        assert!(story.contains("AddToCartHandlerRole AWS::IAM::Role"), "{story}");
        for (id, role) in roles(&bench) {
            let properties = &role.definition["Properties"];
            assert_eq!(properties["PermissionsBoundary"], BOUNDARY, "{id}");
            let (_, old) = before.iter().find(|(other, _)| *other == id).unwrap();
            if id == "ApiGatewayLoggingRole" {
                assert_eq!((properties.get("Path"), &role.physical_id), (None, &old.physical_id));
            } else {
                assert_eq!(properties["Path"], "/shop/", "{id}");
                assert_ne!(role.physical_id, old.physical_id, "{id}");
            }
        }
        assert_eq!(bench.state().account.orphans(), [""; 0]);
        bench.is_tidy();
        let (_, again) = bench.run(&[&["deploy", "--yes"], ok].concat()).succeeded();
        assert_eq!(again.matches("no changes\n").count(), 3, "{again}");
    });
}

#[test]
fn a_role_that_cannot_be_made_under_its_path_leaves_the_former_one() {
    let bench = Bench::new().deployed(&SHOP);
    let before = roles(&bench);
    bench.configure("defaults.role-path = '/shop/'");
    bench.state().account.inventory.troubles.push(Trouble {
        stack: bench.name(stacks::CART),
        resource: "AddToCartHandlerRole".to_owned(),
        during: During::Create,
        reason: "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: iam:CreateRole on resource: \
                 arn:aws:iam::123456789012:role/shop/x because no identity-based policy allows the iam:CreateRole action"
            .to_owned(),
        always: false,
    });
    let story = bench.run(&["deploy", "cart", "--yes"]).failed(1);
    assert!(story.contains("hint: allow the user ada `iam:CreateRole` on `arn:aws:iam::123456789012:role/shop/x`"), "{story}");
    let names = |roles: &[(String, Resource)]| {
        roles.iter().map(|(id, role)| (id.clone(), role.physical_id.clone())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(names(&roles(&bench)), names(&before));
    bench.is_tidy();
}

#[test]
fn uploads_name_their_encryption_where_a_bucket_demands_it() {
    let key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let [method, with_key] = ["x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"];
    let cases = [
        ("sse = 'AES256'".to_owned(), vec![(method, "AES256")]),
        ("sse = 'aws:kms'".to_owned(), vec![(method, "aws:kms")]),
        ("sse = 'aws:kms:dsse'\nsse-kms-key = 'alias/shop'".to_owned(), vec![(method, "aws:kms:dsse"), (with_key, "alias/shop")]),
        (format!("sse-kms-key = '{key}'"), vec![(method, "aws:kms"), (with_key, key)]),
    ];
    side_by_side(cases, |(configuration, demanded)| {
        // The cart's template is so large there that it is uploaded as well.
        let bench = Bench::protected();
        bench.state().account.inventory.buckets.insert("own-bucket".to_owned(), BTreeMap::new());
        let demanded = demanded.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        bench.state().account.inventory.demanded.insert("own-bucket".to_owned(), demanded);
        let deploy = ["deploy", "--yes", "--protected-ok", "--bucket", "own-bucket"];

        let story = bench.run(&deploy).failed(6);
        assert!(
            story.contains("if the bucket demands that uploads name their encryption, name it as `sse` and `sse-kms-key`"),
            "{story}"
        );
        let own = "stages.production.protected = true\nstages.production.allowed-origin = 'https://shop.example'";
        bench.configure(&format!("{own}\n[defaults]\n{configuration}"));
        bench.run(&deploy).succeeded();
        let uploaded: Vec<_> = bench.state().account.inventory.buckets["own-bucket"].keys().cloned().collect();
        assert_eq!(uploaded.iter().filter(|key| !key.starts_with("templates/")).count(), 2, "{uploaded:?}");
        assert!(uploaded.iter().any(|key| key.starts_with("templates/")), "{uploaded:?}");
        bench.is_tidy();
    });
}
