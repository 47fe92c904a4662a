//! A local cloud of a test's own: started by `cartctl local --detach`, stopped whatever happens, and looked into through the APIs of
//! the emulator rather than through the program under test.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::TcpListener,
    process::Command,
    time::SystemTime,
};

use aws_sdk_cloudformation::config::{BehaviorVersion, Credentials, Region};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    },
    sign::v4::SigningParams,
};
use aws_smithy_runtime_api::client::identity::Identity;
use serde_json::{Value, json};

use crate::program::{Project, Run, finish};

/// A local cloud, and the project that is deployed to it.
pub(crate) struct Cloud {
    /// The configuration, and what is written by way of it.
    pub project: Project,
    /// Where it listens.
    pub port: u16,
    /// Where the shop's page is, for a test that is about it: the others do without.
    pub page: Option<u16>,
    http: reqwest::Client,
}

impl Cloud {
    /// A project whose local cloud does not run yet.
    pub(crate) fn new() -> Self {
        let port = free_port();
        // An answer without a body is followed by one, which would be taken for the next answer on the same connection.
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        let cloud = Self { project: Project::new(""), port, page: None, http };
        cloud.configure("");
        cloud
    }

    /// One whose shop has a page.
    pub(crate) fn with_page() -> Self {
        let mut cloud = Self::new();
        cloud.page = Some(free_port());
        cloud.configure("");
        cloud
    }

    /// Empties it, as if it had just been started.
    pub(crate) async fn reset(&self) {
        self.create("ministack", "/_ministack/reset", &json!({})).await;
    }

    /// The credentials of its run.
    pub(crate) fn keys(&self) -> Credentials {
        let keys = fs::read_to_string(format!("{}/keys.json", self.directory())).expect("it runs");
        let keys: Value = serde_json::from_str(&keys).unwrap();
        let [key, secret] = ["access_key_id", "secret_access_key"].map(|name| keys[name].as_str().unwrap());
        Credentials::new(key, secret, None, None, "test")
    }

    /// Sends a request with the signature of its keys, as every SDK makes it.
    pub(crate) async fn signed(&self, service: &str, request: Request<'_>) -> Answer {
        let Request { method, url, headers, body } = request;
        let signature = sign(&self.keys().into(), service, method, url, headers, body, now());
        let signature = signature.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers: Vec<_> = headers.iter().copied().chain(signature).collect();
        self.request(Request { method, url, headers: &headers, body }).await
    }

    /// Adds to the configuration what a test is about.
    pub(crate) fn configure(&self, more: &str) {
        let site_port = self.page.map(|page| format!("site-port = {page}\n"));
        self.project.configure(&format!(
            "frontend.env-file = '{}'\n{more}\n[local]\n{}port = {}\ndirectory = '{}'\nshop = {}\n",
            self.env_file(),
            site_port.unwrap_or_default(),
            self.port,
            self.directory(),
            self.page.is_some()
        ));
    }

    /// The file the frontend would read.
    pub(crate) fn env_file(&self) -> String {
        self.project.path("frontend.env").into_string()
    }

    /// The folder it keeps everything in.
    pub(crate) fn directory(&self) -> String {
        self.project.path("local cloud").into_string()
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        finish(&mut self.project.command(arguments))
    }

