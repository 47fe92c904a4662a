//! What cannot work: every failure has its exit code, one error, a hint where there is something to try, and changes nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/program.rs"]
mod program;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::ffi::OsStrExt,
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use camino::Utf8PathBuf;
use program::{Project, finish};

const USAGE: i32 = 2;
const DECLINED: i32 = 3;
const CREDENTIALS: i32 = 4;
const FAILED: i32 = 1;

/// Somebody without an AWS account, and with an environment that has nothing but these variables.
struct Stranger {
    project: Project,
    environment: Vec<(&'static str, &'static str)>,
}

impl Stranger {
    fn new(configuration: &str) -> Self {
        let configuration = format!("frontend.env-file = '.env'\nlocal.directory = 'not here'\n{configuration}");
        let project = Project::new(&configuration);
        fs::create_dir(project.path("home")).unwrap();
        Self { project, environment: Vec::new() }
    }

    /// The same, with keys.
    fn with_keys(mut self) -> Self {
        self.environment = vec![("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
        self
    }

    /// The same, with this variable too.
    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.env_clear().env("HOME", self.project.path("home")).env("AWS_EC2_METADATA_DISABLED", "true");
        command.envs(self.environment.iter().copied());
        command
    }

    /// Fails to do this, and shows how, without what differs from machine to machine.
    #[track_caller]
    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let before = self.files();
        let run = finish(&mut self.command(arguments));
        assert_eq!(run.stdout, "", "there is no answer");
        let story = run.failed(code);
        assert_eq!(self.files(), before, "something was made");
        format!("$ cartctl {}\n{}", arguments.join(" "), self.project.anonymous(&story))
    }

    /// The same, where there is something to try next.
    #[track_caller]
    fn fails_with_hint(&self, code: i32, arguments: &[&str]) -> String {
        let shown = self.fails(code, arguments);
        assert_eq!(shown.lines().filter(|line| line.starts_with("hint: ")).count(), 1, "{shown}");
        shown
    }

    fn files(&self) -> BTreeSet<Utf8PathBuf> {
        let files = self.project.path("").read_dir_utf8().unwrap().chain(self.project.path("home").read_dir_utf8().unwrap());
        files.map(|entry| entry.unwrap().into_path()).collect()
    }
}

#[test]
fn a_stage_that_is_not_configured() {
    insta::assert_snapshot!(Stranger::new("[stages.staging]").fails_with_hint(USAGE, &["status", "--stage", "stagging"]));
    insta::assert_snapshot!(Stranger::new("").fails_with_hint(USAGE, &["deploy", "--stage", "production"]));
    insta::assert_snapshot!(Stranger::new("").fails(USAGE, &["deploy", "--stage", "Production!"]));
}

#[test]
fn a_configuration_that_cannot_be_used() {
    for (name, configuration) in [
        ("syntax", "[defaults\n"),
        ("unknown key", "[defaults]\nregoin = 'eu-west-1'"),
        ("origin", "[defaults]\nallowed-origin = '*'"),
        ("retention", "[stages.production]\nlog-retention-days = 15"),
        ("stage name", "[stages.auth]"),
        ("port", "local.port = 99999"),
        ("site port", "local.site-port = 0"),
        ("alarm topic", "[defaults]\nalarm-topic = 'arn:aws:sns:eu-west-1:123456789012:alarms.fifo'"),
        ("monitoring", "[stages.production]\nmonitoring = 'yes'"),
        ("firewall", "[stages.production]\nwaf = 'on'"),
    ] {
        // Where the line is and what is possible there is said by the error itself.
        insta::assert_snapshot!(name, Stranger::new(configuration).fails(USAGE, &["diff"]));
    }
}

#[test]
fn a_configuration_file_that_is_not_there() {
    let stranger = Stranger::new("");
    fs::remove_file(stranger.project.path("cartctl.toml")).unwrap();
    insta::assert_snapshot!(stranger.fails_with_hint(USAGE, &["status"]));
}

