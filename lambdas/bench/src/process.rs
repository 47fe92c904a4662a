//! A function's process: started as Lambda starts it, looked at from outside, and ended. Knows nothing of what it does.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    ORIGIN,
    shop::{CLIENT, ISSUER},
};

/// Where systems have their root certificates.
const BUNDLE: &str = "ca-bundle.crt";
const BUNDLES: [&str; 2] = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// What is around a process.
pub(crate) struct Surroundings {
    /// The URLs of AWS, of the user pool's keys and of the products service.
    pub(crate) aws: String,
    pub(crate) keys: String,
    pub(crate) products: String,
    /// Where X-Ray's daemon is, as a host and a port.
    pub(crate) daemon: String,
    /// The folder of root certificates.
    pub(crate) certificates: PathBuf,
}

/// Makes a folder of root certificates as Amazon Linux has it: nothing but this machine's bundle. Other systems have some hundred files
/// beside it, and a process reads them all.
pub(crate) fn certificates(folder: PathBuf) -> PathBuf {
    let bundle = BUNDLES.into_iter().find(|bundle| Path::new(bundle).is_file()).unwrap();
    fs::create_dir_all(&folder).unwrap();
    symlink(bundle, folder.join(BUNDLE)).unwrap();
    folder
}

/// A process that runs a function. It ends with its owner.
pub(crate) struct Process {
    child: Child,
    log: Option<JoinHandle<String>>,
    /// Just before it was started.
    pub(crate) started: Instant,
}

impl Process {
    /// Starts a function with the variables that Lambda sets
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>) and those of all templates.
    pub(crate) fn start(program: &Path, handler: &str, runtime: &str, around: &Surroundings) -> Self {
        let mut command = Command::new(program);
        command.env_clear().envs([
            ("_HANDLER", handler),
            ("_X_AMZN_TRACE_ID", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0"),
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
            ("AWS_XRAY_DAEMON_ADDRESS", &around.daemon),
            ("AWS_SESSION_TOKEN", &"IQoJb3JpZ2luX2VjEXAMPLE".repeat(40)),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
            ("LAMBDA_TASK_ROOT", "/var/task"),
            ("LANG", "en_US.UTF-8"),
            ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
            ("TZ", ":UTC"),
            // In Lambda these are the defaults.
            ("SSL_CERT_DIR", around.certificates.to_str().unwrap()),
            ("SSL_CERT_FILE", around.certificates.join(BUNDLE).to_str().unwrap()),
            // What stands in for AWS.
            ("AWS_ENDPOINT_URL", &around.aws),
            // What the templates say.
            ("STACK_NAME", "bench"),
            ("ALLOWED_ORIGIN", ORIGIN),
            ("CART_COOKIE", "any-site"),
            ("DEAD_LETTER_QUEUE_URL", &format!("{}/000000000000/dead-letters", around.aws)),
            ("DELETIONS_QUEUE_URL", &format!("{}/000000000000/deletions", around.aws)),
            ("JWKS_URL", &around.keys),
            ("PRODUCT_SERVICE_URL", &around.products),
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
        Self { child, log: Some(log), started }
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
        self.log.take().map(|log| log.join().unwrap()).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // If it has ended by itself, it needs no ending.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
