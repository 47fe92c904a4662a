//! Verifies the account and the stage before a command changes anything.

use cart_infra::StackId;

use super::started;
use crate::{
    aws::{self, ErrorKind},
    config::Config,
    domain::event::Events,
    error::Error,
};

/// Refuses to change a protected stage without `--protected-ok`. The local cloud is exempt: it is for trying things out.
pub(super) fn protected(config: &Config, protected_ok: bool) -> Result<(), Error> {
    if config.protected && !protected_ok && !config.connection.endpoint.is_local() {
        Err(Error::Protected { stage: config.stage() })
    } else {
        Ok(())
    }
}

/// Refuses to adopt a stack that the command does not touch.
pub(super) fn adopted(adopt: &[StackId], touched: &[StackId]) -> Result<(), Error> {
    match adopt.iter().find(|stack| !touched.contains(stack)) {
        Some(stack) => Err(Error::AdoptsNothing { stack: *stack }),
        None => Ok(()),
    }
}

/// Verifies that the account is the stage's own; reports it.
pub(super) fn account(command: &'static str, config: &Config, account: &str, region: &str, events: &Events) -> Result<(), Error> {
    events.send(started(command, config, account, region));
    if let Some(pin) = &config.pin {
        let wrong = |what: &str, wanted: &str, found: &str| {
            let message = format!("the stage `{}` belongs to the {what} {wanted}, and this is {found}", config.stage());
            aws::Error::new("checking the account", ErrorKind::WrongAccount, message)
        };
        if pin.account.as_str() != account {
            return Err(wrong("account", pin.account.as_str(), account).into());
        }
        if let Some(wanted) = pin.region.as_ref().filter(|wanted| wanted.as_str() != region) {
            return Err(wrong("region", wanted.as_str(), region).into());
        }
    }
    Ok(())
}
