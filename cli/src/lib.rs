//! `cartctl` as a library: everything but the process itself, so that tests and readers see one face.
//!
//! Data flows one way: [`config`] settles what is meant, `plan` decides, `execute` carries out, `report` says so; `commands` are the
//! stories that put these together.

mod args;
mod aws;
mod build;
mod commands;
mod config;
mod domain;
mod error;
mod execute;
mod files;
mod local;
mod plan;
mod report;

use std::process::ExitCode;

use crate::{config::Environment, report::Reporting};

/// Parses the command line, runs the command, prints its answer or its error, and returns the documented exit code.
#[tokio::main]
pub async fn run() -> ExitCode {
    let cli = args::Cli::of_process();
    if cli.global.no_color {
        report::no_color();
    }
    report::diagnostics(cli.global.verbose);
    let output = cli.global.output;
    let environment = Environment::of_process();
    let done = match Reporting::begin(&cli, &environment) {
        Ok(reporting) => {
            let done = commands::run(cli, &environment, &reporting).await;
            reporting.end(&done);
            done
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(answer) => {
            answer.print(output);
            ExitCode::SUCCESS
        }
        Err(error) => {
            // What was looked for and found has been told as an answer.
            let told = matches!(error, error::Error::ChangesFound | error::Error::TotalsWrong { .. });
            if output == args::Output::Json && !told {
                report::answer::of_failure(&error).print(output);
            }
            report::failure(&error);
            ExitCode::from(error.exit_code() as u8)
        }
    }
}
