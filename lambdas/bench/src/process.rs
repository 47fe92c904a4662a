//! A function's process: started as Lambda starts it, looked at from outside, and ended. Knows nothing of what it does.

use std::{
    fs,
    io::Read as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    ORIGIN,
    shop::{CLIENT, ISSUER},
    stub::Urls,
};

/// A process that runs a function.
pub(crate) struct Process {
    child: Child,
    log: JoinHandle<String>,
    /// Just before it was started.
    pub(crate) started: Instant,
}

impl Process {
    /// Starts a function with the variables that Lambda sets
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>) and those of all templates.
    pub(crate) fn start(program: &Path, handler: &str, runtime: &str, urls: &Urls) -> Self {
        let mut command = Command::new(program);
        command.env_clear().envs([
            ("_HANDLER", handler),
            ("_X_AMZN_TRACE_ID", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"),
            ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_FUNCTION_NAME", handler),
            ("AWS_LAMBDA_FUNCTION_VERSION", "7"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/23/[7]0123456789abcdef"),
            ("AWS_LAMBDA_RUNTIME_API", runtime),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            ("AWS_SESSION_TOKEN", &"IQoJb3JpZ2luX2VjEXAMPLE".repeat(40)),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
            ("LAMBDA_TASK_ROOT", "/var/task"),
            ("LANG", "en_US.UTF-8"),
            ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
            ("TZ", ":UTC"),
            // What stands in for AWS.
            ("AWS_ENDPOINT_URL", &urls.aws),
            // What the templates say.
            ("ALLOWED_ORIGIN", ORIGIN),
            ("DELETE_FROM_CART_QUEUE_URL", &format!("{}/000000000000/deletions", urls.aws)),
            ("JWKS_URL", &urls.keys),
            ("PRODUCT_SERVICE_URL", &urls.products),
            ("TABLE_NAME", "carts"),
            ("TOKEN_ISSUER", ISSUER),
            ("USER_POOL_CLIENT_ID", CLIENT),
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let started = Instant::now();
        let mut child = command.spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let log = thread::spawn(move || {
            let mut log = String::new();
            output.read_to_string(&mut log).unwrap();
            log
        });
        Self { child, log, started }
    }

    /// The bytes it has in memory.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// How long its threads have been running, whatever else the machine did meanwhile.
    pub(crate) fn busy(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        threads
            // One may end while it is looked at.
            .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("schedstat")).ok())
            .map(|statistics| Duration::from_nanos(statistics.split_whitespace().next().unwrap().parse().unwrap()))
            .sum()
    }

    /// Ends it; what it has logged.
    pub(crate) fn end(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.log.join().unwrap()
    }
}
