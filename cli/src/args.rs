//! What can be typed. Nothing here decides anything.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_infra::{Architecture, StackId, stacks};
use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::domain::moment::duration;

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
Flags win over environment variables, those over cartctl.toml, that over defaults.
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 declined or approval needed, 4 credentials or ownership,
5 a stack needs a decision first, 6 done in part, 10 `diff --fail-on` found changes or `totals` a wrong total,
124 AWS goes on without us, 130 interrupted.";

/// Options every command takes.
#[derive(Args, Debug)]
pub(crate) struct Global {
    /// The stage to work on, one of those in cartctl.toml [env: CARTCTL_STAGE] [default: the unnamed stage]
    #[arg(long, global = true, value_name = "NAME")]
    pub stage: Option<String>,
    /// The AWS region, for example eu-west-1 [env: AWS_REGION, AWS_DEFAULT_REGION]
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// The profile in ~/.aws to take credentials from; unlike `AWS_PROFILE`, it wins over keys in the environment
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// Talk to this URL instead of AWS [env: AWS_ENDPOINT_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Configuration file [default: cartctl.toml beside the workspace's Cargo.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<Utf8PathBuf>,
    /// How the answer is written to standard output
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// Also write every event to this file, as a line of JSON (docs/events.md)
    #[arg(long, global = true, value_name = "FILE")]
    pub events: Option<Utf8PathBuf>,
    /// Do not ask before changing anything
    #[arg(long, short, global = true)]
    pub yes: bool,
    /// No colour (also: NO_COLOR)
    #[arg(long, global = true)]
    pub no_color: bool,
    /// More detail on standard error; twice for every AWS call
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
    /// Write the CloudFormation templates, without talking to AWS
    Synth(Synth),
    /// Build the functions and zip them, without talking to AWS
    Package(Package),
    /// Build, upload and deploy the stacks, then write the frontend's .env
    Deploy(Timed<Deploy>),
    /// Show what a deploy would change
    Diff(Diff),
    /// Delete the stacks, in reverse order, and say what is kept
    Delete(Timed<Delete>),
    /// Follow what CloudFormation is doing to the stacks, to its end
    Attach(Timed<Selection>),
    /// Write the frontend's .env from what the stacks published
    FrontendEnv(FrontendEnv),
    /// Put the shop's page online
    #[command(subcommand)]
    Frontend(Frontend),
    /// Show the state of each stack
    Status(Target),
    /// Show the outputs of each stack
    Outputs(Target),
    /// Check the totals of products against the carts, or count them anew
    ///
    /// Reads every cart, and says which totals are not what the carts hold; it ends with exit code 10 if there are such. A change
    /// is counted within a minute or so, and a total that differs is looked at again before it is called wrong.
    ///
    /// With `--rebuild` all totals are counted anew while the shop goes on. Every item in a cart gets an attribute that nobody
    /// reads, so that the function that keeps the totals hears of it; nothing else about it changes. A total is replaced once
    /// everything is counted. It may be interrupted at any time: the same command goes on where it was.
    ///
    /// It takes `cloudformation:DescribeStacks` and `ListStackResources`, `dynamodb:Scan` and `BatchGetItem`; to rebuild also
    /// `GetItem` and `UpdateItem`.
    Totals(Totals),
    /// Show what the functions printed, in order of time
    ///
    /// A line is when, which function, how important, what, and what else is known of it, as far as people want to know it; times are
    /// UTC. `--output json` has a JSON object a line, with the entry as CloudWatch has it.
    ///
    /// With `--follow` it goes on until Ctrl-C, and ends with 0 then. What arrives up to a minute late is told late, and nothing is told
    /// twice.
    ///
    /// It takes `cloudformation:DescribeStacks` and `ListStackResources`, and `logs:FilterLogEvents`.
    Logs(Logs),
    /// Run the whole shop on this machine: no AWS account, no Docker
    ///
    /// Starts a stand-in for AWS on 127.0.0.1, deploys to it as `cartctl deploy` would, builds the shop's page, serves it on
    /// localhost:8080 (`local.site-port` in cartctl.toml), and says so once all of it answers.
    ///
    /// Accounts, carts and everything else there is are kept when it is stopped, and are there again the next time. A local cloud that
    /// was not stopped but killed goes on with what it held when it was stopped before.
    ///
    /// With `--dev` the page is served by Vite, which reloads what is edited below frontend/, and an edit below lambdas/ is compiled and
    /// put in the place of what runs. Code that does not compile is shown, and changes nothing.
    Local(Local),
    /// Serve a built page on localhost: what `cartctl local` starts beside itself
    #[command(hide = true)]
    ServePage(ServePage),
}

