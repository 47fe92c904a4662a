//! What is settled from flags, environment and file, and what is refused.

use clap::Parser;

use super::*;
use crate::domain::connection::{NamedBy, Profile};

fn resolved_for(
    choice: LocalChoice,
    running: Option<Ports>,
    arguments: &[&str],
    environment: &Environment,
    text: &str,
) -> Result<Config, Error> {
    let cli = args::Cli::parse_from([&["cartctl", "status"], arguments].concat());
    let path = Utf8Path::new("/shop/cartctl.toml");
    resolve(&cli.global, choice, environment, running, "/shop".into(), path, &File::parse(path, text)?)
}

fn resolved(arguments: &[&str], environment: &Environment, text: &str) -> Result<Config, Error> {
    resolved_for(LocalChoice::Aws, None, arguments, environment, text)
}

#[expect(clippy::unnecessary_wraps, reason = "every field for one is optional")]
fn variable(name: &str, value: &str) -> Option<Variable> {
    Some(Variable { name: name.to_owned(), value: value.to_owned() })
}

/// The settings of the default stage, with code that is not packaged.
pub(crate) fn settings() -> Settings {
    resolved(&[], &Environment::default(), "").unwrap().settings(Code::not_packaged(cart_infra::packages::ALL), None)
}

const FILE: &str = "
    [defaults]
    region = 'eu-central-1'
    log-retention-days = 14
    [stages.production]
    region = 'eu-west-1'
    protected = true
";

#[test]
fn a_region_is_taken_from_the_flag_the_stage_the_environment_or_all_stages() {
    let region = |arguments: &[&str], environment: &Environment, text| {
        resolved(arguments, environment, text).unwrap().connection.region.map(|region| region.to_string())
    };
    let none = Environment::default();
    let set = Environment { region: variable("AWS_REGION", "us-west-2"), ..Environment::default() };
    assert_eq!(region(&["--region", "us-east-1", "--stage", "production"], &set, FILE).as_deref(), Some("us-east-1"));
    assert_eq!(region(&["--stage", "production"], &set, FILE).as_deref(), Some("eu-west-1"));
    assert_eq!(region(&[], &set, FILE).as_deref(), Some("us-west-2"));
    assert_eq!(region(&["--region", "us-east-1"], &none, FILE).as_deref(), Some("us-east-1"));
    assert_eq!(region(&["--stage", "production"], &none, FILE).as_deref(), Some("eu-west-1"));
    assert_eq!(region(&[], &none, FILE).as_deref(), Some("eu-central-1"));
    assert_eq!(region(&[], &none, ""), None);
}

#[test]
fn a_region_of_the_environment_that_is_not_taken_is_told() {
    let ignored = |arguments: &[&str], value: &str, text: &str| {
        let environment = Environment { region: variable("AWS_DEFAULT_REGION", value), ..Environment::default() };
        resolved(arguments, &environment, text).unwrap().ignored_region.map(|variable| variable.name)
    };
    let production = ["--stage", "production"];
    assert_eq!(ignored(&production, "us-west-2", FILE).as_deref(), Some("AWS_DEFAULT_REGION"));
    assert_eq!(ignored(&production, "nowhere", FILE).as_deref(), Some("AWS_DEFAULT_REGION"), "it need not be a region");
    assert_eq!(ignored(&production, "eu-west-1", FILE), None, "both say the same");
    assert_eq!(ignored(&["--stage", "production", "--region", "us-east-1"], "us-west-2", FILE), None, "the flag is why");
    assert_eq!(ignored(&[], "us-west-2", FILE), None, "it is taken");
    assert_eq!(ignored(&production, "us-west-2", "defaults.region = 'eu-west-1'\n[stages.production]"), None, "it is taken");
}

#[test]
fn a_profile_knows_who_names_it() {
    let profile = |arguments: &[&str], environment: &Environment| {
        let profile = resolved(arguments, environment, "defaults.profile = 'file'").unwrap().connection.profile;
        profile.map(|Profile { name, named_by }| (name.to_string(), named_by)).unwrap()
    };
    let set = Environment { profile: variable("AWS_PROFILE", "environment"), ..Environment::default() };
    assert_eq!(profile(&["--profile", "flag"], &set), ("flag".to_owned(), NamedBy::Flag));
    assert_eq!(profile(&[], &set), ("environment".to_owned(), NamedBy::Variable));
    assert_eq!(profile(&[], &Environment::default()), ("file".to_owned(), NamedBy::File));
}