    /// The answer of the program, for programs.
    #[track_caller]
    pub(crate) fn answer(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[arguments, &["--output", "json"]].concat()).succeeded().0).unwrap()
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends a request to what is deployed.
    pub(crate) async fn request(&self, request: Request<'_>) -> Answer {
        let Request { method, url, headers, body } = request;
        let mut call = self.http.request(method.parse().unwrap(), url);
        for (name, value) in headers {
            call = call.header(*name, *value);
        }
        let answer = call.body(body.to_owned()).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        let text = answer.text().await.unwrap();
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    /// Calls an operation of a service that speaks JSON, such as `dynamodb` `DynamoDB_20120810.Scan`.
    pub(crate) async fn call(&self, service: &str, operation: &str, input: &Value) -> Value {
        let headers = [("x-amz-target", operation), ("content-type", "application/x-amz-json-1.0")];
        let url = format!("{}/", self.url());
        let body = input.to_string();
        let answer = self.signed(service, Request { method: "POST", url: &url, headers: &headers, body: &body }).await;
        assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
        answer.body
    }

    /// Reads what a service answers to a path; as text, where it is not JSON.
    pub(crate) async fn read(&self, service: &str, path: &str) -> Value {
        let url = format!("{}{path}", self.url());
        let answer = self.signed(service, Request { method: "GET", url: &url, headers: &[], body: "" }).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Makes something of a service that has paths.
    pub(crate) async fn create(&self, service: &str, path: &str, body: &Value) {
        let url = format!("{}{path}", self.url());
        let headers = [("content-type", "application/json")];
        let answer = self.signed(service, Request { method: "POST", url: &url, headers: &headers, body: &body.to_string() }).await;
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
    }

    /// CloudFormation.
    pub(crate) fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        let config = aws_sdk_cloudformation::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(self.keys())
            .endpoint_url(self.url());
        aws_sdk_cloudformation::Client::from_conf(config.build())
    }

    /// Everything there is, by kind: what a deletion has to leave behind is what this does not list any more.
    pub(crate) async fn inventory(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut add = |kind: &str, names: &Value, name: &str| {
            for item in names.as_array().into_iter().flatten() {
                found.insert(format!("{kind} {}", item.get(name).unwrap_or(item).as_str().unwrap()));
            }
        };
        let none = json!({});
        add("table", &self.call("dynamodb", "DynamoDB_20120810.ListTables", &none).await["TableNames"], "");
        add("queue", &self.call("sqs", "AmazonSQS.ListQueues", &none).await["QueueUrls"], "");
        add("parameter", &self.call("ssm", "AmazonSSM.DescribeParameters", &none).await["Parameters"], "Name");
        add("logs", &self.call("logs", "Logs_20140328.DescribeLogGroups", &none).await["logGroups"], "logGroupName");
        let pools = self.call("cognito-idp", "AWSCognitoIdentityProviderService.ListUserPools", &json!({ "MaxResults": 60 })).await;
        add("pool", &pools["UserPools"], "Name");
        add("function", &self.read("lambda", "/2015-03-31/functions/").await["Functions"], "FunctionName");
        add("mapping", &self.read("lambda", "/2015-03-31/event-source-mappings/").await["EventSourceMappings"], "UUID");
        add("api", &self.read("apigateway", "/restapis").await["item"], "name");
        let cloudwatch =
            async |operation| self.call("monitoring", &format!("GraniteServiceVersion20100801.{operation}"), &none).await;
        add("alarm", &cloudwatch("DescribeAlarms").await["MetricAlarms"], "AlarmName");
        add("dashboard", &cloudwatch("ListDashboards").await["DashboardEntries"], "DashboardName");
        for (kind, service, path, tag) in
            [("role", "iam", "/?Action=ListRoles&Version=2010-05-08", "RoleName"), ("bucket", "s3", "/", "Name")]
        {
            let xml = self.read(service, path).await;
            let tag = format!("<{tag}>");
            let names = xml.as_str().unwrap().split(&tag).skip(1).map(|rest| rest.split('<').next().unwrap());
            found.extend(names.map(|name| format!("{kind} {name}")));
        }
        let stacks = self.cloudformation().describe_stacks().send().await.unwrap().stacks.unwrap_or_default();
        found.extend(stacks.iter().map(|stack| format!("stack {}", stack.stack_name().unwrap())));
        found
    }

    /// The physical ids of a stack's resources, as `logical id → physical id`.
    pub(crate) async fn resources(&self, stack: &str) -> BTreeMap<String, String> {
        let mut pages = self.cloudformation().list_stack_resources().stack_name(stack).into_paginator().items().send();
        let mut resources = BTreeMap::new();
        while let Some(resource) = pages.next().await {
            let resource = resource.unwrap();
            let ids = (resource.logical_resource_id, resource.physical_resource_id);
            resources.insert(ids.0.unwrap(), ids.1.unwrap());
        }
        resources
    }

    /// Stops it, and makes sure that nothing of it goes on.
    pub(crate) fn stop(self) {
        self.run(&["local", "--stop"]).succeeded();
        self.assert_stopped();
    }

    /// Nobody listens on its port, and no process runs that it started.
    #[track_caller]
    pub(crate) fn assert_stopped(&self) {
        for port in [Some(self.port), self.page].into_iter().flatten() {
            drop(TcpListener::bind(("127.0.0.1", port)).expect("the port is free"));
        }
        self.assert_nothing_runs();
    }

    /// No process runs out of its folder.
    #[track_caller]
    pub(crate) fn assert_nothing_runs(&self) {
        assert_eq!(self.processes(), Vec::<String>::new());
    }

    /// The command lines of the processes that run out of its folder: the functions. An ended one that nobody has asked for yet has none.
    pub(crate) fn processes(&self) -> Vec<String> {
        self.listed("command=")
    }

    /// Their ids.
    pub(crate) fn process_ids(&self) -> Vec<String> {
        let id = |line: &String| line.split_whitespace().next().unwrap().to_owned();
        self.listed("pid=,command=").iter().map(id).collect()
    }

    fn listed(&self, columns: &str) -> Vec<String> {
        let listed = Command::new("ps").args(["-axww", "-o", columns]).output().unwrap();
        let directory = self.directory();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        listed.lines().filter(|line| line.contains(&directory) && !line.contains("cartctl.toml")).map(str::to_owned).collect()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // Also when a test fails; where it was stopped already, there is nothing to do.
        if fs::exists(self.project.path("local cloud")).unwrap_or(false) {
            self.run(&["local", "--stop"]);
        }
    }
}

/// A request, as `curl` would send it.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    /// For example `POST`.
    pub method: &'a str,
    /// The whole URL.
    pub url: &'a str,
    /// Names and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// Nothing, if empty.
    pub body: &'a str,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body; text, where it is not JSON.
    pub body: Value,
}

impl Answer {
    /// A header, if it is there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str());
        found.next().filter(|_| found.next().is_none())
    }
}

/// The time, which a signature names.
#[expect(clippy::disallowed_methods, reason = "a signature is valid for the minutes around the time it names")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// The headers of a signature, by the library that signs for the SDK.
pub(crate) fn sign(
    identity: &Identity,
    service: &str,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
    time: SystemTime,
) -> Vec<(String, String)> {
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let parameters = SigningParams::builder().identity(identity).region("us-east-1").name(service).time(time);
    let parameters = parameters.settings(settings).build().unwrap().into();
    let signable = SignableRequest::new(method, url, headers.iter().copied(), SignableBody::Bytes(body.as_bytes())).unwrap();
    let (instructions, _) = aws_sigv4::http_request::sign(signable, &parameters).unwrap().into_parts();
    instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A port that nobody listens on at the moment.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Asks again until the answer is there, for half a minute at most.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), asked).await.unwrap_or_else(|_| panic!("never: {what}"))
}