#[test]
fn nobody_says_who_or_where() {
    insta::assert_snapshot!(Stranger::new("").fails_with_hint(CREDENTIALS, &["deploy", "--region", "eu-west-1"]));
    insta::assert_snapshot!(Stranger::new("").with_keys().fails_with_hint(USAGE, &["deploy"]));
}

#[test]
fn a_profile_that_is_asked_for_is_taken_or_nothing_is() {
    // The keys are those of somebody else.
    let stranger = Stranger::new("").with_keys();
    insta::assert_snapshot!(stranger.fails_with_hint(CREDENTIALS, &["delete", "--region", "eu-west-1", "--profile", "nobody"]));
}

#[test]
fn an_endpoint_that_does_not_answer() {
    let stranger = Stranger::new("").with_keys();
    let commands = ["deploy", "diff", "delete", "frontend-env", "status", "outputs", "totals", "logs"];
    // At once, since each asks several times, with pauses.
    let fail =
        |command| stranger.fails_with_hint(FAILED, &[command, "--region", "eu-west-1", "--endpoint-url", "http://127.0.0.1:1"]);
    let shown = thread::scope(|scope| {
        let runs = commands.map(|command| scope.spawn(move || fail(command)));
        runs.map(|run| run.join().unwrap())
    });
    for (command, shown) in commands.into_iter().zip(shown) {
        // The number of the error is the system's.
        insta::with_settings!({ filters => [(r"os error \d+", "os error [number]")] }, { insta::assert_snapshot!(command, shown) });
    }
}

#[test]
fn a_local_cloud_that_does_not_run() {
    let stranger = Stranger::new("");
    for command in ["deploy", "diff", "delete", "frontend-env", "status", "outputs", "totals", "logs"] {
        let shown = stranger.fails_with_hint(USAGE, &[command, "--local"]);
        assert!(shown.contains("error: the local cloud is not running\n"), "{shown}");
    }
    let stopped = finish(&mut stranger.project.command(&["local", "--stop"])).succeeded();
    assert_eq!(stopped, ("the local cloud was not running\n".to_owned(), String::new()));
}

#[test]
fn what_cannot_be_meant() {
    let stranger = Stranger::new("");
    insta::assert_snapshot!(stranger.fails(USAGE, &["deploy", "everything"]));
    insta::assert_snapshot!(stranger.fails(USAGE, &["status", "--local", "--profile", "shop"]));
    insta::assert_snapshot!(stranger.fails(USAGE, &["local", "--detach", "--stop"]));
    insta::assert_snapshot!(stranger.fails(USAGE, &["totals", "--rebuild", "--rate", "0"]));
    insta::assert_snapshot!(stranger.fails(USAGE, &["totals", "--protected-ok"]));
}

/// An AWS that knows one account with nothing in it, and remembers what it was asked and by which service.
struct Aws {
    url: String,
    asked: Arc<Mutex<BTreeSet<String>>>,
    /// The service of every call.
    calls: Arc<Mutex<Vec<String>>>,
}

impl Aws {
    /// Answers to a question for any bucket with this status.
    fn with_bucket(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<BTreeSet<String>>>::default();
        let calls = Arc::<Mutex<Vec<String>>>::default();
        let (log, count) = (Arc::clone(&asked), Arc::clone(&calls));
        // Ends with the test.
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let request: Vec<_> =
                    BufReader::new(&connection).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                // A caller that has read enough hangs up.
                let Some(first) = request.first() else { continue };
                let header = |name: &str| request.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
                // The signature says which service is meant: `…/eu-west-1/sts/aws4_request, …`.
                let service = header("authorization: ").split('/').nth(3).unwrap_or_default();
                let (status, body) = match service {
                    "sts" => ("200 OK", WHO_AM_I),
                    "cloudformation" => ("400 Bad Request", NO_SUCH_STACK),
                    "ssm" => ("200 OK", r#"{"Parameters":[]}"#),
                    "s3" => (status, ""),
                    _ => ("418 I'm a teapot", ""),
                };
                count.lock().unwrap().push(service.to_owned());
                log.lock().unwrap().insert([service, first, header("x-amz-expected-bucket-owner: ")].join(" "));
                let length = body.len();
                write!(connection, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").ok();
            }
        });
        Self { url, asked, calls }
    }

    fn calls(&self, service: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|called| *called == service).count()
    }
}

