//! The options that say where a command works, as they were typed. The commands in a hint carry them, so that they can be copied.

use clap::{ArgMatches, parser::ValueSource};

use crate::domain::text::shell_quoted;

/// An option of cartctl.
#[derive(Debug)]
struct Known {
    id: &'static str,
    long: &'static str,
    /// Whether the AWS CLI has the same one.
    aws: bool,
    /// Whether it has a meaning to commands that work on this machine only.
    here: bool,
}

const KNOWN: [Known; 6] = [
    Known { id: "stage", long: "--stage", aws: false, here: true },
    Known { id: "region", long: "--region", aws: true, here: false },
    Known { id: "profile", long: "--profile", aws: true, here: false },
    Known { id: "endpoint_url", long: "--endpoint-url", aws: true, here: false },
    Known { id: "local", long: "--local", aws: false, here: false },
    Known { id: "config", long: "--config", aws: false, here: true },
];

/// The commands that work on this machine only.
const HERE: [&str; 3] = ["local", "package", "synth"];

/// The options of this run.
#[derive(Debug, Default)]
pub(crate) struct Flags(Vec<(&'static Known, String)>);

impl Flags {
    /// Those on the command line. What comes from the environment holds for the next command anyway.
    pub(crate) fn typed(matches: &ArgMatches) -> Self {
        let command = std::iter::successors(Some(matches), |matches| Some(matches.subcommand()?.1)).last().unwrap_or(matches);
        let typed = |known: &'static Known| {
            let is_typed = command.try_contains_id(known.id).unwrap_or(false)
                && command.value_source(known.id) == Some(ValueSource::CommandLine);
            let is_switch = command.try_get_one::<bool>(known.id).is_ok();
            is_typed.then(|| {
                let values = command.get_raw(known.id).into_iter().flatten().filter(|_| !is_switch);
                values.fold(known.long.to_owned(), |flag, value| format!("{flag} {}", quoted(&value.to_string_lossy())))
            })
        };
        Self(KNOWN.iter().filter_map(|known| Some((known, typed(known)?))).collect())
    }

    /// The same hint, its commands (in backticks) with the options of this run that they do not have yet.
    pub(crate) fn complete(&self, hint: &str) -> String {
        let parts = hint.split('`').enumerate();
        let parts = parts.map(|(place, part)| if place % 2 == 1 { self.command(part) } else { part.to_owned() });
        parts.collect::<Vec<_>>().join("`")
    }

    fn command(&self, command: &str) -> String {
        let words: Vec<_> = command.split(' ').collect();
        let has_it = |known: &Known| match words.as_slice() {
            ["cartctl", name, ..] => known.here || !HERE.contains(name),
            ["aws", ..] => known.aws,
            _ => false,
        };
        let missing = self.0.iter().filter(|(known, _)| has_it(known) && !words.contains(&known.long));
        missing.fold(command.to_owned(), |command, (_, flag)| format!("{command} {flag}"))
    }
}

/// A value as a shell takes it for one word.
fn quoted(value: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@=,+".contains(character);
    if !value.is_empty() && value.chars().all(is_plain) { value.to_owned() } else { shell_quoted(value) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    fn complete(typed: &str, hint: &str) -> String {
        let typed = typed.split(' ');
        Flags::typed(&Cli::command().try_get_matches_from(typed).unwrap()).complete(hint)
    }

    #[test]
    fn a_command_in_a_hint_works_where_this_one_did() {
        let hint = "follow it with `cartctl attach`, then run the same command again; or use `--bucket`";
        assert_eq!(complete("cartctl deploy", hint), hint);
        assert_eq!(
            complete("cartctl --stage staging deploy --region eu-west-1 cart", hint),
            "follow it with `cartctl attach --stage staging --region eu-west-1`, then run the same command again; or use `--bucket`"
        );
        assert_eq!(complete("cartctl deploy --local", "`cartctl delete cart`"), "`cartctl delete cart --local`");
        assert_eq!(complete("cartctl frontend deploy --local", "`cartctl deploy`"), "`cartctl deploy --local`");
    }

    #[test]
    fn a_command_gets_only_options_that_it_has() {
        let typed = "cartctl deploy --stage staging --region eu-west-1 --profile shop";
        assert_eq!(complete(typed, "`cartctl local --detach`"), "`cartctl local --detach --stage staging`");
        assert_eq!(
            complete(typed, "`cartctl status --profile other`"),
            "`cartctl status --profile other --stage staging --region eu-west-1`"
        );
        assert_eq!(complete(typed, "`aws sso login`"), "`aws sso login --region eu-west-1 --profile shop`");
        assert_eq!(complete(typed, "`npm ci`"), "`npm ci`");
    }

    #[test]
    fn a_value_stays_one_word() {
        let matches = Cli::command().try_get_matches_from(["cartctl", "status", "--config", "my shop's.toml"]).unwrap();
        assert_eq!(Flags::typed(&matches).complete("`cartctl status`"), r"`cartctl status --config 'my shop'\''s.toml'`");
    }
}
