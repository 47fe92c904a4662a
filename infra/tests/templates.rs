//! The content of the templates, the changes that rename their parts, and the resources of an existing deployment that must survive.

#![expect(clippy::unwrap_used, reason = "a test whose helpers fail has failed")]

use std::{collections::BTreeSet, fmt::Write, fs, path::Path};

use cart_contract::Service;
use cart_infra::{
    Afterwards, App, Architecture, BootstrapSettings, Code, CodeHash, CookieScope, Endpoints, Monitoring, Names, Package,
    ParameterSource, Presence, Settings, Stack, StackId, StackPrefix,
    access::widened,
    app, bootstrap,
    cfn::{
        Mebibytes, Seconds,
        resource::{api_gateway::Authorization, iam::RoleTerms, lambda::Alias},
        value::Handle,
    },
    check,
    construct::{
        function::{self, Definition},
        rest_api::{Api, Cors, Verb},
    },
    diff::{Action, Changes, Replacement, diff},
    packages, stacks,
};
use serde_json::{Value as Json, json};

const PRODUCTS: Package = packages::of(Service::Products);
const CART: Package = packages::of(Service::Cart);

fn code() -> Code {
    Code::not_packaged([]).with(PRODUCTS, [0x0a; 32].into()).with(CART, [0x3d; 32].into())
}

fn settings() -> Settings {
    Settings::new(code())
}

fn production() -> Settings {
    Settings { names: Names { stage: "production".parse().unwrap(), ..Names::default() }, protected: true, ..settings() }
}

fn watched() -> Settings {
    let alarm_topic = Some("arn:aws:sns:eu-west-1:123456789012:alarms".parse().unwrap());
    Settings { monitoring: Some(Monitoring { alarm_topic }), ..settings() }
}

fn everything() -> Stack {
    everything_with(RoleTerms::default())
}

fn everything_with(roles: RoleTerms) -> Stack {
    bootstrap(&BootstrapSettings { prefix: StackPrefix::default(), artifact_bucket: true, logging_role: true, roles })
}

fn template(settings: &Settings, id: StackId) -> Json {
    app(settings).stack(id).unwrap().template().as_json()
}

fn differences(before: &Settings, after: &Settings) -> Vec<Changes> {
    let stacks = [stacks::AUTH, stacks::PRODUCTS, stacks::CART, stacks::WEB];
    stacks.into_iter().map(|id| diff(Some(&template(before, id)), Some(&template(after, id)))).collect()
}

fn versions(settings: &Settings) -> BTreeSet<String> {
    hashed(settings, "HandlerVersion")
}

fn deployments(settings: &Settings) -> BTreeSet<String> {
    hashed(settings, "RestApiDeployment")
}

/// The logical ids, of all stacks, in which a hash follows `what`.
fn hashed(settings: &Settings, what: &str) -> BTreeSet<String> {
    let app = app(settings);
    let ids = app.stacks().iter().flat_map(|stack| logical_ids(&stack.template().as_json()));
    ids.filter(|id| id.contains(what)).collect()
}

