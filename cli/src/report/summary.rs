//! The summary of a run: as Markdown for people, as `name=value` for the steps of a pipeline. Knows nothing of files.

use cfn::StackId;
use handlebars::{Handlebars, RenderError};
use serde::Serialize;

use super::{here::Here, notices, text::Text, units::seconds, words};
use crate::domain::{
    digest::sha256,
    event::{Event, Settled},
    tame::{tame, tame_line},
};

/// Part of cartctl rather than read from the workspace, so that it cannot be missing at the end of a deployment.
const TEMPLATE: &str = include_str!("../../../templates/step-summary.md.hbs");

/// Everything that `templates/step-summary.md.hbs` may name.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Summary {
    pub command: String,
    stage: String,
    account: String,
    region: String,
    endpoint: Option<String>,
    stacks: Vec<Row>,
    pub failures: Vec<Failure>,
    notes: Vec<String>,
    time: Option<String>,
    outputs: Vec<Output>,
    /// How it ended, at a glance.
    mark: &'static str,
    error: Option<String>,
    hint: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    stack: StackId,
    outcome: String,
    took: String,
}

/// Why a stack failed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Failure {
    pub stack: StackId,
    pub cause: String,
    /// Where our source defines the resource that failed.
    pub defined_at: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Output {
    stack: StackId,
    key: String,
    value: String,
}

impl Summary {
    pub(super) fn record(&mut self, event: &Event, here: &Here) {
        match event {
            Event::Started { command, stage, account, region, endpoint } => {
                (*command).clone_into(&mut self.command);
                stage.clone_into(&mut self.stage);
                account.clone_into(&mut self.account);
                region.clone_into(&mut self.region);
                self.endpoint.clone_from(endpoint);
            }
            // Progress, and what others did.
            Event::Waiting { .. }
            | Event::Waited { .. }
            | Event::Package(_)
            | Event::Stored { .. }
            | Event::StackStarted { .. }
            | Event::ResourceChanged { .. }
            | Event::StackSettled { outcome: Settled::AtRest { .. }, .. }
            | Event::Interrupted { .. }
            | Event::Recount(_)
            | Event::Wrote { .. } => {}
            Event::StackSettled { stack, outcome, took } => {
                let took = match outcome {
                    Settled::Done { .. } | Settled::Failed { .. } | Settled::Cancelled => seconds(*took),
                    Settled::Unchanged
                    | Settled::Skipped { .. }
                    | Settled::AtRest { .. }
                    | Settled::NotBegun
                    | Settled::LeftAlone => String::new(),
                };
                self.stacks.push(Row { stack: *stack, outcome: words::outcome(outcome), took });
                if let Settled::Failed { failure } = outcome {
                    let defined_at = failure.resource.as_ref().and_then(|resource| resource.defined_at.clone());
                    self.failures.push(Failure { stack: *stack, cause: failure.to_string(), defined_at });
                }
            }
            Event::Notice(notice) => self.notes.push(notices::text(notice, here)),
            Event::TimeSpent(spent) => self.time = Some(words::time_spent(spent)),
            Event::Outputs { outputs } => {
                let output = |stack, (key, value): (&String, &String)| Output { stack, key: key.clone(), value: value.clone() };
                self.outputs = outputs.iter().flat_map(|(stack, outputs)| outputs.iter().map(|one| output(*stack, one))).collect();
            }
            Event::Ended { exit_code, error, hint } => {
                (self.error, self.hint) = (error.clone(), hint.clone());
                self.mark = match (error, exit_code) {
                    (Some(_), _) => "✘",
                    (None, 0) => "✔",
                    (None, _) => "●",
                };
            }
        }
    }

    /// The summary, as GitHub's Markdown.
    ///
    /// # Errors
    /// The template names something that does not exist.
    pub(super) fn markdown(&self) -> Result<String, RenderError> {
        let mut handlebars = Handlebars::new();
        handlebars.set_strict_mode(true);
        handlebars.register_escape_fn(escape);
        handlebars.render_template(TEMPLATE, self)
    }

    /// The outputs of the stacks, as a step of GitHub Actions names its own: `auth_CognitoUserPoolId=…`.
    pub(super) fn outputs(&self) -> String {
        let mut lines = Text::default();
        for Output { stack, key, value } in &self.outputs {
            let (key, value) = (tame_line(key), tame(value));
            if value.contains('\n') {
                // A value cannot contain its own hash.
                let end = &sha256(&[value.as_bytes()])[..32];
                lines.line(format_args!("{stack}_{key}<<{end}\n{value}\n{end}"));
            } else {
                lines.line(format_args!("{stack}_{key}={value}"));
            }
        }
        lines.into()
    }
}

/// The characters with a meaning in Markdown as entities. <https://spec.commonmark.org/0.31.2/#entity-and-numeric-character-references>
fn escape(text: &str) -> String {
    let mut escaped = Text::default();
    for character in tame(text).chars() {
        match character {
            '\n' => escaped.add("<br>"),
            '&' | '<' | '>' | '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' => {
                escaped.add(format_args!("&#{};", u32::from(character)));
            }
            character => escaped.add(character),
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cart_infra::stacks;
    use indexmap::IndexMap;

    use super::*;
    use crate::report::tests::every_event;

    #[test]
    fn a_run_is_summed_up() {
        let mut summary = Summary::default();
        for event in every_event() {
            summary.record(&event, &Here::default());
        }
        insta::assert_snapshot!("failed", summary.markdown().unwrap());
        summary.record(&Event::Ended { exit_code: 0, error: None, hint: None }, &Here::default());
        (summary.failures, summary.notes, summary.time) = (Vec::new(), Vec::new(), None);
        insta::assert_snapshot!("succeeded", summary.markdown().unwrap());
    }

    #[test]
    fn what_others_wrote_is_only_text() {
        assert_eq!(escape("a|b\n<img src=x> *_*"), "a&#124;b<br>&#60;img src=x&#62; &#42;&#95;&#42;");
    }

    #[test]
    fn a_value_cannot_end_itself() {
        let mut summary = Summary::default();
        let values = [("Key", "one\nevil=1"), ("Url", "https://a.example/?x=1")];
        let values: BTreeMap<_, _> = values.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        summary.record(&Event::Outputs { outputs: IndexMap::from([(stacks::AUTH, values)]) }, &Here::default());
        let end = &sha256(&[b"one\nevil=1"])[..32];
        assert_eq!(summary.outputs(), format!("auth_Key<<{end}\none\nevil=1\n{end}\nauth_Url=https://a.example/?x=1\n"));
    }
}
