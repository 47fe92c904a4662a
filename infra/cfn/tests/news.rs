//! An app of its own, with nothing but this crate. The app breaks no rule, and `cfn-lint` finds nothing in it.

use std::{fs, path::Path, process::Command};

use cfn::{
    Code, Seconds, Visibility,
    access::widened,
    check::{check, check_stack},
};
use serde_json::json;

use self::app::{CODE, FEED, READER, TIMEOUT, app, feed, reader};

#[path = "news/app.rs"]
mod app;

fn code() -> Code {
    Code::not_packaged([CODE])
}

#[test]
fn the_reader_is_deployed_after_the_feed_with_code_of_its_own() {
    let app = app(&code(), Visibility::of_worker(TIMEOUT));
    assert_eq!(app.depends_on(READER), [FEED]);
    let reader = app.stack(READER).unwrap();
    assert_eq!((reader.name(), reader.packages()), ("news-reader", &[CODE][..]));
    assert_eq!(app.stack(FEED).unwrap().publishes(), ["/news/feed/news-arn"]);
    assert!(app.site().is_none());
    assert_eq!(reader.template().defined_at("Inbox").unwrap().file(), "infra/cfn/tests/news/app.rs");
}

#[test]
fn a_topic_is_written_as_cloudformation_takes_it() {
    let (feed, news) = feed();
    let reader = reader(&news, &code(), Visibility::of_worker(TIMEOUT)).template().as_json();
    assert_eq!(feed.template().as_json()["Resources"]["News"]["Properties"], json!({ "DisplayName": "News" }));
    let subscription = json!({
        "TopicArn": { "Ref": "NewsArn" }, "Protocol": "sqs", "Endpoint": { "Fn::GetAtt": ["Inbox", "Arn"] },
        "RawMessageDelivery": true,
    });
    assert_eq!(reader["Resources"]["InboxSubscription"]["Properties"], subscription);
    assert_eq!(reader["Resources"]["UnreadAlarm"]["Properties"]["AlarmActions"], json!([{ "Ref": "NewsArn" }]));
    let allowed: Vec<_> = widened(None, Some(&reader)).into_iter().map(|it| it.allows).collect();
    assert!(allowed.contains(&"sns.amazonaws.com may sqs:SendMessage on Inbox on behalf of NewsArn".to_owned()), "{allowed:?}");
}

#[test]
fn no_rule_is_broken_unless_the_queue_gives_the_reader_too_little_time() {
    assert_eq!(check(&app(&code(), Visibility::of_worker(TIMEOUT)), &[]), []);
    let (_, news) = feed();
    let found = check_stack(&reader(&news, &code(), Visibility::of_worker(Seconds::new(19))), &[]);
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        finding.to_string(),
        "reader: Trigger: the queue hides messages for 114 s, less than six times the function's 20 s (short-visibility)"
    );
}

#[test]
fn cfn_lint_finds_nothing() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/cfn-lint");
    assert!(program.exists(), "{} is not installed: `make test` installs it", program.display());
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("news");
    fs::create_dir_all(&directory).unwrap();
    let templates = app(&code(), Visibility::of_worker(TIMEOUT))
        .stacks()
        .iter()
        .map(|stack| {
            let file = directory.join(format!("{}.json", stack.id()));
            fs::write(&file, stack.template().to_json()).unwrap();
            file
        })
        .collect::<Vec<_>>();
    let lint = Command::new(program).arg("--template").args(templates).output().unwrap();
    assert!(lint.status.success() && lint.stdout.is_empty(), "{}", String::from_utf8_lossy(&lint.stdout));
}
