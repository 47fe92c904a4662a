//! `cartctl` as a library. [`run`] is the program but for its process; [`engine`] deploys an app of your own.
//!
//! To read on, in the order in which a deployment uses the modules (`cargo doc --document-private-items` shows them):
//!
//! 1. `args` and `config` settle what is requested: flags over environment over `cartctl.toml` over defaults.
//! 2. `commands` has one story a file. `commands/deploy.rs` is the longest one: observe, plan, refine, ask, carry out, publish.
//! 3. `plan` decides, purely: [`engine::Definitions`], a [`engine::Request`] and an observation become a [`engine::Plan`].
//! 4. `execute` carries a plan out within a [`engine::Session`]. It calls AWS through `aws`, where the SDK's types stop.
//! 5. `report` says what happens. Everybody else sends events, which are data in `domain`.
//! 6. `build` makes packages and the site out of the workspace; `local` runs the local cloud.
//!
//! Imports go one way between these layers; `tests/layers.rs` fails where one does not.

mod args;
mod aws;
mod build;
mod commands;
mod config;
mod domain;
pub mod engine;
mod error;
mod execute;
mod files;
mod flags;
mod local;
mod plan;
mod report;
mod shop;

use std::process::ExitCode;

use camino::Utf8Path;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    config::Environment,
    error::Error,
    report::{Format, GitHubFiles, Options, Reporting},
};

/// Parses the command line, runs the command, prints its answer or its error, and returns the documented exit code.
///
/// # Panics
/// If the asynchronous runtime cannot be started.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match args::Cli::of_process() {
        Ok(cli) => cli,
        Err(error) => return about(&error).into(),
    };
    match config::unset_empty_variables().and_then(|()| Environment::of_process()) {
        Ok(environment) => run_in(cli, &environment),
        Err(error) => {
            let here = flags::here(&cli, &Environment::default());
            report::failure(format(&cli), Error::from(error).ended(), &here).into()
        }
    }
}

#[tokio::main]
async fn run_in(cli: args::Cli, environment: &Environment) -> ExitCode {
    // A limit on the size of files is then an error of a write, and no longer the end of this process.
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).ok();
    let format = format(&cli);
    let here = flags::here(&cli, environment);
    match Reporting::begin(options(&cli, environment), here.clone()) {
        Ok(reporting) => {
            let done = commands::run(cli, environment, &reporting).await;
            reporting.end(done.map_err(|error| error.ended())).into()
        }
        Err(error) => report::failure(format, Error::from(error).ended(), &here).into(),
    }
}

fn format(cli: &args::Cli) -> Format {
    match cli.global.output {
        args::Output::Text => Format::Text,
        args::Output::Json => Format::Json,
    }
}

/// Prints the help or the version, or why the command line cannot be used.
fn about(error: &clap::Error) -> domain::exit::ExitCode {
    if std::env::args_os().any(|argument| argument == "--no-color") {
        report::without_colour();
    }
    let text = error.render().ansi().to_string();
    if error.use_stderr() { report::usage(&text) } else { report::help(&text) }
}

fn options(cli: &args::Cli, environment: &Environment) -> Options {
    let global = &cli.global;
    let github = |files: &config::GitHub| GitHubFiles { step_summary: files.step_summary.clone(), output: files.output.clone() };
    Options {
        format: format(cli),
        verbosity: global.verbose,
        color: !global.no_color,
        dumb: environment.dumb,
        events: global.events.clone(),
        timeline: cli.command.timeline().map(Utf8Path::to_owned),
        github: environment.github.as_ref().map(github),
    }
}