impl Command {
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
    /// Draw where the time went, as a page to look at in a browser
    #[arg(long, value_name = "FILE.html")]
    timeline: Option<Utf8PathBuf>,
}

/// Where a command works.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Use the local cloud that `cartctl local` runs, instead of AWS
    #[arg(long, conflicts_with_all = ["endpoint_url", "profile"])]
    pub local: bool,
}

/// `cartctl synth`
#[derive(Args, Debug)]
pub(crate) struct Synth {
    /// Only these stacks
    #[arg(value_name = "STACK", value_parser = stack())]
    pub stacks: Vec<StackId>,
    /// The format of the templates
    #[arg(long, value_enum, default_value_t = TemplateFormat::Json)]
    pub format: TemplateFormat,
    /// The folder to write to, or `-` to print one stack [default: target/synth]
    #[arg(long, value_name = "DIR")]
    pub out: Option<Utf8PathBuf>,
}

/// The stacks of a stage. The bootstrap stack belongs to none: it is deployed when it is needed, and stays.
fn stack() -> impl TypedValueParser<Value = StackId> {
    PossibleValuesParser::new(["auth", "products", "cart", "web"]).try_map(|name| stacks::named(&name))
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
    /// The processor the functions run on [default: as configured, else arm64]
    #[arg(long)]
    pub arch: Option<Architecture>,
    /// The folder for the zip files [default: target/packages]
    #[arg(long, value_name = "DIR")]
    pub out: Option<Utf8PathBuf>,
}

/// Which stacks a command works on, and where.
#[derive(Args, Clone, Debug)]
pub(crate) struct Selection {
    /// Only these stacks
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
    /// Use this bucket for code and large templates, and change nothing on it [env: S3_BUCKET]
    #[arg(long)]
    pub bucket: Option<String>,
    /// Also the web stack: the shop's page, and one public address for it and the APIs
    ///
    /// Once it is there, every deployment takes care of it, and ends with building the page and putting it online. It takes Node
    /// (`cartctl frontend deploy --help`). Making it takes minutes; then products and cart are updated once more, since they allow calls
    /// from its address only.
    #[arg(long)]
    pub with_web: bool,
    /// Make a stack anew even if that leaves retained resources of a failed one in the account, without a stack
    #[arg(long)]
    pub leave_retained: bool,
    /// Deploy what `cartctl package --out DIR` made, here or on another machine, instead of building
    #[arg(long, value_name = "DIR", conflicts_with = "local")]
    pub packages: Option<Utf8PathBuf>,
}

/// `cartctl deploy`
#[derive(Args, Debug)]
pub(crate) struct Deploy {
    #[command(flatten)]
    pub planning: Planning,
    /// Which changes to ask about; the others are made without a question
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = RequireApproval::Any)]
    pub require_approval: RequireApproval,
    /// Say that a protected stage is meant
    #[arg(long)]
    pub protected_ok: bool,
}

/// Which changes are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RequireApproval {
    /// None.
    Never,
    /// All.
    Any,
    /// Those that allow somebody something, and those below.
    Broadening,
    /// Those that remove or replace something.
    Destructive,
}

/// `cartctl delete`
#[derive(Args, Debug)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub selection: Selection,
    /// Say that a protected stage is meant; protection from deletion is switched off
    #[arg(long)]
    pub protected_ok: bool,
    /// Where something cannot be deleted, leave it in the account and delete the rest
    #[arg(long)]
    pub leave_failed: bool,
}

/// `cartctl diff`
#[derive(Args, Debug)]
pub(crate) struct Diff {
    #[command(flatten)]
    pub planning: Planning,
    /// End with exit code 10 when there are such changes
    #[arg(long, value_enum)]
    pub fail_on: Option<FailOn>,
}

