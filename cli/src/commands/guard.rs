//! Makes sure that a command works where it is meant to, before it changes anything.

use super::started;
use crate::{
    aws::{self, Aws, ErrorKind},
    config::Config,
    domain::event::Events,
    error::Error,
};

/// Refuses to touch a protected stage, unless that was said to be meant. A copy of it in the local cloud is there to be tried on.
pub(super) fn protected(config: &Config, protected_ok: bool) -> Result<(), Error> {
    if config.protected && !protected_ok && !config.connection.endpoint.is_local() {
        Err(Error::Protected { stage: config.stage() })
    } else {
        Ok(())
    }
}

/// The account that is worked in, once it is known to be the stage's own; says so.
pub(super) async fn account(command: &'static str, config: &Config, aws: &Aws, events: &Events) -> Result<String, Error> {
    let account = aws.account().await?;
    events.send(started(command, config, &account, &aws.region));
    if let Some(pin) = &config.pin {
        let wrong = |what: &str, wanted: &str, found: &str| {
            let message = format!("the stage `{}` belongs to the {what} {wanted}, and this is {found}", config.stage());
            aws::Error::new("checking the account", ErrorKind::WrongAccount, message)
        };
        if pin.account.as_str() != account {
            return Err(wrong("account", pin.account.as_str(), &account).into());
        }
        if let Some(region) = pin.region.as_ref().filter(|region| **region != aws.region) {
            return Err(wrong("region", region, &aws.region).into());
        }
    }
    Ok(account)
}
