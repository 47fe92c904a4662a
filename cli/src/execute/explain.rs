//! Finds out what a failure does not tell by itself: what an encoded message says, who has the name already.

use super::Session;
use crate::domain::{cause::Cause, failure::Failure};

/// The same failure, with what AWS can tell about it and what to do. That AWS does not tell is no other failure.
pub(super) async fn explain(mut failure: Failure, session: &Session) -> Failure {
    let mut cause = Cause::of(&failure.reason);
    if let Some(Cause::EncodedDenial { encoded }) = &cause
        && let Ok(decoded) = session.aws.decode_authorization(encoded).await
    {
        failure.reason = decoded;
        cause = Cause::of(&failure.reason).or(cause);
    }
    if let Some(Cause::NameTaken(taken)) = &mut cause
        && taken.stack.is_none()
        && let Some(id) = failure.resource.as_ref().and_then(|resource| resource.physical_id.as_ref()).or(taken.name.as_ref())
        && let Ok(owner) = session.aws.stack_of(id).await
    {
        taken.stack = owner;
    }
    let stack = failure.stack;
    failure.hint = failure.hint.or_else(|| cause.map(|cause| cause.hint(stack)));
    failure
}
