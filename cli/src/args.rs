//! What can be typed. Nothing here decides anything.

use std::{ffi::OsString, str::FromStr, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use cart_infra::{Architecture, Invalid, Region, StackId, stacks};
use cfn::organisation::GivenRoleArn;
use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
    error::{ContextKind, ContextValue},
};

use crate::domain::{
    bucket::BucketName,
    connection::{EndpointUrl, ProfileName},
    moment::duration,
};

mod help;

/// Deploys a serverless shopping cart to AWS: infrastructure, code and configuration from one Rust workspace.
///
/// Start with `cartctl local`: it runs the whole shop on this machine, without an AWS account.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, arg_required_else_help = true, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
`cartctl COMMAND --help` shows the options and examples of a command.
Flags win over environment variables, variables over cartctl.toml, and the file over defaults.
Only a region in the stage's own section of cartctl.toml wins over the environment.

Exit codes:
  0    success
  1    failure
  2    wrong usage or configuration
  3    declined, or approval needed
  4    no usable credentials, or resources of another account
  5    a stack needs a decision first, or is somebody else's
  6    partial success
  10   `diff --fail-on` or `totals` found something
  124  detached: AWS is still working
  130  interrupted";

impl Cli {
    /// Parses the command line of this process.
    ///
    /// # Errors
    /// It cannot be used, or asks for help.
    pub(crate) fn of_process() -> Result<Self, clap::Error> {
        Self::of(std::env::args_os())
    }

