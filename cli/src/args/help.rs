//! The front page of the help: commands grouped by what people want. Knows each command only by its name.

use std::fmt::Write;

use clap::{Command, builder::StyledStr};

/// The groups, in the order of a first day with the program.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Run the shop on this machine", &["local"]),
    ("Deploy, change and delete", &["diff", "deploy", "attach", "delete", "frontend"]),
    ("See what is deployed", &["status", "outputs", "logs", "totals"]),
    ("Create files", &["synth", "package", "frontend-env"]),
];

/// The command line with its commands in groups, which clap has for options only.
pub(super) fn grouped(command: Command) -> Command {
    let groups = groups(&command);
    let mut template = StyledStr::new();
    let heading = command.get_styles().get_header();
    // Writing to a text cannot fail.
    let _ = write!(
        template,
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{heading}Global options:{heading:#}\n{{options}}{{after-help}}"
    );
    command.help_template(template)
}

fn groups(command: &Command) -> String {
    let (heading, literal) = (command.get_styles().get_header(), command.get_styles().get_literal());
    let named = |name: &str| command.get_subcommands().find(|command| command.get_name() == name);
    let width = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(text, "{heading}{title}:{heading:#}");
        for command in names.iter().filter_map(|name| named(name)) {
            let (name, about) = (command.get_name(), command.get_about().map(ToString::to_string).unwrap_or_default());
            let _ = writeln!(text, "  {literal}{name:width$}{literal:#}  {about}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::{Arg, CommandFactory};

    use super::*;
    use crate::args::Cli;

    /// Every command that people see, with those below it.
    fn commands() -> Vec<Command> {
        let below =
            |command: &Command| command.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect::<Vec<_>>();
        let first = below(&Cli::command());
        first.iter().flat_map(|command| [vec![command.clone()], below(command)].concat()).collect()
    }

    #[test]
    fn every_command_is_in_one_group() {
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        grouped.sort_unstable();
        let all = Cli::command();
        let mut there: Vec<_> =
            all.get_subcommands().filter(|command| !command.is_hide_set()).map(|command| command.get_name().to_owned()).collect();
        there.sort_unstable();
        assert_eq!(grouped, there);
    }

    #[test]
    fn every_command_has_examples_that_can_be_typed() {
        for command in commands().into_iter().filter(|command| command.get_subcommands().next().is_none()) {
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<_> = examples.lines().filter_map(|line| line.trim_start().strip_prefix("$ ")).collect();
            assert!(!lines.is_empty(), "{} has no example", command.get_name());
            for line in lines {
                assert!(line.split(' ').any(|word| word == command.get_name()), "`{line}` is of another command");
                let parsed = Cli::command().try_get_matches_from(line.split(' '));
                assert!(parsed.is_ok(), "`{line}`: {}", parsed.unwrap_err());
            }
        }
    }

    #[test]
    fn a_flag_is_explained_in_a_line() {
        const LONGEST: usize = 80;
        let mut all = commands();
        all.push(Cli::command());
        for command in all {
            let help = |arg: &Arg| arg.get_help().map(ToString::to_string).unwrap_or_default();
            for (id, text) in command.get_arguments().map(|arg| (arg.get_id().to_string(), help(arg))) {
                assert!((1..=LONGEST).contains(&text.chars().count()), "{} {id}: {text}", command.get_name());
                let begins = text.chars().next().is_some_and(char::is_uppercase);
                assert!(begins && !text.ends_with('.'), "{} {id}: {text}", command.get_name());
            }
        }
    }
}