fn logical_ids(template: &Json) -> Vec<String> {
    template["Resources"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn templates_are_what_they_were() {
    for stack in app(&settings()).stacks() {
        insta::assert_snapshot!(stack.id().as_str(), stack.template().to_json_pretty());
    }
    insta::assert_snapshot!("bootstrap", everything().template().to_json_pretty());
}

/// A path replaces the roles, and nothing else is replaced.
#[test]
fn every_role_has_what_an_organisation_demands() {
    let boundary = "arn:aws:iam::123456789012:policy/boundary";
    let roles = RoleTerms { permissions_boundary: Some(boundary.parse().unwrap()), path: Some("/shop/".parse().unwrap()) };
    let (before, after) = (settings(), Settings { roles: roles.clone(), ..settings() });
    let mut templates: Vec<_> = [&before, &after]
        .map(|settings| app(settings).stacks().iter().map(|stack| stack.template().as_json()).collect::<Vec<_>>())
        .into();
    for (templates, stack) in templates.iter_mut().zip([everything(), everything_with(roles)]) {
        templates.push(stack.template().as_json());
    }
    let mut found = 0;
    for (before, after) in templates[0].iter().zip(&templates[1]) {
        for (id, role) in after["Resources"].as_object().unwrap().iter().filter(|(_, it)| it["Type"] == "AWS::IAM::Role") {
            let properties = &role["Properties"];
            assert_eq!((&properties["PermissionsBoundary"], &properties["Path"]), (&json!(boundary), &json!("/shop/")), "{id}");
            found += 1;
        }
        for change in diff(Some(before), Some(after)).resources {
            assert_eq!(change.resource_type, "AWS::IAM::Role", "{change:?}");
            assert!(matches!(change.action, Action::Modify { replacement: Replacement::Always, .. }), "{change:?}");
        }
        assert!(widened(Some(before), Some(after)).is_empty());
        let lost = widened(Some(after), Some(before));
        assert_eq!(
            lost.is_empty(),
            !after.to_string().contains("AWS::IAM::Role"),
            "a boundary that goes is a permission that comes"
        );
    }
    assert_eq!(found, 11, "ten functions and API Gateway");
}

#[test]
fn a_protected_stage_of_its_own_differs_in_names_and_in_what_it_keeps() {
    insta::assert_json_snapshot!("production", differences(&settings(), &production()));
}

#[test]
fn an_emulator_differs_in_urls_and_in_how_tests_sign_in() {
    let local = Settings { endpoints: Endpoints::Local { base_url: "http://127.0.0.1:4566".parse().unwrap() }, ..settings() };
    let changed = serde_json::to_string(&differences(&settings(), &local)).unwrap();
    assert!(changed.contains("http://127.0.0.1:4566/restapis/${CartRestApi}/Prod/_user_request_"), "{changed}");
    assert!(changed.contains("http://127.0.0.1:4566/${UserPoolId}/.well-known/jwks.json"), "{changed}");
    assert!(changed.contains("ALLOW_USER_PASSWORD_AUTH"), "{changed}");
    assert!(!changed.contains("TOKEN_ISSUER"), "the issuer is the same everywhere: {changed}");
    assert_eq!(deployments(&local), deployments(&settings()));
}

#[test]
fn a_stage_that_is_watched_has_a_dashboard_and_alarms_and_is_otherwise_the_same() {
    let [auth, products, cart, web] = <[Changes; 4]>::try_from(differences(&settings(), &watched())).unwrap();
    assert!(auth.is_empty() && products.is_empty() && web.is_empty());
    assert!(cart.parameters.is_empty() && cart.outputs.is_empty() && cart.other.is_empty());
    assert!(cart.resources.iter().all(|change| matches!(change.action, Action::Add)), "{cart:?}");

    let template = template(&watched(), stacks::CART);
    let mut told = String::new();
    for change in &cart.resources {
        let properties = &template["Resources"][&change.logical_id]["Properties"];
        if change.resource_type == "AWS::CloudWatch::Alarm" {
            let [metric, statistic, threshold] = ["MetricName", "Statistic", "Threshold"].map(|name| &properties[name]);
            let dimensions = properties["Dimensions"].as_array().unwrap().iter().map(|it| it["Value"].to_string());
            let of = dimensions.collect::<Vec<_>>().join(", ");
            writeln!(told, "{}: {statistic} of {metric} of {of} reaches {threshold}", change.logical_id).unwrap();
            assert_eq!(properties["AlarmActions"], json!(["arn:aws:sns:eu-west-1:123456789012:alarms"]));
            assert_eq!(properties["TreatMissingData"], "notBreaching");
        } else {
            assert_eq!((change.logical_id.as_str(), &*change.resource_type), ("Dashboard", "AWS::CloudWatch::Dashboard"));
            let body: Json = serde_json::from_str(properties["DashboardBody"]["Fn::Sub"].as_str().unwrap()).unwrap();
            for widget in body["widgets"].as_array().unwrap() {
                let graph = &widget["properties"];
                writeln!(told, "{}:", graph["title"].as_str().unwrap()).unwrap();
                for line in graph["metrics"].as_array().unwrap() {
                    writeln!(told, "  {line}").unwrap();
                }
            }
        }
    }
    insta::assert_snapshot!("watched", told);
}

#[test]
fn alarms_that_nobody_is_told_of_have_no_actions() {
    let silent = Settings { monitoring: Some(Monitoring::default()), ..settings() };
    let template = template(&silent, stacks::CART);
    let alarm = &template["Resources"]["AddToCartHandlerErrors"]["Properties"];
    assert_eq!((alarm.get("AlarmActions"), alarm.get("OKActions")), (None, None), "{alarm}");
}

#[test]
fn what_the_dashboard_shows_is_what_the_functions_measure() {
    let cart = template(&watched(), stacks::CART);
    let functions = cart["Resources"].as_object().unwrap().values().filter(|it| it["Type"] == "AWS::Lambda::Function");
    for function in functions {
        assert_eq!(function["Properties"]["Environment"]["Variables"]["STACK_NAME"], json!({ "Ref": "AWS::StackName" }));
        let handler = function["Properties"]["Handler"].as_str().unwrap();
        let line = format!(r#"["ServerlessShoppingCart","Latency","stack","${{AWS::StackName}}","function","{handler}","#);
        let body = cart["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"].as_str().unwrap();
        assert!(body.contains(&line), "{line} in {body}");
    }
}

#[test]
fn the_same_settings_give_the_same_bytes() {
    let synthesize = || app(&watched()).stacks().iter().map(|stack| stack.template().to_json()).collect::<Vec<_>>();
    assert_eq!(synthesize(), synthesize());
}

#[test]
fn nothing_is_found_in_our_own_templates() {
    for settings in [settings(), production(), watched()] {
        assert_eq!(check::check(&app(&settings)), []);
    }
    assert_eq!(check::check_stack(&everything()), []);
}

#[test]
fn what_the_shop_allows_is_told_once() {
    let app = app(&settings());
    let mut told = String::new();
    for stack in app.stacks().iter().chain([&everything()]) {
        let template = stack.template().as_json();
        assert_eq!(widened(Some(&template), Some(&template)), []);
        for it in widened(None, Some(&template)) {
            writeln!(told, "{}: {}", it.logical_id, it.allows).unwrap();
        }
        told.push('\n');
    }
    insta::assert_snapshot!("access", told);
}

#[test]
fn other_settings_allow_nothing_else_but_another_page() {
    for (before, after) in [(settings(), production()), (production(), settings()), (settings(), watched())] {
        for id in [stacks::AUTH, stacks::PRODUCTS, stacks::CART, stacks::WEB] {
            let widened = widened(Some(&template(&before, id)), Some(&template(&after, id)));
            let allows: Vec<_> = widened.iter().map(|it| format!("{}: {}", it.logical_id, it.allows)).collect();
            // Only the log of a protected stage comes with a permission: that of S3 to write it.
            let log = "WebLogsPolicy: logging.s3.amazonaws.com may s3:PutObject on WebLogs/bucket/* on behalf of WebBucket";
            assert_eq!(allows, if after.protected && id == stacks::WEB { vec![log] } else { Vec::new() }, "{id}");
        }
    }
    let other_origin = Settings { allowed_origin: "https://shop.example".parse().unwrap(), ..settings() };
    let widenings = widened(Some(&template(&settings(), stacks::CART)), Some(&template(&other_origin, stacks::CART)));
    insta::assert_json_snapshot!(widenings, @r#"
    [
      {
        "logical_id": "CartRestApi",
        "resource_type": "AWS::ApiGateway::RestApi",
        "allows": "pages of https://shop.example may read the answers and send cookies"
      }
    ]
    "#);
}

#[test]
fn every_resource_is_found_in_our_source() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for stack in app(&watched()).stacks().iter().chain([&everything()]) {
        let file = format!("infra/src/stacks/{}.rs", stack.id());
        let source = fs::read_to_string(workspace.join(&file)).unwrap();
        for id in logical_ids(&stack.template().as_json()) {
            let place = stack.template().defined_at(&id).unwrap();
            assert_eq!(place.file(), file, "{id}");
            let line = source.lines().nth(place.line() as usize - 1).unwrap();
            let defines = [
                "stack.add(",
                "stack.add_with(",
                "stack.publish(",
                "function::add(",
                "monitoring::add(",
                "queue::",
                "Api::new(",
                "api.",
            ];
            assert!(defines.iter().any(|call| line.contains(call)), "{id}: {line}");
        }
        assert_eq!(stack.template().defined_at("Nothing"), None);
    }
}

#[test]
fn a_line_is_written_as_editors_take_it() {
    let app = app(&settings());
    let template = app.stack(stacks::CART).unwrap().template();
    let table = template.defined_at("DynamoDBShoppingCartTable").unwrap();
    assert_eq!(table.to_string(), format!("infra/src/stacks/cart.rs:{}", table.line()));
    let [log_group, role] = ["ListCartHandlerLogs", "ListCartHandlerRole"].map(|id| template.defined_at(id).unwrap());
    assert_eq!(log_group, role, "what a construct adds is where the construct is asked for");
    assert_ne!(role, template.defined_at("AddToCartHandlerRole").unwrap());
}

#[test]
fn the_cart_is_deployed_after_those_it_reads() {
    let app = app(&settings());
    assert_eq!(app.depends_on(stacks::CART), [stacks::AUTH, stacks::PRODUCTS]);
    assert_eq!(app.depends_on(stacks::AUTH), []);
    assert_eq!(app.depends_on(stacks::PRODUCTS), []);
    assert_eq!(app.depends_on(stacks::WEB), [stacks::PRODUCTS, stacks::CART]);
    let order: Vec<_> = app.stacks().iter().map(Stack::id).collect();
    assert_eq!(order, [stacks::AUTH, stacks::PRODUCTS, stacks::CART, stacks::WEB]);
}

#[test]
fn the_deployer_learns_from_the_stacks_what_it_has_to_do() {
    let app = app(&production());
    let those = |of: fn(&Stack) -> bool| app.stacks().iter().filter(|stack| of(stack)).map(Stack::id).collect::<Vec<_>>();
    assert_eq!(those(|stack| stack.presence() == Presence::OnRequest), [stacks::WEB]);
    assert_eq!(those(Stack::allows_site), [stacks::PRODUCTS, stacks::CART]);
    assert_eq!(those(|stack| stack.packages() == [PRODUCTS]), [stacks::PRODUCTS]);
    assert_eq!(those(|stack| stack.packages() == [CART]), [stacks::CART]);
    assert_eq!(those(|stack| stack.packages().is_empty()), [stacks::AUTH, stacks::WEB]);
    assert_eq!(those(|stack| !stack.emptied_first().is_empty()), [stacks::WEB]);
    assert_eq!(app.stack(stacks::WEB).unwrap().emptied_first(), ["WebBucket".into()]);

    let (host, site) = app.site().unwrap();
    assert_eq!(host.id(), stacks::WEB);
    assert_eq!(host.afterwards(), [Afterwards::HostSite(*site)]);
    assert_eq!(
        app.stack(stacks::CART).unwrap().afterwards(),
        [Afterwards::ExpireItems { table: "DynamoDBShoppingCartTable".into(), attribute: "expirationTime" }]
    );
}

/// Otherwise a template would keep the former origin, or a stack would be updated for nothing.
#[test]
fn the_stacks_that_allow_the_site_are_those_whose_template_contains_its_origin() {
    let other = Settings { allowed_origin: "https://shop.example".parse().unwrap(), ..settings() };
    for stack in app(&other).stacks() {
        assert_eq!(stack.template().to_json().contains("https://shop.example"), stack.allows_site(), "{}", stack.id());
    }
}

#[test]
#[should_panic(expected = "cart reads from auth, which does not come before it")]
fn an_app_whose_stacks_are_out_of_order_is_none() {
    let stacks = app(&settings()).stacks().iter().rev().skip(1).cloned().collect();
    let _ = App::of(stacks);
}

#[test]
#[should_panic(expected = "two stacks are named auth")]
fn an_app_has_one_stack_of_a_name() {
    let auth = app(&settings()).stack(stacks::AUTH).unwrap().clone();
    let _ = App::of(vec![auth.clone(), auth]);
}

#[test]
fn what_is_passed_to_a_stack_is_what_its_template_takes() {
    let app = app(&Settings { reserved_concurrency: Some(5), ..production() });
    for stack in app.stacks() {
        let taken = stack.template().as_json()["Parameters"].as_object().map(|it| it.keys().cloned().collect()).unwrap_or_default();
        let passed: BTreeSet<String> = stack.parameters().keys().cloned().collect();
        assert_eq!(passed, taken, "{}", stack.id());
    }
    let cart = app.stack(stacks::CART).unwrap();
    assert_eq!(
        cart.parameters()["UserPoolArn"],
        ParameterSource::Shared("/serverless-shopping-cart-demo/production/auth/user-pool-arn".to_owned())
    );
    assert_eq!(cart.parameters()["ReservedConcurrency"], ParameterSource::Value("5".to_owned()));
    assert_eq!(cart.parameters()["ArtifactBucket"], ParameterSource::ArtifactBucket);
}

#[test]
fn outputs_and_published_names_are_those_that_scripts_know() {
    let app = app(&settings());
    let outputs: Vec<_> = app.stacks().iter().map(Stack::outputs).collect();
    let web = vec!["WebBucketName", "DistributionId", "WebUrl"];
    assert_eq!(outputs, [vec!["CognitoUserPoolId", "CognitoAppClientId"], vec!["ProductApi"], vec!["CartApi"], web]);
    let published: Vec<_> = app.stacks().iter().flat_map(Stack::publishes).collect();
    assert_eq!(
        published,
        [
            "/serverless-shopping-cart-demo/auth/user-pool-id",
            "/serverless-shopping-cart-demo/auth/user-pool-arn",
            "/serverless-shopping-cart-demo/auth/user-pool-client-id",
            "/serverless-shopping-cart-demo/products/products-api-url",
            "/serverless-shopping-cart-demo/products/products-api-id",
            "/serverless-shopping-cart-demo/shopping-cart/cart-api-url",
            "/serverless-shopping-cart-demo/shopping-cart/cart-api-id",
            "/serverless-shopping-cart-demo/web/url",
        ]
    );
    assert_eq!(everything().outputs(), ["ArtifactBucketName", "ApiGatewayLoggingRoleArn"]);
}

/// One call of `GetParametersByPath` returns at most ten parameters. With an eleventh, every command would make two calls.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html>
#[test]
fn one_call_reads_all_published_values_of_a_stage() {
    let published: usize = app(&settings()).stacks().iter().map(|stack| stack.publishes().len()).sum();
    assert!((1..=10).contains(&published), "{published}");
}

#[test]
fn whatever_a_visitor_asks_the_page_or_an_api_has_one_place_to_go() {
    let web = template(&settings(), stacks::WEB);
    let config = &web["Resources"]["Distribution"]["Properties"]["DistributionConfig"];
    let origins: BTreeSet<_> = config["Origins"].as_array().unwrap().iter().map(|it| it["Id"].as_str().unwrap()).collect();
    let behaviors = || config["CacheBehaviors"].as_array().unwrap().iter().chain([&config["DefaultCacheBehavior"]]);
    assert_eq!(behaviors().map(|it| it["TargetOriginId"].as_str().unwrap()).collect::<BTreeSet<_>>(), origins);
    assert!(behaviors().all(|it| it["ResponseHeadersPolicyId"] == json!({ "Fn::GetAtt": ["SecurityHeaders", "Id"] })));
    assert!(behaviors().all(|it| it["ViewerProtocolPolicy"] != "allow-all"));

    // Every path of an API, below the name of its stage, matches the pattern that leads to that API, and no other.
    for (id, origin) in [(stacks::PRODUCTS, "products"), (stacks::CART, "cart")] {
        let api = template(&settings(), id);
        let resources = api["Resources"].as_object().unwrap().values();
        let first = resources
            .filter(|it| it["Type"] == "AWS::ApiGateway::Resource" && it["Properties"]["ParentId"]["Fn::GetAtt"].is_array());
        for path in first.map(|it| format!("/Prod/{}", it["Properties"]["PathPart"].as_str().unwrap())) {
            let leads = |it: &&Json| it["PathPattern"].as_str().is_some_and(|it| path.starts_with(it.trim_end_matches('*')));
            let led: Vec<_> = behaviors().filter(leads).map(|it| it["TargetOriginId"].as_str().unwrap()).collect();
            assert_eq!(led, [origin], "{path}");
        }
        assert!(api["Resources"].as_object().unwrap().values().any(|it| it["Properties"]["StageName"] == "Prod"));
    }
}

#[test]
fn the_bucket_of_the_page_is_read_by_its_own_distribution_only() {
    let web = template(&settings(), stacks::WEB);
    let page = &web["Resources"]["Distribution"]["Properties"]["DistributionConfig"]["Origins"][0];
    assert_eq!(page["OriginAccessControlId"], json!({ "Fn::GetAtt": ["WebBucketAccess", "Id"] }));
    let statements = web["Resources"]["WebBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"].as_array().unwrap();
    let allowed: Vec<_> = statements.iter().filter(|it| it["Effect"] == "Allow").collect();
    let [read] = allowed[..] else { panic!("{allowed:?}") };
    let distribution = "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}";
    assert_eq!(read["Principal"], json!({ "Service": "cloudfront.amazonaws.com" }));
    assert_eq!(read["Action"], json!(["s3:GetObject"]));
    assert_eq!(read["Resource"], json!([{ "Fn::Sub": format!("${{WebBucket.Arn}}{}/*", page["OriginPath"].as_str().unwrap()) }]));
    assert_eq!(read["Condition"], json!({ "StringEquals": { "aws:SourceArn": { "Fn::Sub": distribution } } }));
}

#[test]
fn a_protected_stage_logs_requests_to_the_site() {
    let web = template(&production(), stacks::WEB);
    let resources = &web["Resources"];
    let logs = &resources["WebLogs"];
    assert_eq!((&logs["DeletionPolicy"], &logs["UpdateReplacePolicy"]), (&json!("RetainExceptOnCreate"), &json!("Retain")));
    assert_eq!(logs["Properties"]["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"], 14);
    let edge = json!({ "Bucket": { "Fn::GetAtt": ["WebLogs", "DomainName"] }, "Prefix": "distribution/", "IncludeCookies": false });
    assert_eq!(
        resources["Distribution"]["Properties"]["DistributionConfig"]["Logging"],
        json!({ "Fn::If": ["EdgeLogsReachRegion", edge, { "Ref": "AWS::NoValue" }] })
    );
    assert_eq!(
        resources["WebBucket"]["Properties"]["LoggingConfiguration"],
        json!({ "DestinationBucketName": { "Ref": "WebLogs" }, "LogFilePrefix": "bucket/" })
    );
    let write = &resources["WebLogsPolicy"]["Properties"]["PolicyDocument"]["Statement"][0];
    assert_eq!(write["Resource"], json!([{ "Fn::Sub": "${WebLogs.Arn}/bucket/*" }]));
    assert_eq!(write["Condition"], json!({ "StringEquals": { "aws:SourceArn": { "Fn::GetAtt": ["WebBucket", "Arn"] } } }));

    let local = Settings { endpoints: Endpoints::Local { base_url: "http://127.0.0.1:4566".parse().unwrap() }, ..production() };
    for settings in [settings(), local] {
        let web = template(&settings, stacks::WEB);
        assert!(!web.to_string().contains("Logging"), "{web}");
    }
}

#[test]
fn a_firewall_counts_by_the_viewers_address_on_every_way() {
    let guarded = Settings { waf: true, ..settings() };
    let rules = |acl: &Json| -> Vec<String> {
        let rule = |it: &Json| {
            let rate = &it["Statement"]["RateBasedStatement"];
            format!("{} {} {} {}", it["Name"], rate["AggregateKeyType"], rate["ForwardedIPConfig"]["HeaderName"], rate["Limit"])
                .replace('"', "")
        };
        acl["Properties"]["Rules"].as_array().unwrap().iter().map(rule).collect()
    };
    for (id, api) in [(stacks::PRODUCTS, "ProductsRestApi"), (stacks::CART, "CartRestApi")] {
        let resources = template(&guarded, id)["Resources"].take();
        let acl = &resources[format!("{api}Firewall")];
        assert_eq!(acl["Properties"]["Scope"], "REGIONAL");
        assert_eq!(rules(acl), ["EachViewer FORWARDED_IP x-viewer-address 5000", "EachSource IP null 15000"]);
        let association = &resources[format!("{api}FirewallAssociation")];
        let stage = format!("arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}::/restapis/${{{api}}}/stages/Prod");
        assert_eq!(association["Properties"]["ResourceArn"], json!({ "Fn::Sub": stage }));
        assert_eq!(association["DependsOn"], json!([format!("{api}Stage")]));
        let refusal = &resources[format!("{api}WafFiltered")]["Properties"];
        assert_eq!((&refusal["ResponseType"], &refusal["StatusCode"]), (&json!("WAF_FILTERED"), &json!("429")));
        let headers = &refusal["ResponseParameters"];
        assert_eq!(headers["gatewayresponse.header.Retry-After"], "'60'");
        assert_eq!(headers["gatewayresponse.header.Access-Control-Allow-Origin"], "'http://localhost:8080'");
    }

    let web = template(&guarded, stacks::WEB);
    let acl = &web["Resources"]["Firewall"];
    assert_eq!((&acl["Condition"], &acl["Properties"]["Scope"]), (&json!("IsHomeOfCloudFront"), &json!("CLOUDFRONT")));
    assert_eq!(rules(acl), ["EachViewer IP null 5000"]);
    assert_eq!(web["Conditions"]["IsHomeOfCloudFront"], json!({ "Fn::Equals": [{ "Ref": "AWS::Region" }, "us-east-1"] }));
    let config = &web["Resources"]["Distribution"]["Properties"]["DistributionConfig"];
    let arn = json!({ "Fn::GetAtt": ["Firewall", "Arn"] });
    assert_eq!(config["WebACLId"], json!({ "Fn::If": ["IsHomeOfCloudFront", arn, { "Ref": "AWS::NoValue" }] }));
    for behavior in config["CacheBehaviors"].as_array().unwrap() {
        let function =
            json!([{ "EventType": "viewer-request", "FunctionARN": { "Fn::GetAtt": ["ViewerAddress", "FunctionARN"] } }]);
        assert_eq!(behavior["FunctionAssociations"], function);
    }

    assert_eq!(check::check(&app(&guarded)), []);
    assert!(template(&guarded, stacks::AUTH) == template(&settings(), stacks::AUTH), "there is nothing to guard");
    let local = Settings { endpoints: Endpoints::Local { base_url: "http://127.0.0.1:4566".parse().unwrap() }, ..guarded };
    for id in [stacks::PRODUCTS, stacks::CART, stacks::WEB] {
        assert!(!template(&local, id).to_string().contains("Firewall"), "{id}");
    }
}

#[test]
fn a_firewall_is_added_and_removed_without_replacing_anything() {
    let guarded = Settings { waf: true, ..production() };
    for (before, after) in [(production(), guarded.clone()), (guarded, production())] {
        for change in differences(&before, &after).into_iter().flat_map(|changes| changes.resources) {
            let deployed_anew = change.resource_type == "AWS::ApiGateway::Deployment";
            match change.action {
                Action::Add => {}
                Action::Modify { replacement, .. } => assert_eq!(replacement, Replacement::Never, "{}", change.logical_id),
                Action::Remove { .. } => {
                    let id = &change.logical_id;
                    assert!(deployed_anew || ["Firewall", "WafFiltered", "ViewerAddress"].iter().any(|it| id.contains(it)), "{id}");
                }
            }
        }
    }
}

#[test]
fn looking_up_a_product_has_limits_of_its_own() {
    let limits = |id: StackId, stage: &str| {
        let settings = template(&settings(), id)["Resources"][stage]["Properties"]["MethodSettings"].take();
        let of = |it: &Json| {
            let rest = ["MetricsEnabled", "LoggingLevel", "DataTraceEnabled"].map(|name| it[name].clone());
            assert_eq!(rest, [json!(true), json!("ERROR"), json!(false)], "a method inherits nothing from the others");
            format!("{} {} {}", it["HttpMethod"], it["ResourcePath"], it["ThrottlingRateLimit"]).replace('"', "")
        };
        settings.as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(limits(stacks::PRODUCTS, "ProductsRestApiStage"), ["* /* 100", "GET /~1product~1{product_id} 200"]);
    assert_eq!(limits(stacks::CART, "CartRestApiStage"), ["* /* 100"]);
}

#[test]
fn every_function_of_the_contract_is_deployed() {
    let app = app(&settings());
    let deployed: BTreeSet<String> = app
        .stacks()
        .iter()
        .flat_map(|stack| {
            let template = stack.template().as_json();
            let resources = template["Resources"].as_object().unwrap().clone();
            resources.into_iter().filter_map(|(_, resource)| resource["Properties"]["Handler"].as_str().map(str::to_owned))
        })
        .collect();
    let products = cart_contract::ProductsFunction::ALL.iter().map(|function| function.handler().to_owned());
    let carts = cart_contract::CartFunction::ALL.iter().map(|function| function.handler().to_owned());
    assert_eq!(deployed, products.chain(carts).collect());
}

#[test]
fn the_functions_with_cookies_are_told_who_sends_them() {
    let scopes = |settings: &Settings| {
        let cart = template(settings, stacks::CART);
        let functions = cart["Resources"].as_object().unwrap().values().filter(|it| it["Type"] == "AWS::Lambda::Function");
        let told = functions.filter_map(|it| {
            let scope = it["Properties"]["Environment"]["Variables"]["CART_COOKIE"].as_str()?.parse().unwrap();
            Some((it["Properties"]["Handler"].as_str().unwrap().to_owned(), scope))
        });
        told.collect::<Vec<(String, CookieScope)>>()
    };
    let functions = ["list-cart", "add-to-cart", "update-cart", "migrate-cart"];
    assert_eq!(scopes(&settings()), functions.map(|function| (function.to_owned(), CookieScope::AnySite)));
    let own = Settings { cart_cookie: CookieScope::OwnHost, ..settings() };
    assert_eq!(scopes(&own), functions.map(|function| (function.to_owned(), CookieScope::OwnHost)));
    assert_eq!(versions(&own).intersection(&versions(&settings())).count(), 6, "each of them has another version");
}

#[test]
fn a_role_reaches_only_the_items_of_the_table_that_its_function_uses() {
    let cart = template(&settings(), stacks::CART);
    let table = json!({ "Fn::GetAtt": ["DynamoDBShoppingCartTable", "Arn"] });
    for function in cart_contract::CartFunction::ALL {
        let resources = cart["Resources"].as_object().unwrap();
        let (id, _) =
            resources.iter().find(|(_, resource)| resource["Properties"]["Handler"] == function.handler()).expect("it is deployed");
        let policies = &cart["Resources"][format!("{id}Role")]["Properties"]["Policies"];
        let statements = policies.as_array().unwrap().iter().flat_map(|it| it["PolicyDocument"]["Statement"].as_array().unwrap());
        let found: Vec<_> = statements.filter(|it| it["Resource"].as_array().unwrap().contains(&table)).cloned().collect();
        let expected = function.uses().iter().map(|it| {
            let patterns: Vec<_> = it.partitions.iter().flat_map(|part| part.patterns()).collect();
            let key = "dynamodb:LeadingKeys";
            let condition = json!({ "ForAllValues:StringLike": { key: patterns }, "Null": { key: "false" } });
            json!({ "Sid": it.purpose, "Effect": "Allow", "Action": it.actions, "Resource": [table], "Condition": condition })
        });
        assert_eq!(found, expected.collect::<Vec<_>>(), "{function:?}");
    }
}

#[test]
fn a_role_that_reaches_other_items_than_before_is_told() {
    let cart = template(&settings(), stacks::CART);
    let mut without = cart.clone();
    for (_, role) in without["Resources"].as_object_mut().unwrap() {
        let statements = role.pointer_mut("/Properties/Policies/0/PolicyDocument/Statement").and_then(Json::as_array_mut);
        for statement in statements.into_iter().flatten() {
            statement.as_object_mut().unwrap().remove("Condition");
        }
    }
    let told = widened(Some(&cart), Some(&without));
    let roles: BTreeSet<_> = told.iter().map(|it| it.logical_id.as_str()).collect();
    assert_eq!(roles.len(), cart_contract::CartFunction::ALL.len(), "{told:?}");
    assert!(told.iter().all(|it| it.allows.contains(", no longer only if every dynamodb:LeadingKeys is ")), "{told:?}");
    assert_eq!(widened(Some(&without), Some(&cart)), []);
}

#[test]
fn a_version_is_published_when_code_or_configuration_changes_and_not_otherwise() {
    let before = versions(&settings());
    assert_eq!(before.len(), 10);

    let other_cart = Settings { code: code().with(CART, [0x0c; 32].into()), ..settings() };
    assert_eq!(versions(&other_cart).intersection(&before).count(), 2, "the catalogue's functions are the same");

    let other_processor = Settings { architecture: Architecture::X86_64, ..settings() };
    assert!(versions(&other_processor).is_disjoint(&before));

    let other_origin = Settings { allowed_origin: "https://shop.example".parse().unwrap(), ..settings() };
    assert_eq!(versions(&other_origin).intersection(&before).count(), 2, "two functions are not called by browsers");

    for same in [
        production(),
        Settings { log_retention: 365.try_into().unwrap(), ..settings() },
        Settings { reserved_concurrency: Some(5), ..settings() },
        watched(),
    ] {
        assert_eq!(versions(&same), before);
    }
}

#[test]
fn a_version_is_published_of_the_packaged_code_alone() {
    for (stack, hash) in [(stacks::PRODUCTS, CodeHash::from([0x0a; 32])), (stacks::CART, [0x3d; 32].into())] {
        let template = template(&settings(), stack);
        let of = |kind: &str| {
            let resources = template["Resources"].as_object().unwrap().values();
            resources.filter(|it| it["Type"] == kind).map(|it| it["Properties"].clone()).collect::<Vec<_>>()
        };
        let (functions, versions) = (of("AWS::Lambda::Function"), of("AWS::Lambda::Version"));
        assert!(!functions.is_empty() && functions.len() == versions.len());
        assert!(versions.iter().all(|version| version["CodeSha256"] == hash.base64()), "{versions:?}");
        for function in functions {
            assert!(function["Code"]["S3Key"].as_str().unwrap().ends_with(&format!("/{hash}.zip")));
            // Lambda takes up to 256 characters.
            let description = function["Description"].as_str().unwrap();
            assert!(description.ends_with(&hash.abbreviated()) && description.len() < 256, "{description}");
        }
    }
}

#[test]
fn a_version_is_published_when_what_another_stack_publishes_changes() {
    let cart = template(&settings(), stacks::CART);
    let resources = cart["Resources"].as_object().unwrap();
    let description = |function: &str| {
        let (_, version) = resources.iter().find(|(id, _)| id.starts_with(&format!("{function}HandlerVersion"))).unwrap();
        version["Properties"]["Description"].clone()
    };
    assert_eq!(description("AddToCart"), json!({ "Fn::Sub": "${ProductServiceUrl} ${UserPoolClientId} ${UserPoolId}" }));
    assert_eq!(description("GetCartTotal"), Json::Null, "it reads nothing of other stacks");
}

#[test]
fn an_api_is_deployed_again_when_it_changes_and_not_otherwise() {
    let before = deployments(&settings());
    assert_eq!(before.len(), 2);
    for same in [
        production(),
        Settings { code: code().with(PRODUCTS, [0x0b; 32].into()).with(CART, [0x0c; 32].into()), ..settings() },
        Settings { architecture: Architecture::X86_64, ..settings() },
        Settings { log_retention: 365.try_into().unwrap(), ..settings() },
        Settings { reserved_concurrency: Some(5), ..settings() },
        watched(),
    ] {
        assert_eq!(deployments(&same), before);
    }
    let other_origin = Settings { allowed_origin: "https://shop.example".parse().unwrap(), ..settings() };
    assert!(deployments(&other_origin).is_disjoint(&before));
}

#[test]
fn every_part_of_an_api_counts() {
    let get = |api: &mut Api, path, function: &Handle<Alias>| api.route(Verb::Get, path, Authorization::None, function);
    let ids = [
        deployment(false, |api, one, _| get(api, "/a", one)),
        deployment(true, |api, one, _| get(api, "/a", one)),
        deployment(false, |api, one, _| get(api, "/b", one)),
        deployment(false, |api, _, other| get(api, "/a", other)),
        deployment(false, |api, one, _| api.route(Verb::Put, "/a", Authorization::None, one)),
        deployment(false, |api, one, _| {
            let signed_in = api.signed_in(std::iter::empty().collect());
            api.route(Verb::Get, "/a", signed_in, one);
        }),
        deployment(false, |api, one, other| {
            get(api, "/a", one);
            get(api, "/b", other);
        }),
    ];
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    assert_eq!(deployment(false, |api, one, _| get(api, "/a", one)), ids[0]);
}

/// The logical id of the deployment of an API with the given routes to one function and another.
fn deployment(credentials: bool, define: impl Fn(&mut Api, &Handle<Alias>, &Handle<Alias>)) -> String {
    let settings = settings();
    let mut stack = Stack::new(stacks::PRODUCTS, settings.names.place(stacks::PRODUCTS), "");
    let (one, other) = (handler(&mut stack, "One"), handler(&mut stack, "Other"));
    let mut api = Api::new(&mut stack, "Api", "", Cors { origin: &settings.allowed_origin, credentials });
    define(&mut api, &one, &other);
    let _ = api.serve(&settings);
    logical_ids(&stack.template().as_json()).into_iter().find(|id| id.starts_with("ApiDeployment")).unwrap()
}

fn handler(stack: &mut Stack, id: &'static str) -> Handle<Alias> {
    function::add(
        stack,
        &settings(),
        Definition {
            function: cart_contract::ListProducts,
            id,
            description: "",
            environment: cart_contract::CatalogueEnv { allowed_origin: "http://localhost".into() },
            permissions: Vec::new(),
            memory: Mebibytes::new(256),
            timeout: Seconds::new(5),
            reserved_concurrency: None,
        },
    )
}

/// The resources of the SAM templates that hold state or have a name that can be taken only once.
fn left_by_sam(id: StackId) -> Json {
    let string = |name: &str, value: Json| {
        json!({ "Type": "AWS::SSM::Parameter",
        "Properties": { "Type": "String", "Name": format!("/serverless-shopping-cart-demo/{name}"), "Value": value } })
    };
    match id {
        stacks::AUTH => json!({ "Resources": {
            "CognitoUserPool": { "Type": "AWS::Cognito::UserPool", "Properties": {
                "UserPoolName": { "Fn::Sub": "${AWS::StackName}-UserPool" }, "AutoVerifiedAttributes": ["email"] } },
            "UserPoolClient": { "Type": "AWS::Cognito::UserPoolClient", "Properties": {
                "ClientName": "my-app", "GenerateSecret": false, "UserPoolId": { "Ref": "CognitoUserPool" },
                "ExplicitAuthFlows": ["ADMIN_NO_SRP_AUTH"] } },
            "UserPoolSSM": string("auth/user-pool-id", json!({ "Ref": "CognitoUserPool" })),
            "UserPoolARNSSM": string("auth/user-pool-arn", json!({ "Fn::GetAtt": ["CognitoUserPool", "Arn"] })),
            "UserPoolAppClientSSM": string("auth/user-pool-client-id", json!({ "Ref": "UserPoolClient" })),
        } }),
        stacks::PRODUCTS => json!({ "Resources": {
            "GetProductApiUrl": string("products/products-api-url", json!("https://old.example/Prod")),
        } }),
        stacks::CART => json!({ "Resources": {
            "DynamoDBShoppingCartTable": { "Type": "AWS::DynamoDB::Table", "Properties": {
                "AttributeDefinitions": [
                    { "AttributeName": "pk", "AttributeType": "S" }, { "AttributeName": "sk", "AttributeType": "S" }],
                "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" }],
                "BillingMode": "PAY_PER_REQUEST",
                "StreamSpecification": { "StreamViewType": "NEW_AND_OLD_IMAGES" },
                "TimeToLiveSpecification": { "AttributeName": "expirationTime", "Enabled": true } } },
            "CartDeleteSQSQueue": { "Type": "AWS::SQS::Queue", "Properties": { "VisibilityTimeout": 20, "RedrivePolicy": {
                "deadLetterTargetArn": { "Fn::GetAtt": ["CartDeleteSQSDLQ", "Arn"] }, "maxReceiveCount": 5 } } },
            "CartDeleteSQSDLQ": { "Type": "AWS::SQS::Queue" },
            "CartApiUrl": string("shopping-cart/cart-api-url", json!("https://old.example/Prod")),
        } }),
        _ => json!({}),
    }
}

/// Other logical ids of the SAM templates: a resource of ours with one of them would collide, or be taken for the same.
const SAM_NAMES: [&str; 13] = [
    "APIGWCloudWatchRole",
    "AddToCartRole",
    "ApiGWAccount",
    "CartApi",
    "CartApiDeployment",
    "CartApiProdStage",
    "DynamoDBReadPolicy",
    "DynamoDBWritePolicy",
    "LambdaLoggingPolicy",
    "ListCartRole",
    "SQSSendMessagePolicy",
    "ServerlessRestApi",
    "UtilsLayer",
];

/// The functions of the SAM templates, whose permissions, roles, versions, aliases and mappings begin with their names.
const SAM_FUNCTIONS: [&str; 10] = [
    "AddToCartFunction",
    "CartDBStreamHandler",
    "CheckoutCartFunction",
    "DeleteFromCartFunction",
    "GetCartTotalFunction",
    "GetProductFunction",
    "GetProductsFunction",
    "ListCartFunction",
    "MigrateCartFunction",
    "UpdateCartFunction",
];

#[test]
fn a_deployment_made_by_sam_keeps_its_accounts_carts_and_parameters() {
    for id in [stacks::AUTH, stacks::PRODUCTS, stacks::CART] {
        let changes = diff(Some(&left_by_sam(id)), Some(&template(&settings(), id)));
        for change in changes.resources {
            match change.action {
                Action::Add => {
                    let name = change.logical_id.as_str();
                    assert!(!SAM_NAMES.contains(&name), "{name} is taken");
                    assert!(!SAM_FUNCTIONS.iter().any(|taken| name.starts_with(taken)), "{name} is taken");
                }
                Action::Modify { replacement, properties } => {
                    assert_eq!(replacement, Replacement::Never, "{} is replaced: {properties:?}", change.logical_id);
                }
                Action::Remove { .. } => panic!("{} is lost", change.logical_id),
            }
        }
    }
}

#[test]
fn nothing_of_the_pool_or_the_table_would_replace_them() {
    let forbidden =
        ["Schema", "UsernameConfiguration", "AliasAttributes", "UsernameAttributes", "TableName", "QueueName", "RoleName"];
    for settings in [settings(), production()] {
        for stack in app(&settings).stacks() {
            let template = stack.template().as_json();
            for (id, resource) in template["Resources"].as_object().unwrap() {
                for property in forbidden {
                    assert!(resource["Properties"].get(property).is_none(), "{id} has {property}");
                }
            }
        }
    }
}