const WHO_AM_I: &str = "<GetCallerIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><GetCallerIdentityResult>\
    <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

const NO_SUCH_STACK: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
    <Message>Stack with id it does not exist</Message></Error></ErrorResponse>";

#[test]
fn a_bucket_of_somebody_else() {
    let stranger = Stranger::new("").with_keys();
    for (name, status, code) in [("forbidden", "403 Forbidden", CREDENTIALS), ("absent", "404 Not Found", FAILED)] {
        let aws = Aws::with_bucket(status);
        let arguments = ["deploy", "--region", "eu-west-1", "--endpoint-url", &aws.url, "--bucket", "somebody-elses"];
        let shown = stranger.fails_with_hint(code, &arguments);
        insta::assert_snapshot!(name, shown.replace(&aws.url, "[url]"));
        let asked = aws.asked.lock().unwrap();
        let questions = ["cloudformation POST / HTTP/1.1 ", "s3 HEAD /somebody-elses/ HTTP/1.1 123456789012"];
        let questions = questions.into_iter().chain(["ssm POST / HTTP/1.1 ", "sts POST / HTTP/1.1 "]);
        assert!(asked.iter().eq(questions), "something was written: {asked:?}");
    }
}

#[test]
fn a_stage_that_belongs_elsewhere() {
    let aws = Aws::with_bucket("404 Not Found");
    for (name, pin) in [("account", "account = '999999999999'"), ("region", "account = '123456789012'\nregion = 'us-east-1'")] {
        let stranger = Stranger::new(&format!("[stages.staging]\n{pin}")).with_keys();
        for command in ["deploy", "delete", "totals"] {
            let arguments = [command, "--stage", "staging", "--yes", "--region", "eu-west-1", "--endpoint-url", &aws.url];
            let shown = stranger.fails_with_hint(CREDENTIALS, &arguments);
            insta::assert_snapshot!(format!("{command} pinned {name}"), shown.replace(&aws.url, "[url]"));
        }
    }
    let asked = aws.asked.lock().unwrap();
    assert!(asked.iter().eq(["sts POST / HTTP/1.1 "]), "it is the first thing that is asked: {asked:?}");
}

/// The commands that only read, and build nothing.
const READING: [&str; 5] = ["status", "outputs", "attach", "logs", "frontend-env"];

#[test]
fn nothing_of_another_account_is_shown() {
    let aws = Aws::with_bucket("404 Not Found");
    for (name, pin) in [("account", "account = '999999999999'"), ("region", "account = '123456789012'\nregion = 'us-east-1'")] {
        let stranger = Stranger::new(&format!("[stages.staging]\n{pin}")).with_keys();
        for command in READING.into_iter().chain(["diff"]) {
            let arguments = [command, "--stage", "staging", "--region", "eu-west-1", "--endpoint-url", &aws.url];
            let shown = stranger.fails_with_hint(CREDENTIALS, &arguments);
            insta::assert_snapshot!(format!("{command} pinned {name}"), shown.replace(&aws.url, "[url]"));
        }
    }
}