    pub(crate) fn of(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, clap::Error> {
        let mut command = help::grouped(Self::command());
        let matches = command.try_get_matches_from_mut(arguments).map_err(without_passwords)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// The same error, without the passwords in URLs that it would show.
fn without_passwords(mut error: clap::Error) -> clap::Error {
    let is_url = error.get(ContextKind::InvalidArg).is_some_and(|argument| argument.to_string().starts_with("--endpoint-url"));
    let shown: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(without_password(text, is_url)))),
            ContextValue::Strings(texts) => {
                Some((kind, ContextValue::Strings(texts.iter().map(|text| without_password(text, is_url)).collect())))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in shown {
        error.insert(kind, value);
    }
    error
}

/// What a URL has before its host, or what was meant as a URL, is for nobody's log.
fn without_password(text: &str, is_url: bool) -> String {
    let start = text.find("://").map(|scheme| scheme + "://".len()).or(is_url.then_some(0));
    match start.zip(text.rfind('@')) {
        Some((start, end)) if start < end => format!("{}…{}", &text[..start], &text[end..]),
        _ => text.to_owned(),
    }
}

/// Options every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Stage of cartctl.toml to work on [env: CARTCTL_STAGE] [default: the unnamed one]
    #[arg(long, global = true, value_name = "NAME")]
    pub stage: Option<String>,
    /// AWS region, such as eu-west-1 [env: AWS_REGION, AWS_DEFAULT_REGION]
    #[arg(long, global = true, value_parser = given::<Region>)]
    pub region: Option<Region>,
    /// Take credentials only from this profile in ~/.aws
    ///
    /// `AWS_PROFILE` gives way to keys in the environment; this flag does not.
    #[arg(long, global = true, value_parser = given::<ProfileName>)]
    pub profile: Option<ProfileName>,
    /// Talk to this URL instead of AWS [env: AWS_ENDPOINT_URL]
    #[arg(long, global = true, value_name = "URL", value_parser = given::<EndpointUrl>)]
    pub endpoint_url: Option<EndpointUrl>,
    /// Service role of CloudFormation, instead of the caller's permissions
    ///
    /// An ARN. CloudFormation keeps the role for each stack it was used for, also for later operations that name none.
    #[arg(long, global = true, value_name = "ARN", value_parser = given::<GivenRoleArn>)]
    pub role_arn: Option<GivenRoleArn>,
    /// Read this configuration file [default: cartctl.toml of the workspace]
    #[arg(long, global = true, value_name = "FILE", value_parser = path)]
    pub config: Option<Utf8PathBuf>,
    /// Format of the answer on standard output
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = Output::Text)]
    pub output: Output,
    /// Also write every event to this file as a line of JSON (docs/events.md)
    #[arg(long, global = true, value_name = "FILE", value_parser = path)]
    pub events: Option<Utf8PathBuf>,
    /// Do not ask before changing anything
    #[arg(long, short, global = true)]
    pub yes: bool,
    /// Print without colours [env: NO_COLOR]
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Print more details on standard error; twice: every AWS call
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the CloudFormation templates, without calling AWS
    #[command(after_help = "Examples:
  $ cartctl synth
  $ cartctl synth cart --format yaml --out -")]
    Synth(Synth),
    /// Compile the functions and zip them, without calling AWS
    ///
    /// Needs no credentials, and gives none to compilers and build scripts: a pipeline packages in one job and deploys in another, with
    /// `cartctl deploy --packages DIR`. `--site` builds the shop's site as well, which takes Node 20.19, 22.12 or newer with the packages
    /// installed (`npm --prefix frontend ci --ignore-scripts`).
    #[command(after_help = "Examples:
  $ cartctl package
  $ cartctl package --site --out packages
  $ cartctl package --arch x86_64 --out packages")]
    Package(Package),
    /// Build and deploy the stacks, then write the frontend's .env
    #[command(after_help = "Examples:
  $ cartctl deploy --region eu-west-1
  $ cartctl deploy cart --stage production --protected-ok --require-approval destructive
  $ cartctl deploy --with-web --timeline deployment.html")]
    Deploy(Timed<Deploy>),
    /// Show what a deployment would change
    #[command(after_help = "Examples:
  $ cartctl diff --stage production
  $ cartctl diff --stage production --fail-on destructive --output json")]
    Diff(Diff),
    /// Delete the stacks in reverse order, and list what is kept
    #[command(after_help = "Examples:
  $ cartctl delete --stage staging
  $ cartctl delete web --yes")]
    Delete(Timed<Delete>),
    /// Follow what CloudFormation is doing until it ends
    #[command(after_help = "Examples:
  $ cartctl attach --stage production
  $ cartctl attach cart --timeline deployment.html")]
    Attach(Timed<Attach>),
    /// Write the frontend's .env from what the stacks published
    #[command(after_help = "Examples:
  $ cartctl frontend-env --stage staging
  $ cartctl frontend-env --format json
  $ cartctl frontend-env --format github")]
    FrontendEnv(FrontendEnv),
    /// Put the shop's site online
    #[command(subcommand)]
    Frontend(Frontend),
    /// Show the state of each stack
    #[command(after_help = "Examples:
  $ cartctl status --stage production
  $ cartctl status --local --output json")]
    Status(Target),
    /// Show the outputs of each stack
    #[command(after_help = "Examples:
  $ cartctl outputs --stage production
  $ cartctl outputs --local --output json")]
    Outputs(Target),
    /// Check the totals of products against the carts, or recount them
    ///
    /// Reads all carts and lists the totals that differ from them; exits with 10 if any does. The shop counts a change within about a
    /// minute, so a total that differs is checked again before it is called wrong.
    ///
    /// `--rebuild` recounts all totals while the shop stays open. Every item in a cart gets an attribute that nobody reads, so that the
    /// function that keeps the totals sees the item; nothing else about it changes. A total is replaced once everything is counted.
    /// The same command continues a recount that was interrupted.
    ///
    /// Required permissions: `cloudformation:DescribeStacks`, `cloudformation:ListStackResources`, `dynamodb:Scan`,
    /// `dynamodb:BatchGetItem`; for a stack without a mark `cloudformation:GetTemplate`; with `--rebuild` also `dynamodb:GetItem`, `dynamodb:UpdateItem`.
    #[command(after_help = "Examples:
  $ cartctl totals --stage production
  $ cartctl totals --stage production --rebuild --rate 50 --protected-ok")]
    Totals(Totals),
    /// Show the logs of the functions, in order of time
    ///
    /// Each line shows the time (UTC), the function, the level, the message and the most useful fields. `--output json` prints one JSON
    /// object a line, with the entry as CloudWatch has it.
    ///
    /// `--follow` runs until Ctrl-C, and exits with 0 then. Entries that arrive up to a minute late are still shown, out of order; no
    /// entry is shown twice.
    ///
    /// Required permissions: `cloudformation:DescribeStacks`, `cloudformation:ListStackResources`, `logs:FilterLogEvents`; for a stack without a
    /// mark `cloudformation:GetTemplate`.
    #[command(after_help = "Examples:
  $ cartctl logs --stage production --since 2h --errors
  $ cartctl logs list-cart add-to-cart --follow
  $ cartctl logs --local --filter cart#")]
    Logs(Logs),
    /// Run the whole shop on this machine: no AWS account, no Docker
    ///
    /// Starts a local cloud on localhost, deploys to it like `cartctl deploy`, builds the shop's site, and serves it on localhost:8080
    /// (`local.site-port` in cartctl.toml). Prints the addresses once everything answers.
    ///
    /// Accounts and carts are kept for the next run. After a crash, the local cloud resumes from the state of its last clean stop.
    ///
    /// The local cloud answers the shop's pages, and requests that are signed with the credentials of its run. `--local` finds them by
    /// itself; `--credentials` prints them for other AWS tools.
    ///
    /// With `--dev`, Vite serves the site and reloads it when files below frontend/ are edited. Edits below lambdas/ are compiled and
    /// replace the running functions; code that does not compile is shown, and changes nothing.
    #[command(after_help = "Examples:
  $ cartctl local
  $ cartctl local --dev
  $ cartctl local --detach --no-shop
  $ cartctl local --credentials
  $ cartctl local --stop")]
    Local(Local),
    /// Serve a built site on localhost: what `cartctl local` starts beside itself
    #[command(hide = true)]
    ServeSite(ServeSite),
}