#[test]
fn a_stage_inherits_what_it_does_not_say() {
    let config = resolved(&["--stage", "production"], &Environment::default(), FILE).unwrap();
    assert!(config.protected);
    assert_eq!(config.names.stack_name(cart_infra::stacks::AUTH), "aws-serverless-shopping-cart-production-auth");
    assert_eq!(config.log_retention, toml::Value::Integer(14).try_into().unwrap());
}

#[test]
fn a_stage_has_a_firewall_if_it_or_all_stages_say_so() {
    let guarded = |defaults: &str, stage: &str| {
        let text = format!("[defaults]\n{defaults}\n[stages.it]\n{stage}");
        resolved(&["--stage", "it"], &Environment::default(), &text)
            .unwrap()
            .settings(Code::not_packaged(cart_infra::packages::ALL), None)
            .waf
    };
    assert!(!guarded("", "") && !guarded("", "protected = true"), "it costs money");
    assert!(guarded("", "waf = true") && guarded("waf = true", ""));
    assert!(!guarded("waf = true", "waf = false"));
}

#[test]
fn a_protected_stage_is_watched_unless_it_says_otherwise() {
    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:alarms";
    let watched = |defaults: &str, stage: &str| {
        let text = format!("[defaults]\n{defaults}\n[stages.it]\n{stage}");
        let monitoring = resolved(&["--stage", "it"], &Environment::default(), &text).unwrap().monitoring;
        monitoring.map(|monitoring| monitoring.alarm_topic.map(|topic| topic.to_string()))
    };
    assert_eq!(watched("", ""), None);
    assert_eq!(watched("", "protected = true"), Some(None));
    assert_eq!(watched("", "monitoring = true"), Some(None));
    assert_eq!(watched("monitoring = true", "protected = true\nmonitoring = false"), None);
    let topic = format!("alarm-topic = '{TOPIC}'");
    assert_eq!(watched(&topic, "protected = true"), Some(Some(TOPIC.to_owned())));
    assert_eq!(watched(&topic, ""), None, "a topic for all stages makes none of them watched");
}

const STARTING: LocalChoice = LocalChoice::Starting { port: None, site: true };

/// The origin that is allowed, the port of the site, and that of the cloud.
fn local(choice: LocalChoice, running: Option<Ports>, text: &str) -> (String, Option<u16>, u16) {
    let config = resolved_for(choice, running, &[], &Environment::default(), text).unwrap();
    (config.allowed_origin(None).to_string(), config.local.site, config.local.port)
}

#[test]
fn the_local_cloud_allows_the_site_beside_it() {
    let starting = |text: &str| local(STARTING, None, text);
    assert_eq!(starting(""), ("http://localhost:8080".to_owned(), Some(8080), 4566));
    assert_eq!(starting("local.site-port = 3000"), ("http://localhost:3000".to_owned(), Some(3000), 4566));
    assert_eq!(starting("local.site-port = 80").0, "http://localhost");
    let elsewhere = "defaults.allowed-origin = 'https://shop.example'";
    assert_eq!(starting(elsewhere), ("http://localhost:8080".to_owned(), Some(8080), 4566));
    assert_eq!(resolved(&[], &Environment::default(), elsewhere).unwrap().allowed_origin(None).as_str(), "https://shop.example");
}

#[test]
fn without_a_site_the_local_cloud_allows_another_one() {
    let left_out = LocalChoice::Starting { port: None, site: false };
    let own = "defaults.allowed-origin = 'http://localhost:3000'";
    assert_eq!(local(left_out, None, own), ("http://localhost:3000".to_owned(), None, 4566));
    assert_eq!(local(left_out, None, "local.site-port = 3000"), ("http://localhost:3000".to_owned(), None, 4566));
    assert_eq!(local(STARTING, None, &format!("{own}\nlocal.shop = false")).0, "http://localhost:3000");
    let running = Some(Ports { cloud: 4566, site: Some(8081) });
    assert_eq!(local(left_out, running, own).0, "http://localhost:8081", "the running site stays allowed");
}

