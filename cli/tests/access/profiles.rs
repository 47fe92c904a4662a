//! Profiles of every kind: `--profile X` signs with what `AWS_PROFILE=X` signs with, and with nothing else.

use std::{
    fs,
    io::{Read, Write},
    process::{Command, Stdio},
};

use crate::{
    stand_in::{Answer, StandIn},
    traveller::{CREDENTIALS, Traveller, account, answer},
};

/// The keys that signed, in order: each step of a chain, and then the calls themselves.
fn signed(traveller: &Traveller, arguments: &[&str], aws: &StandIn) -> Vec<String> {
    let before = aws.asked().len();
    traveller.asks(&[arguments, &["--endpoint-url", &aws.url]].concat()).succeeded();
    let mut keys: Vec<_> = aws.asked()[before..].iter().map(|asked| asked.key().to_owned()).collect();
    keys.dedup();
    keys
}

const KEYS: &str = "[profile keys]\naws_access_key_id = FILEKEY\naws_secret_access_key = secret\n";

#[test]
fn a_profile_on_the_command_line_is_that_of_the_variable() {
    let chain = format!(
        "{KEYS}[profile role]\nrole_arn = arn:aws:iam::123456789012:role/1\nsource_profile = keys\n\
         [profile chain]\nrole_arn = arn:aws:iam::123456789012:role/2\nsource_profile = role\n\
         [profile self]\nrole_arn = arn:aws:iam::123456789012:role/3\nsource_profile = self\naws_access_key_id = OWNKEY\naws_secret_access_key = s\n\
         [profile environment]\nrole_arn = arn:aws:iam::123456789012:role/4\ncredential_source = Environment\n"
    );
    for (profile, expected) in [
        ("keys", &["FILEKEY"][..]),
        ("role", &["FILEKEY", "ROLEKEY1"]),
        ("chain", &["FILEKEY", "ROLEKEY1", "ROLEKEY2"]),
        ("self", &["OWNKEY", "ROLEKEY3"]),
    ] {
        let aws = account();
        // The keys in the environment are somebody else's: the flag wins over them.
        let flag = signed(&Traveller::new(&chain).with_keys(), &["--profile", profile], &aws);
        let variable = signed(&Traveller::new(&chain).with("AWS_PROFILE", profile), &[], &aws);
        assert_eq!((&flag, &variable), (&expected.iter().map(|key| (*key).to_owned()).collect(), &flag), "{profile}");
    }
    let aws = account();
    assert_eq!(signed(&Traveller::new(&chain).with_keys(), &["--profile", "environment"], &aws), ["ENVKEY", "ROLEKEY4"]);
}

#[test]
fn a_role_is_assumed_in_the_commands_region_with_what_its_profile_says() {
    let aws = account();
    let config = format!(
        "{KEYS}[profile role]\nrole_arn = arn:aws:iam::123456789012:role/1\nsource_profile = keys\nexternal_id = shop\nrole_session_name = me\n\
         duration_seconds = 3600\n"
    );
    signed(&Traveller::new(&config), &["--profile", "role"], &aws);
    let asked = aws.asked();
    let assuming: Vec<_> = asked.iter().filter(|asked| asked.field("Action") == Some("AssumeRole")).collect();
    assert_eq!(assuming.len(), 1, "once is enough");
    let fields = ["ExternalId", "RoleSessionName", "DurationSeconds"].map(|name| assuming[0].field(name).unwrap());
    assert_eq!((fields, assuming[0].region()), (["shop", "me", "3600"], "eu-west-1"));
}

#[test]
fn a_region_comes_with_its_profile() {
    let aws = account();
    let config = format!("{KEYS}region = eu-north-1\n[default]\nregion = us-east-2");
    let region = |arguments: &[&str]| {
        let before = aws.asked().len();
        Traveller::new(&config).with_keys().run(&[&["status", "--endpoint-url", &aws.url], arguments].concat()).succeeded();
        aws.asked()[before].region().to_owned()
    };
    assert_eq!(region(&["--profile", "keys"]), "eu-north-1");
    assert_eq!(region(&["--profile", "keys", "--region", "eu-west-3"]), "eu-west-3");
    assert_eq!(region(&[]), "us-east-2");
}