impl Command {
    /// Where it works. None for a command that works on this machine only.
    pub(crate) fn target(&self) -> Option<Target> {
        match self {
            Self::Deploy(timed) => Some(timed.args.planning.selection.target),
            Self::Diff(args) => Some(args.planning.selection.target),
            Self::Delete(timed) => Some(timed.args.selection.target),
            Self::Attach(timed) => Some(timed.args.selection.target),
            Self::FrontendEnv(args) => Some(args.target),
            Self::Frontend(Frontend::Deploy(args)) => Some(args.target),
            Self::Status(target) | Self::Outputs(target) => Some(*target),
            Self::Totals(args) => Some(args.target),
            Self::Logs(args) => Some(args.target),
            Self::Synth(_) | Self::Package(_) | Self::Local(_) | Self::ServeSite(_) => None,
        }
    }

    /// The bucket that it names for code.
    pub(crate) fn bucket(&self) -> Option<&BucketName> {
        match self {
            Self::Deploy(timed) => timed.args.planning.bucket.as_ref(),
            Self::Diff(args) => args.planning.bucket.as_ref(),
            _ => None,
        }
    }

    /// Where its time is to be drawn.
    pub(crate) fn timeline(&self) -> Option<&Utf8Path> {
        match self {
            Self::Deploy(timed) => timed.timeline.as_deref(),
            Self::Delete(timed) => timed.timeline.as_deref(),
            Self::Attach(timed) => timed.timeline.as_deref(),
            _ => None,
        }
    }
}

/// A command that works on stacks, and takes its time.
#[derive(Args, Debug)]
pub(crate) struct Timed<T: Args> {
    #[command(flatten)]
    pub args: T,
    /// Draw where the time went, as an HTML file
    #[arg(long, value_name = "FILE.html", value_parser = path)]
    timeline: Option<Utf8PathBuf>,
}

/// Where a command works.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Use the local cloud of `cartctl local` instead of AWS
    #[arg(long, conflicts_with_all = ["endpoint_url", "profile", "role_arn"])]
    pub local: bool,
}

/// `cartctl synth`
#[derive(Args, Debug)]
pub(crate) struct Synth {
    /// Stacks to work on [default: all]
    #[arg(value_name = "STACK", value_parser = stack())]
    pub stacks: Vec<StackId>,
    /// Format of the templates
    #[arg(long, value_enum, default_value_t = TemplateFormat::Json)]
    pub format: TemplateFormat,
    /// Folder to write to, or `-` to print one stack [default: target/synth]
    #[arg(long, value_name = "DIR", value_parser = path)]
    pub out: Option<Utf8PathBuf>,
}