#[test]
fn what_runs_says_on_which_ports() {
    let running = Some(Ports { cloud: 5000, site: Some(8081) });
    let text = "local.port = 4567\nlocal.site-port = 3000";
    for choice in [LocalChoice::Running, STARTING, LocalChoice::Starting { port: Some(4568), site: true }] {
        assert_eq!(local(choice, running, text), ("http://localhost:8081".to_owned(), Some(8081), 5000), "{choice:?}");
    }
    assert_eq!(local(LocalChoice::Starting { port: Some(4568), site: true }, None, text).2, 4568);
    let without_site = Some(Ports { cloud: 5000, site: None });
    assert_eq!(local(LocalChoice::Running, without_site, text), ("http://localhost:3000".to_owned(), None, 5000));
    let stopped = resolved_for(LocalChoice::Running, None, &[], &Environment::default(), text).unwrap_err();
    assert!(matches!(stopped, Error::NotRunning), "{stopped}");
}

#[test]
fn the_site_and_the_local_cloud_are_on_two_ports() {
    let text = "local.port = 8080";
    let error = resolved_for(STARTING, None, &[], &Environment::default(), text).unwrap_err();
    assert_eq!(error.to_string(), "local.site-port: the local cloud is to listen on 8080 as well");
    assert!(resolved(&[], &Environment::default(), text).is_ok(), "AWS is meant");
}