#[test]
fn a_token_is_exchanged_and_a_missing_one_is_named() {
    let aws = account();
    let traveller = Traveller::new("");
    let token = traveller.write("token", "a.b.c\n");
    let config = format!("[profile pod]\nrole_arn = arn:aws:iam::123456789012:role/5\nweb_identity_token_file = {token}");
    traveller.write(".aws/config", &config);
    // Nobody signs the exchange: the token is the credential.
    assert_eq!(signed(&traveller, &["--profile", "pod"], &aws), ["", "ROLEKEY5"]);
    assert_eq!(aws.asked()[0].field("WebIdentityToken"), Some("a.b.c"));
    let pod =
        Traveller::new("").with("AWS_WEB_IDENTITY_TOKEN_FILE", token).with("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/6");
    assert_eq!(signed(&pod, &[], &aws), ["", "ROLEKEY6"]);

    fs::remove_file(traveller.path("token")).unwrap();
    insta::assert_snapshot!(traveller.asks(&["--profile", "pod", "--endpoint-url", &aws.url]).failed(CREDENTIALS));
    let pod = Traveller::new("")
        .with("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/secrets/token")
        .with("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/6");
    insta::assert_snapshot!(pod.asks(&["--endpoint-url", &aws.url]).failed(CREDENTIALS));
}

