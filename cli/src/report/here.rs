//! Where a run works, as options: the commands in its messages carry them, so that a copied command acts on the same thing in any shell.

use serde_json::Value as Json;

use super::Ended;
use crate::domain::text::shell_word;

/// The programs whose commands are completed.
const PROGRAMS: [&str; 2] = ["`cartctl ", "`aws "];

/// What flags and the environment say of where this run works. The rest is in the configuration file, and the next command reads it there.
/// Holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Here {
    pub stage: Option<String>,
    pub region: Option<String>,
    pub profile: Option<String>,
    /// A URL in the place of AWS.
    pub endpoint_url: Option<String>,
    /// Whether the run works on the local cloud.
    pub local: bool,
    pub config: Option<String>,
    /// For commands that deploy.
    pub bucket: Option<String>,
    /// For commands that deploy or delete.
    pub role_arn: Option<String>,
    /// The region and the URL of the local cloud, once they are known, for commands that know nothing of `--local`.
    pub local_cloud: Option<(String, String)>,
}

impl Here {
    /// The same text, its commands (in backticks) with the options of this run that they do not have yet. Completing it again changes
    /// nothing.
    pub(crate) fn complete(&self, text: &str) -> String {
        let mut completed = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = PROGRAMS.iter().filter_map(|program| rest.find(program)).min() {
            let (before, from) = rest.split_at(start + 1);
            let (command, after) = from.split_at(from.find('`').unwrap_or(from.len()));
            completed += before;
            completed += &self.command(command);
            // The backtick at its end begins no other one.
            let (end, after) = after.split_at(after.len().min(1));
            completed += end;
            rest = after;
        }
        completed + rest
    }

    /// The same for every text in a value.
    pub(super) fn complete_all(&self, json: &mut Json) {
        match json {
            Json::String(text) if PROGRAMS.iter().any(|program| text.contains(program)) => *text = self.complete(text),
            Json::Array(values) => values.iter_mut().for_each(|value| self.complete_all(value)),
            Json::Object(fields) => fields.values_mut().for_each(|value| self.complete_all(value)),
            _ => {}
        }
    }

    /// The same for the end of a command.
    pub(super) fn complete_end(&self, mut ended: Ended) -> Ended {
        let complete = |text: &mut String| *text = self.complete(text);
        complete(&mut ended.message);
        ended.causes.iter_mut().for_each(complete);
        ended.hint.iter_mut().for_each(complete);
        ended.failed.iter_mut().flat_map(|failure| &mut failure.hint).for_each(complete);
        ended
    }

    fn command(&self, command: &str) -> String {
        let words: Vec<_> = command.split(' ').collect();
        let missing = self.options(&words).into_iter().filter(|(option, _)| !words.contains(option));
        missing.fold(command.to_owned(), |command, (option, value)| match value {
            Some(value) => format!("{command} {option} {}", shell_word(value)),
            None => format!("{command} {option}"),
        })
    }

    /// The options of this run that a command has, with their values.
    fn options(&self, words: &[&str]) -> Vec<(&'static str, Option<&str>)> {
        fn valued<'a>(option: &'static str, value: Option<&'a String>) -> Option<(&'static str, Option<&'a str>)> {
            value.map(|value| (option, Some(value.as_str())))
        }
        let (stage, config) = (valued("--stage", self.stage.as_ref()), valued("--config", self.config.as_ref()));
        let (region, profile) = (valued("--region", self.region.as_ref()), valued("--profile", self.profile.as_ref()));
        let endpoint = valued("--endpoint-url", self.endpoint_url.as_ref());
        let options = match *words {
            // Who signs in does so at AWS itself.
            ["aws", "sso" | "login", ..] => vec![region, profile],
            ["aws", ..] => match &self.local_cloud {
                Some((region, url)) => vec![valued("--region", Some(region)), valued("--endpoint-url", Some(url))],
                None => vec![region, profile, endpoint],
            },
            ["cartctl", "local", ..] => vec![stage, config],
            // They work on no cloud, and on the local one least of all.
            ["cartctl", "package" | "synth", ..] => vec![stage, region, profile, endpoint, config],
            ["cartctl", name, ..] => {
                let local = self.local.then_some(("--local", None));
                let bucket = valued("--bucket", self.bucket.as_ref()).filter(|_| ["deploy", "diff"].contains(&name));
                let role = valued("--role-arn", self.role_arn.as_ref()).filter(|_| ["deploy", "delete"].contains(&name));
                vec![stage, region, profile, endpoint, local, config, bucket, role]
            }
            _ => Vec::new(),
        };
        options.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staging() -> Here {
        Here {
            stage: Some("staging".to_owned()),
            region: Some("eu-west-1".to_owned()),
            profile: Some("the shop".to_owned()),
            ..Here::default()
        }
    }