/// A value with a type of its own. The message shows the value already.
fn given<T: FromStr<Err = Invalid>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: Invalid| error.reason())
}

/// The path of a file or a folder.
fn path(text: &str) -> Result<Utf8PathBuf, String> {
    if text.trim().is_empty() { Err("a path is never empty".to_owned()) } else { Ok(text.into()) }
}

/// The stacks of a stage. The bootstrap stack belongs to none: it is deployed when it is needed, and stays.
fn stack() -> impl TypedValueParser<Value = StackId> {
    let ids = stacks::ALL.into_iter().filter(|id| *id != stacks::BOOTSTRAP);
    PossibleValuesParser::new(ids.map(StackId::as_str)).try_map(|name| stacks::named(&name))
}

/// The same, and the bootstrap stack.
fn any_stack() -> impl TypedValueParser<Value = StackId> {
    PossibleValuesParser::new(stacks::ALL.map(StackId::as_str)).try_map(|name| stacks::named(&name))
}

/// The stacks that are this stage's because the user says so.
#[derive(Args, Clone, Debug)]
pub(crate) struct Adopt {
    /// Treat this stack as this stage's although somebody else owns it; repeatable
    #[arg(long, value_name = "STACK", value_parser = stack())]
    pub adopt: Vec<StackId>,
}

/// The format of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TemplateFormat {
    /// What is sent to CloudFormation.
    Json,
    /// The same, for people.
    Yaml,
}

/// `cartctl package`
#[derive(Args, Debug)]
pub(crate) struct Package {
    /// Processor that the functions run on [default: as configured, else arm64]
    #[arg(long, value_parser = given::<Architecture>)]
    pub arch: Option<Architecture>,
    /// Folder for the zip files [default: target/packages]
    #[arg(long, value_name = "DIR", value_parser = path)]
    pub out: Option<Utf8PathBuf>,
    /// Build the shop's site as well, for any stage
    #[arg(long)]
    pub site: bool,
}

/// Which stacks a command works on, and where.
#[derive(Args, Clone, Debug)]
pub(crate) struct Selection {
    /// Stacks to work on [default: all]
    #[arg(value_name = "STACK", value_parser = stack())]
    pub stacks: Vec<StackId>,
    #[command(flatten)]
    pub target: Target,
}

/// What a deployment is planned from.
#[derive(Args, Debug)]
pub(crate) struct Planning {
    #[command(flatten)]
    pub selection: Selection,
    /// Use this existing bucket for code and large templates [env: S3_BUCKET]
    #[arg(long, value_parser = given::<BucketName>)]
    pub bucket: Option<BucketName>,
    /// Also create the web stack: the shop's site, at one address with the APIs
    ///
    /// Once it exists, every deployment includes it, and ends with building the site and putting it online, which takes Node
    /// (`cartctl frontend deploy --help`). Creating it takes minutes. Then products and cart are updated again, because they allow calls
    /// from its address only.
    #[arg(long)]
    pub with_web: bool,
    /// Recreate a failed stack even if its retained resources are orphaned
    #[arg(long)]
    pub leave_retained: bool,
    /// Take over this stack although somebody else owns it; repeatable
    ///
    /// A stack is this stage's by its mark, by the template of an earlier cartctl, or as the original shop's. Any other stack under its
    /// name is refused. An adopted stack becomes this stage's: resources that the stage does not define are deleted.
    #[arg(long, value_name = "STACK", value_parser = any_stack())]
    pub adopt: Vec<StackId>,
    /// Deploy what `cartctl package --out DIR` made, instead of building
    #[arg(long, value_name = "DIR", value_parser = path, conflicts_with = "local")]
    pub packages: Option<Utf8PathBuf>,
}

/// `cartctl deploy`
#[derive(Args, Debug)]
pub(crate) struct Deploy {
    #[command(flatten)]
    pub planning: Planning,
    /// Ask about these changes only
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = RequireApproval::Any)]
    pub require_approval: RequireApproval,
    /// Leave the frontend's .env as it is
    #[arg(long)]
    pub no_env: bool,
    /// Allow changes to a protected stage
    #[arg(long)]
    pub protected_ok: bool,
}

