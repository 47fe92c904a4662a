//! Completes the explanation of a failure: decodes encoded messages, finds the owner of a taken name.

use super::Session;
use crate::domain::{cause::Cause, failure::Failure};

/// The same failure with further details and a hint from AWS. If AWS has none, the failure stays as it is.
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
    let resource = failure.resource.as_ref().and_then(|resource| resource.physical_id.as_deref());
    failure.hint = failure.hint.or_else(|| cause.map(|cause| cause.hint(failure.stack, resource)));
    failure
}
