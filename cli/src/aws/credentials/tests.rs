//! What profiles say, and which source is chosen.

use aws_config::profile::{self, ProfileSet};
use aws_runtime::env_config::file::{EnvConfigFileKind as Kind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use super::{
    chain::{Base, Chain, Role, chain},
    choice,
    files::Profiles,
};
use crate::domain::connection::{AwsEnvironment, Connection, Keys, NamedBy, Profile, WebIdentity};

async fn parsed(config: &str) -> ProfileSet {
    let files = EnvConfigFiles::builder().with_contents(Kind::Config, config).build();
    profile::load(&Fs::default(), &Env::default(), &files, None).await.unwrap()
}

/// Where the credentials of a profile come from, as `base → role → role`, or why they do not.
async fn path(config: &str, name: &str) -> String {
    match chain(&parsed(config).await, name) {
        Ok(Chain { base, roles }) => {
            let base = match base {
                Base::Keys { profile } => format!("keys of {profile}"),
                Base::WebIdentity(token) => format!("token in {} for {}", token.file, token.role),
                Base::Sso(sso) => format!("{} of {} in {} at {}", sso.role, sso.account, sso.region, sso.start_url),
                Base::Process { command, .. } => command.0,
                Base::Login { session, .. } => session,
                other => format!("{other:?}"),
            };
            [base].into_iter().chain(roles.into_iter().map(|role| role.arn)).collect::<Vec<_>>().join(" → ")
        }
        Err(problem) => problem.to_string(),
    }
}

#[tokio::test]
async fn every_kind_of_profile_is_understood() {
    let keys = "aws_access_key_id = a\naws_secret_access_key = b\n";
    for (config, expected) in [
        (format!("[profile x]\n{keys}"), "keys of x"),
        ("[profile x]\ncredential_process = /opt/bin/keys --for me".to_owned(), "/opt/bin/keys --for me"),
        ("[profile x]\nlogin_session = arn:aws:iam::1:user/a".to_owned(), "arn:aws:iam::1:user/a"),
        ("[profile x]\nrole_arn = r\nweb_identity_token_file = /run/token".to_owned(), "token in /run/token for r"),
        ("[profile x]\nrole_arn = r\ncredential_source = Environment".to_owned(), "Environment → r"),
        ("[profile x]\nrole_arn = r\ncredential_source = ecscontainer".to_owned(), "Container → r"),
        ("[profile x]\nrole_arn = r\ncredential_source = Ec2InstanceMetadata".to_owned(), "Instance → r"),
        (format!("[profile x]\nrole_arn = r\nsource_profile = x\n{keys}"), "keys of x → r"),
        (format!("[profile x]\nrole_arn = r\nsource_profile = y\n[profile y]\n{keys}"), "keys of y → r"),
        (
            format!(
                "[profile x]\nrole_arn = r\nsource_profile = y\n[profile y]\nrole_arn = s\nsource_profile = z\n[profile z]\n{keys}"
            ),
            "keys of z → s → r",
        ),
        // Keys of a source win over its role.
        (
            format!("[profile x]\nrole_arn = r\nsource_profile = y\n[profile y]\nrole_arn = s\nsource_profile = z\n{keys}"),
            "keys of y → r",
        ),
        (
            "[profile x]\nrole_arn = r\nsource_profile = y\n[profile y]\nrole_arn = s\nweb_identity_token_file = /run/token"
                .to_owned(),
            "token in /run/token for s → r",
        ),
        ("[profile x]\nrole_arn = r\nsource_profile = y\n[profile y]\ncredential_process = keys".to_owned(), "keys → r"),
        ("[profile x]\nrole_arn = r\nsource_profile = default\n[default]\ncredential_process = keys".to_owned(), "keys → r"),
        (
            "[profile x]\nsso_start_url = https://a\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = Admin".to_owned(),
            "Admin of 1 in eu-west-1 at https://a",
        ),
        (
            "[profile x]\nsso_session = s\nsso_account_id = 1\nsso_role_name = Admin\n[sso-session s]\nsso_region = eu-west-1\n\
             sso_start_url = https://a"
                .to_owned(),
            "Admin of 1 in eu-west-1 at https://a",
        ),
        // A key without a value is absent, and names of keys have no case.
        (format!("[profile x]\nrole_arn =\nsource_profile = \n{keys}"), "keys of x"),
        ("[profile x]\nROLE_ARN = r\nCredential_Source = Environment".to_owned(), "Environment → r"),
        (format!("[profile x]\n{keys}aws_session_token =\nmfa_serial ="), "keys of x"),
    ] {
        assert_eq!(path(&config, "x").await, expected, "{config}");
    }
}

#[tokio::test]
async fn what_a_profile_lacks_is_named() {
    for (config, expected) in [
        ("[profile x]\nregion = eu-west-1", "the profile `x` has no credentials"),
        (
            "[profile x]\naws_access_key_id = a",
            "the profile `x` has no `aws_secret_access_key`, which `aws_access_key_id` requires",
        ),
        (
            "[profile x]\naws_access_key_id =\naws_secret_access_key = b",
            "the profile `x` has no `aws_access_key_id`, which `aws_secret_access_key` requires",
        ),
        (
            "[profile x]\nrole_arn = r",
            "the profile `x` has a role_arn, but no `source_profile`, `credential_source` or `web_identity_token_file`",
        ),
        (
            "[profile x]\nrole_arn = r\nsource_profile = y\ncredential_source = Environment",
            "the profile `x` has both `source_profile` and `credential_source`: only one can be meant",
        ),
        ("[profile x]\nrole_arn = r\nsource_profile = y", "the profile `x` names the source_profile `y`, which does not exist"),
        ("[profile x]\nrole_arn = r\nsource_profile = y\n[profile y]\nregion = eu-west-1", "the profile `y` has no credentials"),
        ("[profile x]\nrole_arn = r\nsource_profile = x", "the profile `x` has no credentials"),
        (
            "[profile x]\nrole_arn = r\nsource_profile = y\n[profile y]\nrole_arn = s\nsource_profile = x",
            "the profiles name each other as source_profile: x → y → x",
        ),
        (
            "[profile x]\nrole_arn = r\nsource_profile = y\n[profile y]\nrole_arn = s\nsource_profile = z\n[profile z]\nrole_arn = t\n\
             source_profile = y",
            "the profiles name each other as source_profile: x → y → z → y",
        ),
        (
            "[profile x]\nrole_arn = r\ncredential_source = Keychain",
            "credential_source = Keychain in the profile `x` cannot be used: it is Environment, Ec2InstanceMetadata or EcsContainer",
        ),
        (
            "[profile x]\nrole_arn = r\ncredential_source = Environment\nduration_seconds = 1h",
            "duration_seconds = 1h in the profile `x` cannot be used: a role's session lasts from 900 to 43200 seconds",
        ),
        (
            "[profile x]\nrole_arn = r\ncredential_source = Environment\nduration_seconds = 899",
            "duration_seconds = 899 in the profile `x` cannot be used: a role's session lasts from 900 to 43200 seconds",
        ),
        (
            "[profile x]\nweb_identity_token_file = /run/token",
            "the profile `x` has no `role_arn`, which `web_identity_token_file` requires",
        ),
        (
            "[profile x]\nsso_session = s\nsso_account_id = 1\nsso_role_name = Admin",
            "the profile `x` names the sso_session `s`, which does not exist",
        ),
        (
            "[profile x]\nsso_session = s\nsso_account_id = 1\nsso_role_name = Admin\n[sso-session s]\nsso_start_url = https://a",
            "the profile `x` has no `sso_region`, which `sso_session` requires",
        ),
        (
            "[profile x]\nsso_session = s\nsso_role_name = Admin\n[sso-session s]\nsso_region = r\nsso_start_url = https://a",
            "the profile `x` has no `sso_account_id`, which `sso_session` requires",
        ),
    ] {
        assert_eq!(path(config, "x").await, expected, "{config}");
    }
}

#[tokio::test]
async fn a_role_is_assumed_as_its_profile_says() {
    let config = "[profile x]\nrole_arn = r\ncredential_source = Environment\nexternal_id = e\nrole_session_name = n\nduration_seconds = 3600\n\
                  mfa_serial = arn:aws:iam::1:mfa/me";
    let role = Role {
        profile: "x".to_owned(),
        arn: "r".to_owned(),
        external_id: Some("e".to_owned()),
        session: Some("n".to_owned()),
        duration: Some(3600),
        mfa: Some("arn:aws:iam::1:mfa/me".to_owned()),
    };
    assert_eq!(chain(&parsed(config).await, "x"), Ok(Chain { base: Base::Environment, roles: vec![role] }));
}

#[tokio::test]
async fn a_command_does_not_show_its_arguments() {
    let chain = chain(&parsed("[profile x]\ncredential_process = keys --password secret").await, "x");
    assert!(!format!("{chain:?}").contains("secret"), "{chain:?}");
}

/// The source that is chosen, or why there is none.
async fn chosen(config: &str, named: Option<(&str, NamedBy)>, environment: AwsEnvironment) -> String {
    let home = camino_tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    let environment = AwsEnvironment { home: Some(home.path().to_string()), ..environment };
    let profiles = Profiles::read(&environment).await.unwrap();
    let profile = named.map(|(name, named_by)| Profile { name: name.parse().unwrap(), named_by });
    match choice(&Connection { profile, environment, ..Connection::default() }, &profiles) {
        Ok(chain) => format!("{:?}", chain.base).split([' ', '(']).next().unwrap().to_owned(),
        Err(error) => error.to_string().replace(home.path().as_str(), "~"),
    }
}

#[tokio::test]
async fn one_source_is_chosen_and_no_other_one_is_tried() {
    use NamedBy::{File, Flag, Variable};
    let keys = AwsEnvironment { keys: Keys::Present, ..AwsEnvironment::default() };
    let none = AwsEnvironment::default;
    let container = AwsEnvironment { container: true, ..none() };
    let token = WebIdentity { token_file: "/run/token".to_owned(), role: Some("r".to_owned()), session: None };
    let token = AwsEnvironment { web_identity: Some(token), ..container.clone() };
    let (process, empty) = ("[profile x]\ncredential_process = keys", "[profile x]\nregion = eu-west-1");
    let default = "[default]\ncredential_process = keys";
    let absent = "finding the profile `x` failed: NAMER names it, and it is neither in ~/.aws/config nor in ~/.aws/credentials (it does not \
                  exist)";
    for (config, named, environment, expected) in [
        ("", None, none(), "Instance"),
        ("", None, container.clone(), "Container"),
        ("", None, token.clone(), "WebIdentity"),
        ("", None, keys.clone(), "Environment"),
        (default, None, token.clone(), "Process"),
        (default, None, keys.clone(), "Environment"),
        ("[default]\nregion = eu-west-1", None, container.clone(), "Container"),
        (process, Some(("x", Flag)), keys.clone(), "Process"),
        (process, Some(("x", Variable)), keys.clone(), "Environment"),
        (process, Some(("x", File)), keys.clone(), "Environment"),
        (process, Some(("x", Variable)), token.clone(), "Process"),
        (process, Some(("x", File)), container.clone(), "Process"),
        ("", Some(("x", Flag)), keys.clone(), &absent.replace("NAMER", "--profile")),
        ("", Some(("x", Variable)), keys.clone(), &absent.replace("NAMER", "AWS_PROFILE")),
        ("", Some(("x", Variable)), token.clone(), &absent.replace("NAMER", "AWS_PROFILE")),
        // A file that everybody shares names profiles that a pipeline does not have.
        ("", Some(("x", File)), keys.clone(), "Environment"),
        ("", Some(("x", File)), token.clone(), &absent.replace("NAMER", "cartctl.toml")),
        (empty, Some(("x", Flag)), keys.clone(), "finding credentials failed: the profile `x` has no credentials"),
        (empty, Some(("x", Variable)), container.clone(), "finding credentials failed: the profile `x` has no credentials"),
        (default, Some(("x", Flag)), none(), &absent.replace("NAMER", "--profile")),
        (
            default,
            None,
            AwsEnvironment { keys: Keys::Missing("AWS_SECRET_ACCESS_KEY"), ..none() },
            "finding credentials failed: the environment has one of two keys: AWS_SECRET_ACCESS_KEY is not set",
        ),
        (
            "",
            None,
            AwsEnvironment {
                web_identity: Some(WebIdentity { token_file: "/run/token".to_owned(), role: None, session: None }),
                ..none()
            },
            "finding credentials failed: AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not",
        ),
    ] {
        assert_eq!(chosen(config, named, environment.clone()).await, expected, "{config:?} {named:?} {environment:?}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_with_its_line() {
    let home = camino_tempfile::tempdir().unwrap();
    let folder = home.path().join(".aws");
    std::fs::create_dir(&folder).unwrap();
    let read = async |name: &str, text: &[u8]| {
        std::fs::write(folder.join(name), text).unwrap();
        let environment = AwsEnvironment { home: Some(home.path().to_string()), ..AwsEnvironment::default() };
        let error = Profiles::read(&environment).await.unwrap_err();
        std::fs::remove_file(folder.join(name)).unwrap();
        assert!(error.hint().is_some());
        error.to_string().replace(home.path().as_str(), "~")
    };
    for (name, text, expected) in [
        (
            "config",
            &b"[default]\nregion eu-west-1\n"[..],
            "line 2 of ~/.aws/config cannot be used: Expected an '=' sign defining a property",
        ),
        ("config", b"[default]\n\n[profile x\n", "line 3 of ~/.aws/config cannot be used: Profile definition must end with ']'"),
        ("config", b"region = eu-west-1", "line 1 of ~/.aws/config cannot be used: Expected a profile definition"),
        ("credentials", b"[x]\n= y", "line 2 of ~/.aws/credentials cannot be used: Property did not have a name"),
        ("credentials", b"[x]\na = b\nc = \xff\n", "line 3 of ~/.aws/credentials is not UTF-8"),
    ] {
        assert_eq!(read(name, text).await, format!("reading the AWS profiles failed: {expected}"));
    }
}

#[tokio::test]
async fn a_region_is_found_with_its_line() {
    let home = camino_tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let config = "# mine\n[default]\noutput = json\nregion = eu-wst-1\n[profile  work ]\nregion=eu-west-2\ns3 =\n  region = x\n[profile keys]\n\
                  region = eu-west-3\n[profile none]\n";
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    std::fs::write(home.path().join(".aws/credentials"), "[keys]\n\nREGION = eu-north-1\n").unwrap();
    let environment = AwsEnvironment { home: Some(home.path().to_string()), ..AwsEnvironment::default() };
    let profiles = Profiles::read(&environment).await.unwrap();
    let place = |profile: &str| profiles.place_of(profile, "region").replace(home.path().as_str(), "~");
    for (profile, expected) in [
        ("default", "line 4 of ~/.aws/config"),
        ("work", "line 6 of ~/.aws/config"),
        ("keys", "line 3 of ~/.aws/credentials"),
        ("none", "~/.aws/config or ~/.aws/credentials"),
    ] {
        assert_eq!(place(profile), expected, "{profile}");
    }
}

#[tokio::test]
async fn files_are_found_as_every_aws_tool_finds_them() {
    let home = camino_tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("mine"), "[profile x]\nregion = eu-west-1").unwrap();
    std::fs::write(home.path().join("keys"), "[y]\nregion = eu-west-2").unwrap();
    for file in [home.path().join("mine").to_string(), "~/mine".to_owned()] {
        let environment = AwsEnvironment {
            home: Some(home.path().to_string()),
            config_file: Some(file),
            credentials_file: Some("~/keys".to_owned()),
            ..AwsEnvironment::default()
        };
        let profiles = Profiles::read(&environment).await.unwrap();
        assert!(profiles.set.get_profile("x").is_some() && profiles.set.get_profile("y").is_some());
        let named = Profile { name: "z".parse().unwrap(), named_by: NamedBy::Flag };
        let error = profiles.named(&named).unwrap_err();
        let said = error.to_string().replace(home.path().as_str(), "[home]");
        let expected = "finding the profile `z` failed: --profile names it, and it is neither in [home]/mine (AWS_CONFIG_FILE) nor in [home]/keys \
                        (AWS_SHARED_CREDENTIALS_FILE)";
        assert_eq!(said, expected);
        assert_eq!(
            error.hint().unwrap(),
            format!("the profiles are x, y: name one of them, or add another one to {}/mine", home.path())
        );
    }
    let missing = AwsEnvironment { config_file: Some("/nowhere/config".to_owned()), ..AwsEnvironment::default() };
    let named = Profile { name: "x".parse().unwrap(), named_by: NamedBy::Variable };
    let error = Profiles::read(&missing).await.unwrap().named(&named).unwrap_err().to_string();
    assert!(error.contains("/nowhere/config (AWS_CONFIG_FILE; it does not exist)"), "{error}");
}

#[tokio::test]
async fn a_section_without_its_word_is_pointed_out() {
    let home = camino_tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/config"), "[default]\n[work]\nregion = eu-west-1").unwrap();
    let environment = AwsEnvironment { home: Some(home.path().to_string()), ..AwsEnvironment::default() };
    let named = Profile { name: "work".parse().unwrap(), named_by: NamedBy::Flag };
    let error = Profiles::read(&environment).await.unwrap().named(&named).unwrap_err();
    let hint = error.hint().unwrap().replace(home.path().as_str(), "~");
    assert_eq!(hint, "line 2 of ~/.aws/config has to be `[profile work]`: only the credentials file has names alone");
}