#[test]
fn a_reading_command_says_where_it_reads() {
    let pinned = Stranger::new("[stages.staging]\naccount = '123456789012'").with_keys();
    let unpinned = Stranger::new("[stages.staging]").with_keys();
    for command in READING {
        let aws = Aws::with_bucket("404 Not Found");
        let arguments = [command, "--stage", "staging", "--region", "eu-west-1", "--endpoint-url", &aws.url];
        // What is not deployed has no logs and no configuration; that is not the point here.
        let told = |stranger: &Stranger| {
            let story = finish(&mut stranger.command(&arguments)).stderr;
            story.lines().filter(|line| line.contains("123456789012") && line.contains("eu-west-1")).count()
        };
        assert_eq!(told(&pinned), 1, "{command}");
        assert_eq!(aws.calls("sts"), 1, "{command}");
        assert_eq!(told(&unpinned), 0, "{command}");
        assert_eq!(aws.calls("sts"), 1, "{command}");
    }
}

#[test]
fn the_region_of_the_stages_own_section_wins_over_the_environment() {
    let aws = Aws::with_bucket("404 Not Found");
    let region = |stranger: &Stranger, arguments: &[&str]| {
        let arguments = [&["status", "--output", "json", "--endpoint-url", &aws.url], arguments].concat();
        let (answer, story) = finish(&mut stranger.command(&arguments)).succeeded();
        let region = answer.lines().find_map(|line| line.trim().strip_prefix("\"region\": \""));
        (region.unwrap().trim_end_matches(['"', ',']).to_owned(), story)
    };
    let file = "[defaults]\nregion = 'eu-central-1'\n[stages.staging]\nregion = 'eu-west-1'\n[stages.test]";
    for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        let stranger = Stranger::new(file).with_keys().with(variable, "us-west-2");
        let (own, story) = region(&stranger, &["--stage", "staging"]);
        assert_eq!(own, "eu-west-1");
        let notice = format!("the region is eu-west-1, from the stage's section of cartctl.toml; {variable}=us-west-2 is ignored");
        assert_eq!(story.matches(&notice).count(), 1, "{story}");
        assert_eq!(region(&stranger, &["--stage", "staging", "--region", "us-east-1"]), ("us-east-1".to_owned(), String::new()));
        assert_eq!(region(&stranger, &["--stage", "test"]), ("us-west-2".to_owned(), String::new()));
        assert_eq!(region(&stranger, &[]), ("us-west-2".to_owned(), String::new()));
    }
    assert_eq!(region(&Stranger::new(file).with_keys(), &["--stage", "test"]), ("eu-central-1".to_owned(), String::new()));
}

#[test]
fn a_protected_stage_that_was_not_meant() {
    let stranger = Stranger::new("stages.production.protected = true").with_keys();
    for command in ["deploy", "delete"] {
        let arguments = [command, "--stage", "production", "--yes", "--endpoint-url", "http://127.0.0.1:1"];
        insta::assert_snapshot!(format!("{command} protected"), stranger.fails_with_hint(DECLINED, &arguments));
    }
    let arguments = ["totals", "--rebuild", "--stage", "production", "--yes", "--endpoint-url", "http://127.0.0.1:1"];
    insta::assert_snapshot!("totals protected", stranger.fails_with_hint(DECLINED, &arguments));
}

#[test]
fn an_origin_that_a_protected_stage_does_not_allow() {
    for (name, origin) in [("loopback", "https://localhost:8443"), ("plain", "http://shop.example")] {
        let stranger = Stranger::new(&format!("[stages.production]\nprotected = true\nallowed-origin = '{origin}'")).with_keys();
        for arguments in [&["deploy", "--protected-ok"][..], &["diff"], &["synth"]] {
            let arguments = [arguments, &["--stage", "production"]].concat();
            insta::assert_snapshot!(format!("{} {name} origin", arguments[0]), stranger.fails(USAGE, &arguments));
        }
    }
}

#[test]
fn carts_that_are_not_deployed() {
    let aws = Aws::with_bucket("404 Not Found");
    let stranger = Stranger::new("[stages.staging]").with_keys();
    let arguments = ["totals", "--rebuild", "--yes", "--stage", "staging", "--region", "eu-west-1", "--endpoint-url", &aws.url];
    insta::assert_snapshot!(stranger.fails_with_hint(FAILED, &arguments).replace(&aws.url, "[url]"));
    let asked = aws.asked.lock().unwrap();
    assert!(asked.iter().eq(["cloudformation POST / HTTP/1.1 ", "sts POST / HTTP/1.1 "]), "{asked:?}");
}