#[test]
fn the_local_cloud_takes_nothing_that_is_for_aws() {
    let environment = Environment {
        endpoint_url: variable("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        region: variable("AWS_REGION", "eu-west-1"),
        profile: variable("AWS_PROFILE", "work"),
        bucket: variable("S3_BUCKET", "code"),
        ..Environment::default()
    };
    let file = "[defaults]\naccount = '123456789012'";
    let local = resolved_for(STARTING, None, &[], &environment, file).unwrap();
    let expected = Connection {
        region: local::REGION.parse().ok(),
        endpoint: Endpoint::Local("http://127.0.0.1:4566".parse().unwrap()),
        ..Connection::default()
    };
    assert_eq!((local.connection, local.bucket, local.pin), (expected, None, None));
    let aws = resolved(&[], &environment, file).unwrap();
    assert_eq!(aws.connection.endpoint, Endpoint::Url("http://127.0.0.1:1".parse().unwrap()));
    assert_eq!((aws.bucket, aws.pin.is_some()), ("code".parse().ok(), true));
}

#[test]
fn a_flag_wins_over_its_variable() {
    let environment = Environment {
        stage: variable("CARTCTL_STAGE", "production"),
        endpoint_url: variable("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ..Environment::default()
    };
    let stage = |arguments: &[&str]| resolved(arguments, &environment, FILE).unwrap().stage();
    assert_eq!([stage(&[]), stage(&["--stage", "default"]), stage(&["--stage", ""])], ["production", "default", "default"]);
    let asked = resolved(&["--endpoint-url", "http://127.0.0.1:2"], &environment, FILE).unwrap();
    assert_eq!(asked.connection.endpoint.url(), Some("http://127.0.0.1:2"));
}

#[test]
fn the_stages_own_site_may_call_unless_the_stage_says_otherwise() {
    let allowed = |text: &str, site: Option<&str>| {
        let config = resolved(&["--stage", "it"], &Environment::default(), text).unwrap();
        let site = site.map(|site| site.parse().unwrap());
        config.allowed_origin(site.as_ref()).to_string()
    };
    let (site, common) = (Some("https://d1.cloudfront.net"), "[defaults]\nallowed-origin = 'https://a.example'\n[stages.it]\n");
    assert_eq!(allowed("[stages.it]", None), "http://localhost:8080");
    assert_eq!(allowed("[stages.it]", site), "https://d1.cloudfront.net");
    assert_eq!(allowed(common, None), "https://a.example");
    assert_eq!(allowed(common, site), "https://d1.cloudfront.net");
    assert_eq!(allowed(&format!("{common}allowed-origin = 'https://b.example'"), site), "https://b.example");
}

#[test]
fn the_cookie_belongs_to_the_host_of_the_stages_own_site_if_only_that_may_call() {
    let cookie = |text: &str, site: Option<&str>| {
        let config = resolved(&["--stage", "it"], &Environment::default(), &format!("{text}\n[stages.it]\n")).unwrap();
        config.cart_cookie(site.map(|site| site.parse().unwrap()).as_ref())
    };
    let own = |origin: &str, site| {
        let text = format!("[stages.it]\nallowed-origin = '{origin}'");
        let config = resolved(&["--stage", "it"], &Environment::default(), &text).unwrap();
        config.cart_cookie(Some(&str::parse(site).unwrap()))
    };
    let site = "https://d1.cloudfront.net";
    for defaults in ["", "[defaults]\nallowed-origin = 'https://a.example'"] {
        assert_eq!(cookie(defaults, None), CookieScope::AnySite, "{defaults}");
        assert_eq!(cookie(defaults, Some(site)), CookieScope::OwnHost, "{defaults}");
    }
    assert_eq!(own("https://b.example", site), CookieScope::AnySite, "behind which host its pages are is not known");
    assert_eq!(own("http://d1.cloudfront.net", site), CookieScope::AnySite);
    assert_eq!(own(site, site), CookieScope::OwnHost);
}

#[test]
fn a_protected_stage_allows_only_origins_that_nobody_else_answers_for() {
    let of = |defaults: &str, stage: &str| {
        let text = format!("[defaults]\n{defaults}\n[stages.it]\nprotected = true\n{stage}");
        resolved(&["--stage", "it"], &Environment::default(), &text).unwrap()
    };
    let origin = |text: &str| format!("allowed-origin = '{text}'");
    let site = "https://d1.cloudfront.net".parse().unwrap();
    for (text, reason) in [
        ("http://localhost:8080", "which is on every visitor's own machine"),
        ("https://localhost", "which is on every visitor's own machine"),
        ("https://shop.localhost", "which is on every visitor's own machine"),
        ("https://127.0.0.1:8443", "which is on every visitor's own machine"),
        ("https://[::1]", "which is on every visitor's own machine"),
        ("http://shop.example", "which is reached without TLS"),
        ("http://10.0.0.1", "which is reached without TLS"),
    ] {
        let refused = of("", &origin(text)).check_origin().unwrap_err().to_string();
        assert_eq!(
            refused,
            format!("/shop/cartctl.toml, line 5: allowed-origin: a protected stage does not allow {text}, {reason}")
        );
        let general = of(&origin(text), "");
        assert!(general.check_origin().is_ok(), "it gives way to a site");
        assert_eq!(general.unfit_origin().map(Origin::as_str), Some(text));
        assert_eq!(general.allowed_origin(None), &Origin::nobody());
        assert_eq!(general.allowed_origin(Some(&site)), &site);
    }
    let unset = of("", "");
    assert_eq!((unset.unfit_origin(), unset.allowed_origin(None)), (Some(&Origin::default()), &Origin::nobody()));
    for (defaults, stage) in [(origin("https://shop.example"), String::new()), (String::new(), origin("https://shop.example"))] {
        let fit = of(&defaults, &stage);
        assert!(fit.check_origin().is_ok());
        assert_eq!((fit.unfit_origin(), fit.allowed_origin(None).as_str()), (None, "https://shop.example"));
    }
    let demo = resolved(&[], &Environment::default(), "").unwrap();
    assert_eq!((demo.unfit_origin(), demo.allowed_origin(None)), (None, &Origin::default()));
    let text = "[stages.it]\nprotected = true\nallowed-origin = 'http://localhost:3000'";
    let local = resolved_for(STARTING, None, &["--stage", "it"], &Environment::default(), text).unwrap();
    assert!(local.check_origin().is_ok() && local.unfit_origin().is_none(), "the local cloud has no customers");
}

#[test]
fn an_unknown_stage_names_the_known_ones() {
    let error = resolved(&["--stage", "prodution"], &Environment::default(), FILE).unwrap_err();
    assert_eq!(error.to_string(), "/shop/cartctl.toml has no stage `prodution`");
    assert!(error.hint().unwrap().starts_with("its stages are production;"), "{:?}", error.hint());
}

#[test]
fn a_misspelt_key_is_an_error_that_says_where() {
    let error = resolved(&[], &Environment::default(), "regoin = 'eu-west-1'").unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
    assert!(error.to_string().contains("regoin"), "{error}");
}

#[test]
fn a_variable_is_checked_where_it_is_taken() {
    let failed = |name: &str, value: &str, arguments: &[&str]| {
        let of = |wanted: &str| variable(name, value).filter(|_| name == wanted);
        let environment = Environment {
            stage: of("CARTCTL_STAGE"),
            region: of("AWS_DEFAULT_REGION"),
            profile: of("AWS_PROFILE"),
            endpoint_url: of("AWS_ENDPOINT_URL"),
            service_urls: of("AWS_ENDPOINT_URL_S3").into_iter().collect(),
            bucket: of("S3_BUCKET"),
            ..Environment::default()
        };
        resolved(arguments, &environment, FILE).err().map(|error| error.to_string())
    };
    for (name, value, said) in [
        ("CARTCTL_STAGE", "Production", "`Production` is not a name for a stage"),
        ("AWS_DEFAULT_REGION", "eu-west-1a", "write the region that it is in, eu-west-1"),
        ("AWS_PROFILE", " work", "is not a profile's name"),
        ("AWS_ENDPOINT_URL", "localhost:4566", "write http://localhost:4566"),
        ("AWS_ENDPOINT_URL_S3", "s3", "write http://s3"),
        ("S3_BUCKET", "s3://code", "write code"),
    ] {
        let failed = failed(name, value, &[]).unwrap();
        assert!(failed.starts_with(&format!("{name}: ")) && failed.contains(said), "{failed}");
    }
    let by_a_flag = [
        ("CARTCTL_STAGE", "!", ["--stage", "default"]),
        ("AWS_DEFAULT_REGION", "here", ["--region", "eu-west-1"]),
        ("AWS_PROFILE", " ", ["--profile", "work"]),
        ("AWS_ENDPOINT_URL", "there", ["--endpoint-url", "http://127.0.0.1:1"]),
    ];
    for (name, value, arguments) in by_a_flag {
        assert_eq!(failed(name, value, &arguments), None, "{name} is replaced");
    }
}

/// Why this file cannot be used, in one line.
fn refused(text: &str) -> String {
    resolved(&[], &Environment::default(), text).map_or_else(|error| error.to_string().replace('\n', " "), |_| "nothing".to_owned())
}

#[test]
fn a_value_of_the_file_is_checked_on_its_line() {
    for (text, said) in [
        ("account = 123456789012", "write it in quotes: \"123456789012\""),
        ("account = 012345678901", "write an account in quotes"),
        ("account = 12345", "`12345` is not an AWS account"),
        ("account = '1234-5678-9012'", "without hyphens"),
        ("account = '12345678901'", "twelve digits"),
        ("account = '１２３４５６７８９０１２'", "twelve digits"),
        ("account = 1.5", "expected text in quotes"),
        ("region = 'eu-west-1a'", "eu-west-1"),
        ("region = ''", "is not a region"),
        ("region = ['eu-west-1']", "expected text in quotes"),
        ("profile = ''", "is not a profile's name"),
        ("protected = 'yes'", "expected a boolean"),
        ("allowed-origin = 'https://shop.example/'", "write https://shop.example"),
        ("allowed-origin = 'https://shop.example:443'", "write https://shop.example"),
        ("allowed-origin = 'https://xn--a.example'", "look its host up"),
        ("allowed-origin = 'null'", "is not an origin"),
        ("architecture = 'arm'", "arm64 and x86_64"),
        ("log-retention-days = 15", "CloudWatch accepts"),
        ("log-retention-days = -1", "CloudWatch accepts"),
        ("log-retention-days = 99999", "CloudWatch accepts"),
        ("log-retention-days = '14'", "expected a whole number"),
        ("log-retention-days = 14.0", "expected a whole number"),
        ("reserved-concurrency = -1", "0 for no limit"),
        ("reserved-concurrency = 2147483648", "0 for no limit"),
        ("reserved-concurrency = 'ten'", "expected a whole number"),
        ("alarm-topic = 'alarms'", "write it like arn:"),
        ("permissions-boundary = 'boundary'", "write it like arn:aws:iam::123456789012:policy/boundary"),
        ("permissions-boundary = 'arn:aws:iam::123456789012:role/x'", "is not the ARN of a permissions boundary"),
        ("permissions-boundary = ''", "is not the ARN of a permissions boundary"),
        ("role-path = 'shop'", "is not a path for roles"),
        ("role-path = '/shop'", "is not a path for roles"),
        ("role-path = ''", "is not a path for roles"),
        ("role-arn = 'deployer'", "write it like arn:aws:iam::123456789012:role/deployer"),
        ("role-arn = 'arn:aws:sts::123456789012:assumed-role/x/y'", "is not the ARN of a role"),
        ("sse = 'kms'", "write AES256, aws:kms or aws:kms:dsse"),
        ("sse = true", "invalid type"),
        ("sse-kms-key = 'key/1234abcd-12ab-34cd-56ef-1234567890ab'", "is not a key of KMS"),
        ("sse-kms-key = 'alias/shop'\nsse = 'AES256'", "S3's own keys encrypt"),
        ("tags = { 'aws:x' = 'y' }", "`aws:x` is not a tag's key"),
        ("tags = { '' = 'y' }", "`` is not a tag's key"),
        ("tags = { team = '' }", "`` is not a tag's value"),
        ("tags = { team = 'a,b' }", "`a,b` is not a tag's value"),
        ("tags = { cost = 5 }", "write it in quotes: \"5\""),
        ("tags = { Team = 'a', team = 'b' }", "for one key"),
        ("tags = 'a'", "invalid type"),
    ] {
        let refused = refused(&format!("[defaults]\n\n{text}\n"));
        assert!(refused.contains("line 3") && refused.contains(said), "{text}: {refused}");
    }
    for (text, said) in [
        ("prefix = 'xn--shop'", "is not a prefix for stacks"),
        ("prefix = 5", "is not a prefix for stacks"),
        ("parameter-root = '/shop'", "is not a root for parameters"),
        ("[stages.Production]", "is not a name for a stage"),
        ("[stages.'']", "is not a name for a stage"),
        ("local.port = 0", "ports are 1 to 65535"),
        ("local.port = 65536", "ports are 1 to 65535"),
        ("local.site-port = -1", "ports are 1 to 65535"),
        ("local.directory = ''", "write the path"),
        ("frontend.directory = ' '", "write the path"),
        ("frontend.env-file = \"a\\u0000b\"", "write the path"),
    ] {
        let refused = refused(text);
        assert!(refused.contains("line 1") && refused.contains(said), "{text}: {refused}");
    }
}

#[test]
fn tags_are_counted_after_they_are_merged() {
    let tags = |from: usize, to: usize| (from..to).map(|number| format!("k{number} = 'v'\n")).collect::<Vec<_>>().concat();
    let of = |defaults: &str, stage: &str| {
        let text = format!("[defaults.tags]\n{defaults}[stages.it.tags]\n{stage}");
        resolved(&["--stage", "it"], &Environment::default(), &text)
            .map(|config| config.tags.len())
            .map_err(|error| error.to_string())
    };
    assert_eq!(of(&tags(0, 30), &tags(10, 50)), Ok(50));
    let failed = of(&tags(0, 30), &tags(10, 51)).unwrap_err();
    assert!(failed.contains("line 32: tags: a stack has at most 50"), "{failed}");
    assert!(of("Team = 'a'\n", "team = 'b'\n").is_err(), "IAM takes both for one");
    assert_eq!(of("Team = 'a'\n", "Team = 'b'\n"), Ok(1));
}

#[test]
fn a_topic_is_in_the_region_of_the_stage() {
    let of = |arguments: &[&str], monitoring: bool| {
        let text = format!("[defaults]\nmonitoring = {monitoring}\nalarm-topic = 'arn:aws:sns:eu-west-1:123456789012:alarms'");
        resolved(arguments, &Environment::default(), &text)
    };
    let failed = of(&["--region", "us-east-1"], true).unwrap_err().to_string();
    assert!(failed.starts_with("/shop/cartctl.toml, line 3: alarm-topic: "), "{failed}");
    assert!(failed.ends_with("the topic is in eu-west-1, and the stage in us-east-1"), "{failed}");
    assert!(of(&["--region", "us-east-1"], false).is_ok(), "no alarm notifies it");
    assert!(of(&["--region", "eu-west-1"], true).is_ok());
    let by_profile = of(&[], true).unwrap();
    assert!(by_profile.check_region("eu-west-1").is_ok());
    assert!(by_profile.check_region("us-east-1").unwrap_err().to_string().starts_with("alarm-topic: "));
}

#[test]
fn what_an_organisation_demands_is_taken_from_the_stage_or_else_from_all_stages() {
    let text = "
        [defaults]
        permissions-boundary = 'arn:aws:iam::123456789012:policy/boundary'
        role-path = '/shop/'
        role-arn = 'arn:aws:iam::123456789012:role/all'
        sse = 'aws:kms'
        [stages.it]
        role-path = '/it/'
        sse-kms-key = 'alias/it'
    ";
    let of = |arguments: &[&str]| resolved(arguments, &Environment::default(), text).unwrap();
    let roles = |config: &Config| {
        let RoleTerms { permissions_boundary, path } = &config.roles;
        format!("{} {}", permissions_boundary.as_ref().unwrap(), path.as_ref().unwrap())
    };
    let (all, it) = (of(&[]), of(&["--stage", "it"]));
    assert_eq!(roles(&all), "arn:aws:iam::123456789012:policy/boundary /shop/");
    assert_eq!(roles(&it), "arn:aws:iam::123456789012:policy/boundary /it/");
    assert_eq!(it.settings(Code::not_packaged(cart_infra::packages::ALL), None).roles, it.roles);
    let role = |config: &Config| config.connection.service_role.as_ref().unwrap().to_string();
    assert_eq!(role(&all), "arn:aws:iam::123456789012:role/all");
    let flag = "arn:aws:iam::123456789012:role/flag";
    assert_eq!(role(&of(&["--role-arn", flag])), flag);
    let [all, it] = [all, it].map(|config| config.connection.encryption.unwrap());
    assert_eq!((all.method.as_str(), all.key), ("aws:kms", None));
    assert_eq!((it.method.as_str(), it.key.unwrap().to_string().as_str()), ("aws:kms", "alias/it"));

    let local = resolved_for(LocalChoice::Running, Some(Ports { cloud: 4566, site: None }), &[], &Environment::default(), text);
    assert_eq!(local.map(|config| (config.connection.service_role, config.connection.encryption)).unwrap(), (None, None));
}

#[test]
fn what_an_organisation_demands_is_in_the_partition_the_account_and_the_region_of_the_stage() {
    for (line, wrong, said) in [
        (
            "permissions-boundary = 'arn:aws-cn:iam::123456789012:policy/b'",
            "permissions-boundary",
            "ARNs of eu-west-1 begin with arn:aws",
        ),
        ("role-arn = 'arn:aws-us-gov:iam::123456789012:role/r'", "role-arn", "ARNs of eu-west-1 begin with arn:aws"),
        (
            "sse-kms-key = 'arn:aws:kms:us-east-1:123456789012:alias/shop'",
            "sse-kms-key",
            "the key is in us-east-1, and the stage in eu-west-1",
        ),
    ] {
        let of = |arguments: &[&str]| resolved(arguments, &Environment::default(), &format!("[defaults]\n{line}"));
        let failed = of(&["--region", "eu-west-1"]).unwrap_err().to_string();
        assert!(failed.starts_with(&format!("/shop/cartctl.toml, line 2: {wrong}: ")) && failed.contains(said), "{failed}");
        // The region of a profile is known later.
        let failed = of(&[]).unwrap().check_region("eu-west-1").unwrap_err().to_string();
        assert!(failed.starts_with(&format!("{wrong}: ")) && failed.contains(said), "{failed}");
    }
    let flag = |arn: &str| {
        let arguments = ["--role-arn", arn, "--region", "eu-west-1"];
        resolved(&arguments, &Environment::default(), "[defaults]\naccount = '123456789012'")
            .map(drop)
            .map_err(|error| error.to_string())
    };
    assert_eq!(flag("arn:aws:iam::123456789012:role/r"), Ok(()));
    assert!(flag("arn:aws-cn:iam::123456789012:role/r").unwrap_err().starts_with("--role-arn: ARNs of eu-west-1"));
    let other = flag("arn:aws:iam::999999999999:role/r").unwrap_err();
    assert!(other.starts_with("--role-arn: the stage belongs to the account 123456789012, and this is arn:"), "{other}");
    let boundary = |arn: &str| {
        let text = format!("[defaults]\naccount = '123456789012'\npermissions-boundary = '{arn}'");
        resolved(&["--region", "eu-west-1"], &Environment::default(), &text).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(boundary("arn:aws:iam::aws:policy/PowerUserAccess"), Ok(()), "AWS's own policies are every account's");
    assert!(
        boundary("arn:aws:iam::999999999999:policy/b").unwrap_err().contains("line 3: permissions-boundary: the stage belongs to")
    );
}