/// Which changes are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RequireApproval {
    /// No changes.
    Never,
    /// All changes.
    Any,
    /// Changes that allow somebody something, and destructive ones.
    Broadening,
    /// Changes that delete or replace something.
    Destructive,
}

/// `cartctl delete`
#[derive(Args, Debug)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub adopt: Adopt,
    /// Allow deleting a protected stage, and switch its deletion protection off
    #[arg(long)]
    pub protected_ok: bool,
    /// Leave resources that cannot be deleted in the account, and delete the rest
    #[arg(long)]
    pub leave_failed: bool,
}

/// `cartctl attach`
#[derive(Args, Debug)]
pub(crate) struct Attach {
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub adopt: Adopt,
    /// Allow adopting a stack of a protected stage
    #[arg(long, requires = "adopt")]
    pub protected_ok: bool,
}

/// `cartctl diff`
#[derive(Args, Debug)]
pub(crate) struct Diff {
    #[command(flatten)]
    pub planning: Planning,
    /// Exit with 10 if there are such changes
    #[arg(long, value_enum, value_name = "WHICH")]
    pub fail_on: Option<FailOn>,
}

/// What `diff --fail-on` looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Any change.
    Any,
    /// Changes that allow somebody something, and destructive ones.
    Broadening,
    /// Changes that delete or replace something.
    Destructive,
}

/// `cartctl frontend-env`
#[derive(Args, Debug)]
pub(crate) struct FrontendEnv {
    #[command(flatten)]
    pub target: Target,
    /// Print in this format instead of writing the file
    #[arg(long, value_enum)]
    pub format: Option<EnvFormat>,
    /// File to write [default: frontend/.env, or frontend/.env.local with --local]
    #[arg(long, value_name = "FILE", value_parser = path, conflicts_with = "format")]
    pub out: Option<Utf8PathBuf>,
}

/// `cartctl frontend`
#[derive(Debug, Subcommand)]
pub(crate) enum Frontend {
    /// Build the shop's site for what is deployed, and put it online
    ///
    /// Needs the web stack, which `cartctl deploy --with-web` creates; `cartctl deploy` ends with the same step then. Needs Node 20.19,
    /// 22.12 or newer with the packages installed (`npm --prefix frontend ci --ignore-scripts`), or with `--packages` none of them. The
    /// site is built with the variables of the stage; your `.env` is not read. Nothing is uploaded unless the build succeeds.
    ///
    /// Fingerprinted assets are uploaded first and cached forever, `index.html` last. Unchanged files are skipped. Files that are no longer
    /// part of the site are deleted after a week, because open windows may still ask for them. CloudFront's copies of changed files
    /// are invalidated.
    ///
    /// Required permissions: `cloudformation:DescribeStacks`, `ssm:GetParametersByPath`, `s3:ListBucket`, `s3:GetObject`, `s3:PutObject`
    /// and `s3:DeleteObject` on the site's bucket, `cloudfront:CreateInvalidation`, `sts:GetCallerIdentity`; for a stack without a mark
    /// `cloudformation:GetTemplate`.
    #[command(after_help = "Examples:
  $ cartctl frontend deploy --stage production --protected-ok
  $ cartctl frontend deploy --packages packages")]
    Deploy(FrontendDeploy),
}

/// `cartctl frontend deploy`
#[derive(Args, Clone, Debug)]
pub(crate) struct FrontendDeploy {
    #[command(flatten)]
    pub target: Target,
    #[command(flatten)]
    pub adopt: Adopt,
    /// Publish the site of these packages, instead of building one
    #[arg(long, value_name = "DIR", value_parser = path)]
    pub packages: Option<Utf8PathBuf>,
    /// Allow changes to a protected stage
    #[arg(long)]
    pub protected_ok: bool,
}

/// How the frontend's configuration is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvFormat {
    /// One JSON object.
    Json,
    /// One YAML mapping.
    Yaml,
    /// `export NAME='value'` lines.
    Shell,
    /// `NAME=value` lines for `$GITHUB_ENV` or `$GITHUB_OUTPUT`.
    Github,
}

