//! What goes wrong, and when: at which calls, counted, so that a test goes the same way each time. And the log of the calls.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use rustix::process::Signal;

use crate::{
    account::Account,
    call::{Refusal, Service},
};

/// Something that goes wrong at some calls.
#[derive(Clone, Debug)]
pub struct Rule {
    calls: RangeInclusive<usize>,
    operation: Option<String>,
    stack: Option<String>,
    fault: Fault,
    seen: usize,
    happened: usize,
}

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// It is refused.
    Refused(Why),
    /// The connection ends before anything is done.
    Dropped,
    /// It is done, and the connection ends without an answer.
    AnswerLost,
    /// It is done, and the connection ends in the middle of the answer.
    AnswerCut,
    /// It answers what was true so many calls about its stack ago.
    Stale(usize),
    /// It is done and answered, so much later.
    Late(Duration),
    /// It is not done; the answer points here instead.
    Redirected(&'static str),
    /// The client gets a signal. Before the call, one that kills it leaves nothing to be done.
    Signal(Signal, Moment),
    /// Something else happens first, such as somebody else's deployment.
    Meanwhile(fn(&mut Account)),
}

impl Fault {
    /// Those that are over when the same is asked again.
    pub const PASSING: [Self; 6] = [
        Self::Refused(Why::Throttled),
        Self::Refused(Why::Unavailable),
        Self::Refused(Why::Internal),
        Self::Dropped,
        Self::AnswerLost,
        Self::AnswerCut,
    ];
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Throttled,
    Unavailable,
    Internal,
    ExpiredToken,
    AccessDenied,
    /// The caller may not hand a role to CloudFormation.
    MayNotPassRole,
    /// CloudFormation may not assume the role that it is handed.
    RoleNotAssumed,
}

/// When, as seen from a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

impl Why {
    /// As the services put it.
    pub fn refusal(self, service: &Service) -> Refusal {
        match self {
            Self::Throttled if *service == Service::ApiGateway => {
                Refusal::new(429, "TooManyRequestsException", "Too Many Requests")
            }
            Self::Throttled => Refusal::new(400, "Throttling", "Rate exceeded"),
            Self::Unavailable => Refusal::new(503, "ServiceUnavailable", "Service is unavailable"),
            Self::Internal => Refusal::new(500, "InternalFailure", "The request processing has failed because of an unknown error"),
            Self::ExpiredToken => Refusal::new(403, "ExpiredToken", "The security token included in the request is expired"),
            Self::MayNotPassRole => Refusal::new(
                403,
                "AccessDenied",
                "User: arn:aws:iam::123456789012:user/bench is not authorized to perform: iam:PassRole on resource: \
                 arn:aws:iam::123456789012:role/cloudformation because no identity-based policy allows the iam:PassRole action",
            ),
            Self::RoleNotAssumed => {
                Refusal::validation("Role arn:aws:iam::123456789012:role/cloudformation is invalid or cannot be assumed".to_owned())
            }
            Self::AccessDenied => Refusal::new(403, "AccessDenied", "User is not authorized to perform this action"),
        }
    }
}

impl Rule {
    /// This goes wrong at these calls, counted from now on and from 1.
    pub fn at(calls: RangeInclusive<usize>, fault: Fault) -> Self {
        Self { calls, operation: None, stack: None, fault, seen: 0, happened: 0 }
    }

    /// Only calls of this operation count.
    #[must_use]
    pub fn of(self, operation: &str) -> Self {
        Self { operation: Some(operation.to_owned()), ..self }
    }

    /// Only calls about this stack count.
    #[must_use]
    pub fn about(self, stack: &str) -> Self {
        Self { stack: Some(stack.to_owned()), ..self }
    }

    /// Whether it answers from the past.
    pub fn needs_the_past(&self) -> bool {
        matches!(self.fault, Fault::Stale(_))
    }

    /// Counts a call; what goes wrong at it.
    pub fn count(&mut self, operation: &str, stack: Option<&str>) -> Option<Fault> {
        let counts = self.operation.as_deref().is_none_or(|wanted| wanted == operation)
            && self.stack.as_deref().is_none_or(|wanted| Some(wanted) == stack);
        self.seen += usize::from(counts);
        let happens = counts && self.calls.contains(&self.seen);
        self.happened += usize::from(happens);
        happens.then_some(self.fault)
    }

    /// At how many calls so far.
    pub fn happened(&self) -> usize {
        self.happened
    }
}

/// A call, as it is remembered.
#[derive(Clone, Debug)]
pub struct Logged {
    /// For example `DescribeStacks`.
    pub operation: String,
    /// The stack's name, where it was about one.
    pub stack: Option<String>,
    /// What marked it.
    pub token: Option<String>,
    /// Whether it only asked again, because something was waited for.
    pub poll: bool,
    /// What it was refused for.
    pub refused: Option<&'static str>,
    /// The role that it handed over.
    pub role: Option<String>,
}

/// Every call, in order.
#[derive(Clone, Debug, Default)]
pub struct Log(pub Vec<Logged>);

impl Log {
    /// How often this was called.
    pub fn count(&self, operation: &str) -> usize {
        self.0.iter().filter(|call| call.operation == operation).count()
    }

    /// How often each operation was called, and not only to ask again.
    pub fn without_polls(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for call in self.0.iter().filter(|call| !call.poll) {
            *counts.entry(call.operation.as_str()).or_default() += 1;
        }
        counts
    }

    /// Whether such a call asks again: since the last one, nothing was done to the stack.
    pub fn asks_again(&self, operation: &str, stack: Option<&str>) -> bool {
        if !matches!(operation, "DescribeStackEvents" | "DescribeChangeSet" | "DescribeStacks") {
            return false;
        }
        let about = self.0.iter().rev().filter(|call| call.stack.as_deref() == stack);
        about.take_while(|call| is_question(&call.operation)).any(|call| call.operation == operation)
    }
}

/// Whether an operation only asks.
pub fn is_question(operation: &str) -> bool {
    ["Describe", "Get", "List"].iter().any(|prefix| operation.starts_with(prefix))
}
