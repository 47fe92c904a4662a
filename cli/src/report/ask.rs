//! The questions that are asked on a terminal. Waiting for an answer blocks no other task, and can be interrupted.

use std::{fmt, future::Future, pin::Pin};

use cfn::StackId;

use super::{keyboard, streams, units::list};
use crate::domain::connection::CodeQuestion;

/// Where something is about to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub stage: &'a str,
    /// Its number.
    pub account: &'a str,
    pub region: &'a str,
    /// A URL in the place of AWS.
    pub endpoint: Option<&'a str>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, account, region, endpoint } = self;
        write!(f, "stage {stage} · account {account} · {region}")?;
        endpoint.map_or(Ok(()), |url| write!(f, " · {url}"))
    }
}

/// Something to approve before it is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question<'a> {
    Deploy,
    Recount,
    /// The name of the stage has to be typed.
    Delete {
        /// None for all of them.
        stacks: Option<&'a [StackId]>,
    },
}

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Yes,
    No,
    /// Standard input or standard error is no terminal.
    NobodyThere,
}

/// What to do with running operations after Ctrl-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Detach,
    Cancel,
}

impl Question<'_> {
    fn text(self, place: Place<'_>) -> String {
        match self {
            Self::Deploy => format!("Deploy these changes to {place}? [y/N] "),
            Self::Recount => format!("Recount all totals of {place}? [y/N] "),
            Self::Delete { stacks } => {
                let stacks = stacks.map_or_else(String::new, |stacks| format!("{} of ", list(stacks)));
                format!("Delete {stacks}{place}? Type `{}` to confirm: ", place.stage)
            }
        }
    }

    fn is_answered_with_yes(self, line: &str, place: Place<'_>) -> bool {
        match self {
            Self::Deploy | Self::Recount => matches!(line.to_ascii_lowercase().as_str(), "y" | "yes"),
            Self::Delete { .. } => line == place.stage,
        }
    }
}

/// Asks, and waits for a line that is typed after the question.
pub(crate) async fn ask(question: Question<'_>, place: Place<'_>) -> Reply {
    if !is_possible() {
        return Reply::NobodyThere;
    }
    keyboard::forget().await;
    streams::story(&question.text(place));
    let line = keyboard::line().await.unwrap_or_default();
    if question.is_answered_with_yes(&line, place) { Reply::Yes } else { Reply::No }
}

/// Asks for the current code of an MFA device. None, if nobody is there.
pub(crate) fn mfa_code(question: CodeQuestion) -> Pin<Box<dyn Future<Output = Option<String>> + Send>> {
    Box::pin(async move {
        if !is_possible() {
            return None;
        }
        keyboard::forget().await;
        streams::story(&code_text(&question));
        keyboard::line().await
    })
}

fn code_text(CodeQuestion { device, role, profile, stage }: &CodeQuestion) -> String {
    let stage = stage.as_ref().map_or_else(String::new, |stage| format!("stage {stage} · "));
    let account = role.split(':').nth(4).filter(|account| cfn::is_account_id(account));
    let account = account.map_or_else(String::new, |account| format!("account {account} · "));
    format!("Sign in for {stage}{account}role {} (profile {profile}). Code of the MFA device {device}: ", role_name(role))
}

fn role_name(arn: &str) -> &str {
    arn.rsplit(['/', ':']).next().unwrap_or(arn)
}

/// Whether there is somebody to ask.
pub(crate) fn is_possible() -> bool {
    keyboard::is_there()
}

/// Throws away what was typed before the choice is offered.
pub(crate) async fn before_choice() {
    keyboard::forget().await;
}

/// The next choice that somebody types after Ctrl-C: a line that begins with `d` or `c`. May be dropped and called again.
pub(crate) async fn choice() -> Choice {
    loop {
        match keyboard::line().await.map(|line| line.chars().next()) {
            Some(Some('d' | 'D')) => return Choice::Detach,
            Some(Some('c' | 'C')) => return Choice::Cancel,
            Some(_) => {}
            // Nothing more can be typed.
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use cart_infra::stacks;

    use super::*;

    const PLACE: Place<'_> = Place { stage: "staging", account: "123456789012", region: "eu-west-1", endpoint: None };

    #[test]
    fn a_question_says_what_is_done_and_where() {
        let questions = [
            Question::Deploy,
            Question::Recount,
            Question::Delete { stacks: None },
            Question::Delete { stacks: Some(&[stacks::AUTH, stacks::CART]) },
        ];
        assert_eq!(
            questions.map(|question| question.text(PLACE)),
            [
                "Deploy these changes to stage staging · account 123456789012 · eu-west-1? [y/N] ",
                "Recount all totals of stage staging · account 123456789012 · eu-west-1? [y/N] ",
                "Delete stage staging · account 123456789012 · eu-west-1? Type `staging` to confirm: ",
                "Delete auth and cart of stage staging · account 123456789012 · eu-west-1? Type `staging` to confirm: ",
            ]
        );
        let code = CodeQuestion {
            device: "arn:aws:iam::210987654321:mfa/me".to_owned(),
            role: "arn:aws:iam::123456789012:role/shop/Deployer".to_owned(),
            profile: "work".to_owned(),
            stage: Some("staging".to_owned()),
        };
        assert_eq!(
            code_text(&code),
            "Sign in for stage staging · account 123456789012 · role Deployer (profile work). Code of the MFA device \
             arn:aws:iam::210987654321:mfa/me: "
        );
        let unknown = CodeQuestion { role: "Deployer".to_owned(), stage: None, ..code };
        assert!(code_text(&unknown).starts_with("Sign in for role Deployer (profile work). Code"), "{}", code_text(&unknown));
        let elsewhere = Place { endpoint: Some("http://127.0.0.1:1"), ..PLACE };
        assert!(Question::Deploy.text(elsewhere).contains("eu-west-1 · http://127.0.0.1:1?"));
    }

    #[test]
    fn only_what_was_asked_for_is_yes() {
        let yes = |question: Question<'_>| {
            ["y", "Y", "yes", "n", "", "yy", "staging", "Staging"].map(|line| question.is_answered_with_yes(line, PLACE))
        };
        assert_eq!(yes(Question::Deploy), [true, true, true, false, false, false, false, false]);
        assert_eq!(yes(Question::Delete { stacks: None }), [false, false, false, false, false, false, true, false]);
    }
}