#[test]
fn logs_that_are_not_there() {
    let aws = Aws::with_bucket("404 Not Found");
    let stranger = Stranger::new("[stages.staging]").with_keys();
    let fails = |code, arguments: &[&str]| {
        let arguments = [&["logs", "--stage", "staging", "--region", "eu-west-1", "--endpoint-url", &aws.url], arguments].concat();
        stranger.fails_with_hint(code, &arguments).replace(&aws.url, "[url]")
    };
    insta::assert_snapshot!("logs not deployed", fails(FAILED, &[]));
    insta::assert_snapshot!("logs of one not deployed", fails(FAILED, &["--follow", "list-cart"]));
    let asked = aws.asked.lock().unwrap().clone();
    assert!(asked.iter().eq(["cloudformation POST / HTTP/1.1 "]), "{asked:?}");
    insta::assert_snapshot!("logs of nobody", fails(USAGE, &["list-cart", "list-carts"]));
    // What the command line itself refuses points to the help instead.
    insta::assert_snapshot!("logs since when", stranger.fails(USAGE, &["logs", "--since", "yesterday"]));
    assert_eq!(*aws.asked.lock().unwrap(), asked, "nothing more was asked");
}

#[test]
fn an_account_that_is_none() {
    insta::assert_snapshot!(Stranger::new("defaults.account = 123456789012").fails(USAGE, &["status"]));
    insta::assert_snapshot!(Stranger::new("defaults.account = '12345'").fails(USAGE, &["status"]));
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    const EMPTY: [&str; 20] = [
        "CARTCTL_STAGE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_CLOUDFORMATION",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CA_BUNDLE",
        "AWS_SESSION_TOKEN",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_MAX_ATTEMPTS",
        "AWS_USE_FIPS_ENDPOINT",
        "S3_BUCKET",
        "HTTPS_PROXY",
        "NO_COLOR",
    ];
    let with_empty = |stranger| EMPTY.iter().fold(stranger, |stranger: Stranger, name| stranger.with(name, ""));
    let aws = Aws::with_bucket("404 Not Found");
    let arguments = ["status", "--region", "eu-west-1", "--endpoint-url", &aws.url];
    let plain = finish(&mut Stranger::new("").with_keys().command(&arguments)).succeeded();
    assert_eq!(finish(&mut with_empty(Stranger::new("").with_keys()).command(&arguments)).succeeded(), plain);
    for (code, arguments) in [(CREDENTIALS, vec!["deploy", "--region", "eu-west-1"]), (USAGE, vec!["status", "--stage", "nowhere"])]
    {
        let plain = Stranger::new("").fails(code, &arguments);
        assert_eq!(with_empty(Stranger::new("")).fails(code, &arguments), plain);
    }
    assert_eq!(
        with_empty(Stranger::new("").with_keys()).fails(USAGE, &["deploy"]),
        Stranger::new("").with_keys().fails(USAGE, &["deploy"])
    );
    // One after the other, too: a process that was started again for one of them must not hide the rest.
    for name in EMPTY {
        assert_eq!(finish(&mut Stranger::new("").with_keys().with(name, "").command(&arguments)).succeeded(), plain, "{name}");
    }
    let default = Stranger::new("").with_keys().with("AWS_REGION", "").with("AWS_DEFAULT_REGION", "eu-west-1");
    let story = finish(&mut default.command(&["status", "--output", "json", "--endpoint-url", &aws.url])).succeeded().0;
    assert!(story.contains("\"region\": \"eu-west-1\""), "{story}");
}