/// What `diff --fail-on` looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Any difference.
    Any,
    /// Somebody may do what they could not do before, or something is removed or replaced.
    Broadening,
    /// Something is removed or replaced.
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
    /// The file to write [default: frontend/.env, or frontend/.env.local with --local]
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    pub out: Option<Utf8PathBuf>,
}

/// `cartctl frontend`
#[derive(Debug, Subcommand)]
pub(crate) enum Frontend {
    /// Build the shop's page for what is deployed, and put it online
    ///
    /// It takes the web stack, which `cartctl deploy --with-web` makes and `cartctl deploy` ends with this for; and Node 20.19 or newer,
    /// with the packages installed (`npm --prefix frontend ci`). The build knows the stage's APIs and accounts; your `.env` is not read.
    /// Nothing is uploaded before it is built.
    ///
    /// Files that are named by their content go first, to be kept by browsers forever, and the page itself comes last, to be asked for
    /// every time. What is there already is not uploaded again. What is no longer part of the page is kept for a week, for pages that are
    /// still open. CloudFront is told to forget what has changed.
    ///
    /// It takes `cloudformation:DescribeStacks`, `ssm:GetParametersByPath`, `s3:ListBucket`, `GetObject`, `PutObject` and `DeleteObject`
    /// on the page's bucket, `cloudfront:CreateInvalidation`, and `sts:GetCallerIdentity`.
    Deploy(FrontendDeploy),
}

/// `cartctl frontend deploy`
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct FrontendDeploy {
    #[command(flatten)]
    pub target: Target,
    /// Say that a protected stage is meant
    #[arg(long)]
    pub protected_ok: bool,
}

/// How the frontend's configuration is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvFormat {
    /// One JSON object.
    Json,
    /// The same as YAML.
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
    /// Count all totals anew
    #[arg(long)]
    pub rebuild: bool,
    /// How many items a rebuild touches in a second; it reads up to ten times as many
    #[arg(long, value_name = "ITEMS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// Show every product, also those whose total is right
    #[arg(long)]
    pub all: bool,
    /// Say that a protected stage is meant
    #[arg(long, requires = "rebuild")]
    pub protected_ok: bool,
}

/// `cartctl logs`
#[derive(Args, Debug)]
pub(crate) struct Logs {
    /// Only these functions, for example `list-cart` [default: all]
    #[arg(value_name = "FUNCTION")]
    pub functions: Vec<String>,
    #[command(flatten)]
    pub target: Target,
    /// Go on with what comes, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// How far back to begin: 90s, 10m, 2h, 7d
    #[arg(long, value_name = "AGO", default_value = "10m", value_parser = duration)]
    pub since: Duration,
    /// Only warnings and errors, and invocations that failed
    #[arg(long)]
    pub errors: bool,
    /// Only lines that contain this, for example a request's id or an owner
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Also what Lambda says of every invocation, good or bad: its start, its end, its memory
    #[arg(long)]
    pub all: bool,
}

/// `cartctl local`
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Local {
    /// Return once everything is up, and leave it running
    #[arg(long, conflicts_with = "stop")]
    pub detach: bool,
    /// Stop what runs
    #[arg(long)]
    pub stop: bool,
    /// Forget all accounts, carts and stacks of earlier runs first
    #[arg(long, conflicts_with = "stop")]
    pub fresh: bool,
    /// Reload the page, and swap the functions, when their sources are edited
    #[arg(long, conflicts_with_all = ["stop", "detach"])]
    pub dev: bool,
    /// Leave out the page (also: `local.shop = false` in cartctl.toml): the backend needs no Node
    #[arg(long, conflicts_with = "stop")]
    pub no_shop: bool,
    /// The port of the local cloud on 127.0.0.1 [default: as configured, else 4566]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
}

/// `cartctl serve-page`
#[derive(Args, Debug)]
pub(crate) struct ServePage {
    /// The folder with `index.html`
    pub folder: Utf8PathBuf,
    /// The port of localhost
    #[arg(long)]
    pub port: u16,
}
