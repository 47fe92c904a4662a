//! `cartctl`: parses the command line, runs the command, prints its answer or its error, and ends with the documented exit code.

mod args;
mod aws;
mod cause;
mod commands;
mod config;
mod digest;
mod env_file;
mod error;
mod event;
mod execute;
mod failure;
mod files;
mod local;
mod moment;
mod pace;
mod package;
mod plan;
mod report;
mod site;
mod stack;
mod timeline;

use std::process::ExitCode;

use clap::Parser;

use crate::{config::Environment, report::Reporting};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = args::Cli::parse();
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
