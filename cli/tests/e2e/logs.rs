//! What the functions printed, as it is read back: by people, by programs, and while it goes on.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    cloud::Cloud,
    shop::{Customer, Shop},
};

const CART: &str = "aws-serverless-shopping-cart-shoppingcart-service";

/// How long a line may take until it is told; that it never is, is what this would show.
const LIMIT: Duration = Duration::from_secs(30);

/// `cartctl logs --follow`, and its lines as they come.
struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(cloud: &Cloud, arguments: &[&str]) -> Self {
        let mut command = cloud.project.command(&[&["logs", "--local", "--follow"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout: ChildStdout = child.stdout.take().unwrap();
        thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// All lines up to one that contains this.
    #[track_caller]
    fn until(&self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| !line.contains(text)) {
            lines.push(self.lines.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("never `{text}`, but {lines:#?}")));
        }
        lines
    }

    /// Ctrl-C; the lines that were left, and the exit code.
    fn interrupt(mut self) -> (Vec<String>, Option<i32>) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let code = self.child.wait().unwrap().code();
        (self.lines.iter().collect(), code)
    }
}

/// Writes into a function's log as if it had printed this some time ago.
async fn arrives_late(cloud: &Cloud, group: &str, message: &str, before: &Value) {
    let stream = json!({ "logGroupName": group, "logStreamName": message });
    cloud.call("logs", "Logs_20140328.CreateLogStream", &stream).await;
    let at = before["timestamp"].as_i64().unwrap() - 20_000;
    let events = json!([{ "timestamp": at, "message": message }]);
    let put = json!({ "logGroupName": group, "logStreamName": message, "logEvents": events });
    cloud.call("logs", "Logs_20140328.PutLogEvents", &put).await;
}

#[tokio::test]
async fn what_the_functions_print_can_be_read_and_followed() {
    let cloud = Cloud::new();
    cloud.run(&["local", "--detach"]).succeeded();
    let shop = Shop::of_stage(&cloud, "default");
    let [product] = shop.catalogue().await;
    let add = async |body: &str| shop.cart(&Customer::default(), "POST", "/cart", body).await.status;
    let right = json!({ "productId": product, "quantity": 2 }).to_string();
    assert_eq!((add(&right).await, add("no JSON").await), (200, 400));

    let (text, story) = cloud.run(&["logs", "--local"]).succeeded();
    assert_eq!(story, "wait      reading the logs of 10 functions …\n");
    let line = |of: &str, what: &str| text.lines().any(|line| line.contains(&format!("Z {of} ")) && line.contains(what));
    assert!(line("add-to-cart", "INFO  answered owner="), "{text}");
    assert!(line("add-to-cart", "INFO  refused owner="), "{text}");
    assert!(line("get-product", "status=200 request="), "{text}");
    assert!(!text.contains("_aws") && !text.contains("REPORT") && !text.contains('\u{1b}'), "{text}");
    let times: Vec<_> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert!(times.is_sorted() && times.iter().all(|time| time.len() == "2026-11-23T05:35:04.503Z".len()), "{text}");

    let (raw, _) = cloud.run(&["logs", "--local", "AddToCartHandler", "--output", "json"]).succeeded();
    let raw: Vec<Value> = raw.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let messages: Vec<Value> = raw.iter().filter_map(|line| serde_json::from_str(line["message"].as_str().unwrap()).ok()).collect();
    assert!(raw.iter().all(|line| line["function"] == "add-to-cart"), "{raw:?}");
    assert_eq!(messages.iter().map(|message| &message["status"]).collect::<Vec<_>>(), [200, 400]);

    // What is found again by the owner that one line names, and what is not found.
    let owner = messages[0]["owner"].as_str().unwrap();
    let (one, _) = cloud.run(&["logs", "--local", "--filter", owner]).succeeded();
    assert_eq!(one.lines().count(), 1, "{one}");
    let (none, story) = cloud.run(&["logs", "--local", "--errors"]).succeeded();
    assert_eq!(none, "");
    assert!(story.ends_with("note      no log entries in the last 10 minutes; try `--since 1h`\n"), "{story}");
    let (all, _) = cloud.run(&["logs", "--local", "--all", "add-to-cart"]).succeeded();
    assert_eq!(all.lines().filter(|line| line.contains("REPORT RequestId: ")).count(), 2, "{all}");

    let following = Following::start(&cloud, &["--since", "1h", "--output", "json", "add-to-cart"]);
    let mut lines = following.until(r#"\"status\":400"#);
    assert_eq!(add(&right).await, 200);
    lines.extend(following.until("CartUpdated"));
    let group = cloud.resources(CART).await["AddToCartHandlerLogs"].clone();
    arrives_late(&cloud, &group, "late", raw.last().unwrap()).await;
    lines.extend(following.until(r#""message":"late""#));
    // By then everything was read many times.
    assert_eq!(add("no JSON").await, 400);
    lines.extend(following.until(r#"\"status\":400"#));
    let (rest, code) = following.interrupt();
    assert_eq!(code, Some(0), "it is how it ends");
    lines.extend(rest);
    let told: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.iter().map(ToString::to_string).collect::<BTreeSet<_>>().len(), told.len(), "nothing twice: {lines:#?}");
    let statuses = told.iter().filter_map(|line| serde_json::from_str::<Value>(line["message"].as_str().unwrap()).ok());
    assert_eq!(statuses.map(|message| message["status"].clone()).collect::<Vec<_>>(), [200, 400, 200, 400]);

    // Who stops reading has what they wanted.
    let mut following = Following::start(&cloud, &["--since", "1h"]);
    following.until("add-to-cart");
    drop(following.lines);
    while following.child.try_wait().unwrap().is_none() {
        assert_eq!(add(&right).await, 200);
    }
    assert_eq!(following.child.wait().unwrap().code(), Some(0));

    cloud.reset().await;
    let nothing = cloud.run(&["logs", "--local"]).failed(1);
    let said = "error: the products stack of the stage `default` is not deployed\nhint: `cartctl deploy --local --config '[folder]/cartctl.toml'` deploys it\n";
    assert!(cloud.project.anonymous(&nothing).ends_with(said), "{nothing}");
    cloud.stop();
}
