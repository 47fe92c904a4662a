//! `cartctl`: parses the command line, runs the command, prints its answer or its error, and ends with the documented exit code.

mod args;
mod aws;
#[cfg_attr(not(test), expect(dead_code, reason = "nothing tells the causes of failures yet"))]
mod cause;
mod commands;
mod config;
mod digest;
mod env_file;
mod error;
mod event;
mod execute;
mod local;
mod package;
mod plan;
mod report;
mod stack;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = args::Cli::parse();
    if cli.global.no_color {
        report::no_color();
    }
    report::diagnostics(cli.global.verbose);
    let output = cli.global.output;
    match commands::run(cli).await {
        Ok(answer) => {
            answer.print(output);
            ExitCode::SUCCESS
        }
        Err(error) => {
            report::failure(&error);
            ExitCode::from(error.exit_code() as u8)
        }
    }
}