#[test]
fn a_variable_that_cannot_be_used() {
    for (name, value) in [
        ("CARTCTL_STAGE", "Production"),
        ("AWS_REGION", "eu-west-1a"),
        ("AWS_DEFAULT_REGION", "EU-WEST-1"),
        ("AWS_PROFILE", "[work]"),
        ("AWS_ENDPOINT_URL", "localhost:4566"),
        ("AWS_ENDPOINT_URL_STS", "not a url"),
        ("S3_BUCKET", "arn:aws:s3:::my-code"),
    ] {
        let shown = Stranger::new("").with_keys().with(name, value).fails(USAGE, &["diff"]);
        assert!(shown.contains(&format!("error: {name}: `{value}` is not ")), "{shown}");
        insta::assert_snapshot!(name, shown);
    }
    for name in ["CARTCTL_STAGE", "AWS_REGION", "AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "S3_BUCKET"] {
        let run = finish(Stranger::new("").command(&["status"]).env(name, OsStr::from_bytes(b"caf\xe9")));
        assert_eq!(run.failed(USAGE), format!("error: {name} is not UTF-8\n"));
    }
    let unknown = Stranger::new("[stages.staging]").with("CARTCTL_STAGE", "stagging").fails_with_hint(USAGE, &["status"]);
    insta::assert_snapshot!("stage of the environment", unknown);
}

#[test]
fn a_variable_that_is_not_taken_may_be_anything() {
    let aws = Aws::with_bucket("404 Not Found");
    let stranger = Stranger::new("").with_keys().with("AWS_REGION", "here").with("AWS_PROFILE", " ").with("S3_BUCKET", "code");
    let stranger = stranger.with("AWS_ENDPOINT_URL", "there").with("CARTCTL_STAGE", "!");
    let arguments = ["--stage", "default", "--region", "eu-west-1", "--endpoint-url", &aws.url, "--profile", "nobody"];
    // All variables are replaced by flags, the last of which names nobody.
    stranger.fails(CREDENTIALS, &[&["status"], arguments.as_slice()].concat());
    let local = stranger.fails(USAGE, &["status", "--local", "--stage", "default"]);
    assert!(local.contains("error: the local cloud is not running"), "{local}");
}

#[test]
fn a_flag_that_cannot_be_used() {
    let stranger = Stranger::new("").with_keys();
    for (arguments, said) in [
        (["status", "--region", "eu-west-1a"], "not a region: write the region that it is in, eu-west-1"),
        (["status", "--region", ""], "not a region: write the code of one, such as eu-west-1"),
        (["status", "--profile", ""], "not a profile's name"),
        (["status", "--endpoint-url", "localhost:4566"], "write http://localhost:4566 or https://localhost:4566"),
        (["status", "--endpoint-url", "http://localhost:4566?a=b"], "leave out everything from `?` or `#` on"),
        (["status", "--stage", "Staging"], "`Staging` is not a name for a stage"),
        (["deploy", "--bucket", "My_Bucket"], "3 to 63 lower-case letters"),
        (["deploy", "--bucket", "s3://my-code"], "write my-code"),
        (["deploy", "--bucket", ""], "3 to 63 lower-case letters"),
        (["deploy", "--packages", ""], "a path is never empty"),
        (["deploy", "--timeline", ""], "a path is never empty"),
        (["status", "--events", ""], "a path is never empty"),
        (["status", "--config", ""], "a path is never empty"),
        (["frontend-env", "--out", " "], "a path is never empty"),
        (["synth", "--out", ""], "a path is never empty"),
        (["package", "--arch", "arm"], "Lambda has arm64 and x86_64"),
        (["local", "--port", "0"], "0 is not in 1..=65535"),
        (["local", "--port", "65536"], "65536 is not in 1..=65535"),
        (["logs", "--since", "1M"], "90s, 10m, 2h or 7d"),
    ] {
        let shown = stranger.fails(USAGE, &arguments);
        assert!(shown.contains(said), "{shown}");
    }
}