#[test]
fn a_process_provides_credentials_or_says_why_not() {
    let aws = account();
    let traveller = Traveller::new("");
    let good = traveller.write("good", r#"echo '{"Version": 1, "AccessKeyId": "PROCESSKEY", "SecretAccessKey": "s"}'"#);
    let bad = traveller.write("bad", "echo 'the vault is locked' >&2; exit 3");
    let wrong = traveller.write("wrong", "echo 'Version: 1'");
    traveller.write(
        ".aws/config",
        &format!(
            "[profile good]\ncredential_process = sh \"{good}\" --token secret\n[profile bad]\ncredential_process = sh \"{bad}\" --token secret\n\
             [profile wrong]\ncredential_process = sh \"{wrong}\"\n\
             [profile role]\nrole_arn = arn:aws:iam::123456789012:role/7\nsource_profile = good\n"
        ),
    );
    assert_eq!(signed(&traveller, &["--profile", "good"], &aws), ["PROCESSKEY"]);
    assert_eq!(signed(&traveller, &["--profile", "role"], &aws), ["PROCESSKEY", "ROLEKEY7"]);
    let said = traveller.asks(&["--profile", "bad"]).failed(CREDENTIALS);
    assert!(said.contains("the vault is locked") && !said.contains("secret"), "{said}");
    insta::assert_snapshot!(said);
    insta::assert_snapshot!(traveller.asks(&["--profile", "wrong"]).failed(CREDENTIALS));
}

#[test]
fn a_session_that_is_not_there_is_to_be_made_by_signing_in() {
    let config = "[profile sso]\nsso_session = work\nsso_account_id = 123456789012\nsso_role_name = Admin\n\
                  [sso-session work]\nsso_region = eu-west-1\nsso_start_url = https://work.awsapps.com/start\n\
                  [profile old]\nsso_region = eu-west-1\nsso_start_url = https://work.awsapps.com/start\nsso_account_id = 123456789012\n\
                  sso_role_name = Admin\n\
                  [profile login]\nlogin_session = arn:aws:iam::123456789012:user/me\n\
                  [profile role]\nrole_arn = arn:aws:iam::123456789012:role/8\nsource_profile = sso\n";
    let traveller = Traveller::new(config).with_keys();
    for profile in ["sso", "old", "login", "role"] {
        let name = format!("no session {profile}");
        insta::assert_snapshot!(name, traveller.asks(&["--profile", profile]).failed(CREDENTIALS));
    }
}

#[test]
fn a_session_of_identity_center_gets_a_role() {
    let sso = StandIn::new(|asked| {
        if !asked.what.contains("/federation/credentials") {
            return answer(asked);
        }
        match asked.headers.get("x-amz-sso_bearer_token").map(String::as_str) {
            Some("TOKEN") => Answer::new(
                200,
                r#"{"roleCredentials":{"accessKeyId":"SSOKEY","secretAccessKey":"s","sessionToken":"t","expiration":32472144000000}}"#,
            ),
            _ => Answer {
                headers: vec![("x-amzn-errortype", "UnauthorizedException".to_owned())],
                ..Answer::new(401, r#"{"message":"Session token not found or invalid"}"#)
            },
        }
    });
    let config = "[profile sso]\nsso_region = eu-west-1\nsso_start_url = https://work.awsapps.com/start\nsso_account_id = 123456789012\n\
                  sso_role_name = Admin\n";
    // The name of the file is the SHA-1 of the start URL.
    let cache = ".aws/sso/cache/19aabcacc95f752e6b4e0978c9b2a1691b58f5e0.json";
    let traveller = Traveller::new(config).with("AWS_ENDPOINT_URL", &sso.url);
    fs::create_dir_all(traveller.path(".aws/sso/cache")).unwrap();
    let token = |text: &str| {
        format!(
            r#"{{"startUrl":"https://work.awsapps.com/start","region":"eu-west-1","accessToken":"{text}","expiresAt":"2999-01-01T00:00:00Z"}}"#
        )
    };
    traveller.write(cache, &token("TOKEN"));
    traveller.asks(&["--profile", "sso"]).succeeded();
    assert_eq!(sso.asked().last().unwrap().key(), "SSOKEY");
    traveller.write(cache, &token("REVOKED"));
    insta::assert_snapshot!(traveller.asks(&["--profile", "sso"]).failed(CREDENTIALS));
}

#[test]
fn a_code_is_not_asked_for_where_nobody_is() {
    let aws = account();
    let config = format!(
        "{KEYS}[profile admin]\nrole_arn = arn:aws:iam::123456789012:role/9\nsource_profile = keys\nmfa_serial = arn:aws:iam::123456789012:mfa/me\n"
    );
    let said = Traveller::new(&config).asks(&["--profile", "admin", "--endpoint-url", &aws.url]).failed(CREDENTIALS);
    insta::assert_snapshot!(said);
    assert!(aws.asked().is_empty(), "{:?}", aws.asked());
}

/// Runs the program at a terminal, which `script` makes, and types a line once a question is on the screen; everything that was shown.
fn typing(traveller: &Traveller, arguments: &[&str], question: &str, line: &str) -> String {
    let program = traveller.command(arguments);
    let words = [program.get_program()].into_iter().chain(program.get_args());
    let quoted: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--flush", "--command", &format!("exec {}", quoted.join(" ")), "/dev/null"]).env_clear();
    terminal
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(program.get_current_dir().unwrap());
    let mut child = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut has_typed, mut buffer) = (String::new(), false, [0; 4096]);
    while let Ok(read @ 1..) = screen.read(&mut buffer) {
        shown.push_str(&String::from_utf8_lossy(&buffer[..read]));
        if !has_typed && shown.contains(question) {
            has_typed = true;
            keyboard.write_all(line.as_bytes()).unwrap();
            keyboard.flush().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(has_typed, "{shown}");
    shown
}

#[test]
fn a_code_is_asked_for_once_at_a_terminal() {
    let aws = account();
    let device = "arn:aws:iam::123456789012:mfa/me";
    let config = format!(
        "{KEYS}[profile admin]\nrole_arn = arn:aws:iam::123456789012:role/9\nsource_profile = keys\nmfa_serial = {device}\n"
    );
    let traveller = Traveller::new(&config);
    let arguments = ["status", "-vv", "--region", "eu-west-1", "--profile", "admin", "--endpoint-url", &aws.url];
    let question = format!("Code of the MFA device {device}: ");
    let shown = typing(&traveller, &arguments, &question, "123456\n");
    assert_eq!(shown.matches(&question).count(), 1, "{shown}");
    assert!(shown.contains("Sign in for stage default · account 123456789012 · role 9 (profile admin). Code"), "{shown}");
    let asked = aws.asked();
    assert_eq!((asked[0].field("TokenCode"), asked[0].field("SerialNumber").is_some()), (Some("123456"), true));
    assert!(asked[1..].iter().all(|asked| asked.key() == "ROLEKEY9"), "{asked:?}");
    // The terminal shows what is typed; nothing else does.
    assert_eq!(shown.matches("123456\r\n").count(), 1, "{shown}");
    assert!(!shown.replace("123456789012", "").replacen("123456", "", 1).contains("123456"), "{shown}");

    let before = aws.asked().len();
    let shown = typing(&traveller, &arguments, &question, "12345\n");
    assert!(shown.contains("an MFA code is six digits"), "{shown}");
    assert_eq!(aws.asked().len(), before, "a code that is none is not sent");
}

#[test]
fn a_profile_that_does_not_exist_is_an_error_that_names_the_files() {
    let aws = account();
    let fails = |traveller: &Traveller, arguments: &[&str]| {
        let said = traveller.asks(&[arguments, &["--endpoint-url", &aws.url]].concat()).failed(CREDENTIALS);
        assert!(aws.asked().is_empty(), "nobody was asked instead: {:?}", aws.asked());
        said
    };
    let keys = Traveller::new(KEYS).with_keys();
    insta::assert_snapshot!(fails(&keys, &["--profile", "nobody"]));
    insta::assert_snapshot!(fails(&Traveller::new(KEYS).with_keys().with("AWS_PROFILE", "nobody"), &[]));
    let file = Traveller::new(KEYS);
    file.configure("[defaults]\nprofile = 'nobody'");
    insta::assert_snapshot!(fails(&file, &[]));
    let elsewhere = Traveller::new(KEYS).with("AWS_CONFIG_FILE", "~/other").with("AWS_SHARED_CREDENTIALS_FILE", "");
    insta::assert_snapshot!(fails(&elsewhere, &["--profile", "keys"]));
    let unprefixed = Traveller::new("[work]\nregion = eu-west-1");
    insta::assert_snapshot!(fails(&unprefixed, &["--profile", "work"]));
}

#[test]
fn a_file_that_cannot_be_used_is_an_error_with_its_line() {
    let broken = Traveller::new("[default]\nregion = eu-west-1\noutput json\n").with_keys();
    insta::assert_snapshot!(broken.asks(&[]).failed(CREDENTIALS));
    let folder = Traveller::new("").with_keys().with("AWS_CONFIG_FILE", "~/.aws");
    insta::assert_snapshot!(folder.asks(&[]).failed(CREDENTIALS));
}

#[test]
fn an_empty_variable_names_nothing() {
    let aws = account();
    let mut traveller = Traveller::new("").with_keys();
    for name in
        ["AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SESSION_TOKEN"]
    {
        traveller = traveller.with(name, "");
    }
    assert_eq!(signed(&traveller, &[], &aws), ["ENVKEY"]);
    let file = Traveller::new("[default]\naws_access_key_id = FILEKEY\naws_secret_access_key = s")
        .with("AWS_ACCESS_KEY_ID", "")
        .with("AWS_SECRET_ACCESS_KEY", "")
        .with("AWS_WEB_IDENTITY_TOKEN_FILE", "");
    assert_eq!(signed(&file, &[], &aws), ["FILEKEY"]);
}