/// `cartctl totals`
#[derive(Args, Debug)]
pub(crate) struct Totals {
    #[command(flatten)]
    pub target: Target,
    /// Recount all totals
    #[arg(long)]
    pub rebuild: bool,
    /// Items that a recount touches in a second; it reads up to ten times as many
    #[arg(long, value_name = "ITEMS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// Show all products, also those whose total is right
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub adopt: Adopt,
    /// Allow changes to a protected stage
    #[arg(long, requires = "rebuild")]
    pub protected_ok: bool,
}

/// `cartctl logs`
#[derive(Args, Debug)]
pub(crate) struct Logs {
    /// Functions whose logs to show, such as `list-cart` [default: all]
    #[arg(value_name = "FUNCTION")]
    pub functions: Vec<String>,
    #[command(flatten)]
    pub target: Target,
    /// Keep showing new entries until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// Show entries of this last while: 90s, 10m, 2h, 7d
    #[arg(long, value_name = "AGO", default_value = "10m", value_parser = duration)]
    pub since: Duration,
    /// Show only warnings, errors and failed invocations
    #[arg(long)]
    pub errors: bool,
    /// Show only entries that contain this text, such as a request id
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Also show Lambda's own entries on each invocation: start, end, memory
    #[arg(long)]
    pub all: bool,
}

/// `cartctl local`
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Local {
    /// Exit once everything answers, and leave it running
    #[arg(long, conflicts_with = "stop")]
    pub detach: bool,
    /// Stop the local cloud and the site
    #[arg(long)]
    pub stop: bool,
    /// Delete all accounts, carts and stacks of earlier runs first
    #[arg(long, conflicts_with = "stop")]
    pub fresh: bool,
    /// Reload the site and replace the functions when their sources are edited
    #[arg(long, conflicts_with_all = ["stop", "detach"])]
    pub dev: bool,
    /// Leave out the site, which needs Node (also: `local.shop = false`)
    #[arg(long, conflicts_with = "stop")]
    pub no_shop: bool,
    /// Print the credentials of the running local cloud, for `aws` and other AWS tools
    #[arg(long, conflicts_with_all = ["stop", "detach", "fresh", "dev", "no_shop", "port"])]
    pub credentials: bool,
    /// Print the credentials in this format [default: shell]
    #[arg(long, value_enum, requires = "credentials")]
    pub format: Option<EnvFormat>,
    /// Port of the local cloud on localhost [default: as configured, else 4566]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
}

/// `cartctl serve-site`
#[derive(Args, Debug)]
pub(crate) struct ServeSite {
    /// Folder with `index.html`
    pub folder: Utf8PathBuf,
    /// Port of localhost
    #[arg(long)]
    pub port: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> String {
        Cli::of([&["cartctl"], arguments].concat()).unwrap_err().render().to_string()
    }

    #[test]
    fn a_password_is_not_shown_wherever_it_was_typed() {
        for arguments in [
            &["status", "--endpoint-url", "http://me:se@cret@localhost:4566"] as &[_],
            &["status", "--endpoint-url=http://me:se@cret@localhost:4566"],
            &["status", "--endpoint-url", "me:se@cret@localhost:4566"],
            &["--endpoint-url", "http://cret@localhost:4566", "status"],
            &["status", "--region", "http://me:se@cret@localhost:4566"],
            &["deploy", "http://me:se@cret@localhost:4566"],
            &["http://me:se@cret@localhost:4566"],
            &["status", "--endpoint=http://me:se@cret@localhost:4566"],
            &["status", "http://me:se@cret@localhost:4566"],
            &["logs", "--since", "http://me:se@cret@localhost:4566"],
            &["deploy", "--require-approval", "http://me:se@cret@localhost:4566"],
        ] {
            let message = refused(arguments);
            assert!(!message.contains("cret") && !message.contains("me:"), "{arguments:?}: {message}");
        }
        let message = refused(&["status", "--endpoint-url", "http://me:secret@localhost:4566"]);
        assert!(
            message.contains(
                "'http://…@localhost:4566' for '--endpoint-url <URL>': not a URL of a service: leave out the user before `@`"
            ),
            "{message}"
        );
        let message = refused(&["status", "--profile", "[me@work]"]);
        assert!(message.contains("'[me@work]'"), "what is no URL stays: {message}");
    }
}