    #[test]
    fn a_command_works_where_this_run_does() {
        let hint = "follow it with `cartctl attach`, then run the same command again; or use `--bucket`";
        assert_eq!(Here::default().complete(hint), hint);
        let completed = "follow it with `cartctl attach --stage staging --region eu-west-1 --profile 'the shop'`, then run the same \
                         command again; or use `--bucket`";
        assert_eq!(staging().complete(hint), completed);
        assert_eq!(staging().complete(completed), completed, "it is complete");
    }

    #[test]
    fn a_command_gets_only_options_that_it_has() {
        let here = Here { bucket: Some("code".to_owned()), config: Some("my shop's.toml".to_owned()), ..staging() };
        let complete = |command: &str| here.complete(command);
        assert_eq!(complete("`cartctl local --detach`"), r"`cartctl local --detach --stage staging --config 'my shop'\''s.toml'`");
        assert_eq!(
            complete("`cartctl diff --profile other`"),
            r"`cartctl diff --profile other --stage staging --region eu-west-1 --config 'my shop'\''s.toml' --bucket code`"
        );
        assert_eq!(complete("`aws sso login`"), "`aws sso login --region eu-west-1 --profile 'the shop'`");
        let here = Here { role_arn: Some("arn:aws:iam::123456789012:role/r".to_owned()), ..Here::default() };
        assert_eq!(here.complete("`cartctl deploy cart`"), "`cartctl deploy cart --role-arn arn:aws:iam::123456789012:role/r`");
        assert_eq!(here.complete("`cartctl status`"), "`cartctl status`");
        for other in ["`npm ci`", "`cartctl`", "cartctl deploy", "`", "``", "a ` b"] {
            assert_eq!(complete(other), other);
        }
    }

    #[test]
    fn the_local_cloud_is_meant_by_every_command() {
        let local_cloud = Some(("us-east-1".to_owned(), "http://127.0.0.1:4566".to_owned()));
        let here = Here { local: true, local_cloud, ..Here::default() };
        assert_eq!(here.complete("`cartctl delete cart`"), "`cartctl delete cart --local`");
        assert_eq!(here.complete("`cartctl local --stop`"), "`cartctl local --stop`");
        assert_eq!(
            here.complete("`aws logs delete-log-group --log-group-name /a`"),
            "`aws logs delete-log-group --log-group-name /a --region us-east-1 --endpoint-url http://127.0.0.1:4566`"
        );
    }

    #[test]
    fn a_text_of_anybodys_cannot_hide_a_command() {
        let here = Here { stage: Some("a`b".to_owned()), ..Here::default() };
        let completed = here.complete("it` said: `x`; `cartctl deploy` or `cartctl diff");
        assert_eq!(completed, r"it` said: `x`; `cartctl deploy --stage $'a\x60b'` or `cartctl diff --stage $'a\x60b'");
        assert_eq!(here.complete(&completed), completed);
    }

    #[test]
    fn every_text_of_a_value_is_completed() {
        let mut json = serde_json::json!({ "a": ["`cartctl deploy`", { "b": "`cartctl diff`", "c": 1 }], "d": null });
        Here { stage: Some("x".to_owned()), ..Here::default() }.complete_all(&mut json);
        let expected =
            serde_json::json!({ "a": ["`cartctl deploy --stage x`", { "b": "`cartctl diff --stage x`", "c": 1 }], "d": null });
        assert_eq!(json, expected);
    }
}
