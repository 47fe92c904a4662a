//! The words for notices and activities.

use std::time::Duration;

use cfn::resource::wafv2::HOME_OF_CLOUDFRONT;

use super::{
    here::Here,
    units::{list, period, plural, seconds},
};
use crate::domain::{
    command::Command,
    event::Operation,
    notice::{Activity, Notice},
    text::first_of,
};

/// A notice as one sentence, without its severity, its commands for a run that works `here`.
pub(super) fn text(notice: &Notice, here: &Here) -> String {
    here.complete(&sentence(notice))
}

fn sentence(notice: &Notice) -> String {
    match notice {
        Notice::RegionOfStage { region, variable, value } => {
            format!("the region is {region}, from the stage's section of cartctl.toml; {variable}={value} is ignored")
        }
        Notice::Replanning { stack } => format!("the {stack} stack changed after it was planned; planning again"),
        Notice::ForeignStack { stack, name, owner } => {
            format!("the {stack} stack of this stage would be {name}, which is somebody else's and left alone: {owner}")
        }
        Notice::SecondRound { stacks, origin } => format!("updating {} again to allow requests from {origin}", list(stacks)),
        Notice::DeletionProtection { stacks } => format!("updating {} again to switch deletion protection on", list(stacks)),
        Notice::OriginNotAllowed { site, allowed, configured: true } => {
            format!("the site {site} cannot change a cart: the `allowed-origin` of this stage is {allowed}")
        }
        Notice::OriginNotAllowed { site, configured: false, .. } => {
            let deploy = Command::cartctl("deploy");
            format!("the site {site} cannot change a cart yet: the APIs do not allow its origin until the next {deploy}")
        }
        Notice::SilentAlarms { stack, alarms } => format!(
            "{} of the {stack} stack {} nobody ({}); name an SNS topic as `alarm-topic` in cartctl.toml",
            plural(alarms.len(), "alarm"),
            if alarms.len() == 1 { "notifies" } else { "notify" },
            first_of(alarms, 3).unwrap_or_else(|| list(alarms))
        ),
        Notice::NoEdgeFirewall { stack, region } => no_edge_firewall(stack.as_str(), region),
        Notice::EnvFileLater => "the frontend's .env file is written once every stack is deployed".to_owned(),
        Notice::EnvFileRepurposed { path, was, now } => {
            format!("{path} had the variables of {was}; it now has those of {now}")
        }
        Notice::EnvFileSetsTwice { path, variables, deployed: true } => {
            format!("{path} sets {} above cartctl's lines as well; the deployed values win", list(variables))
        }
        Notice::EnvFileSetsTwice { path, variables, deployed: false } => {
            format!("{path} sets {} again below cartctl's lines; those values win, not the deployed ones", list(variables))
        }
        Notice::EnvFileNotWritten { path, reason } => {
            let write = Command::cartctl("frontend-env");
            format!("the deployment succeeded, but {path} is not up to date: {reason}; {write} writes it")
        }
        Notice::SiteOnline { url } => format!("the site is online: {url}"),
        Notice::SiteUnchanged { files } => format!("the site is up to date: {} unchanged", plural(*files, "file")),
        Notice::SitePublished { uploaded, unchanged, removed, invalidated } => {
            let cached = if *invalidated { "; CloudFront may serve former files for another two minutes" } else { "" };
            let uploaded = plural(*uploaded, "file");
            format!("the site is published: {uploaded} uploaded, {unchanged} unchanged, {removed} deleted{cached}")
        }
        Notice::ProtectionOn { stack } => format!("termination protection of the {stack} stack is on"),
        Notice::ProtectionOff { stack } => format!("termination protection of the {stack} stack is off"),
        Notice::TakingBack => {
            "Stopping: the change sets of the plan are awaited and deleted. Another Ctrl-C quits at once.".to_owned()
        }
        Notice::ChangeSetLeft { stack, reason } => {
            format!("a change set of the {stack} stack could not be deleted; it has no effect: {reason}")
        }
        Notice::TemplateLeft { reason } => format!("a template could not be deleted from the artifact bucket: {reason}"),
        Notice::ResourcesOrphaned { stack, resources } => {
            format!("the {stack} stack is deleted; the account keeps {}", list(resources))
        }
        Notice::DeletionThrottled { stack, again_in } => {
            format!("AWS throttled the deletion of the {stack} stack; next attempt in {}", period(*again_in))
        }
        Notice::Cancelling { stack } => format!("the update of the {stack} stack is cancelled and rolls back"),
        Notice::CancelFailed { stack, reason } => format!("the update of the {stack} stack could not be cancelled: {reason}"),
        Notice::CancelRefused { stack } => {
            format!("the current operation of the {stack} stack is not cancelled: the stack is not this stage's")
        }
        Notice::CannotCancel { stack, operation: Operation::Create } => {
            let delete = Command::cartctl("delete").with(stack);
            format!("CloudFormation cannot cancel the creation of the {stack} stack; {delete} deletes it afterwards")
        }
        Notice::CannotCancel { stack, operation } => {
            format!("CloudFormation cannot cancel the {} of the {stack} stack", noun(*operation))
        }
        Notice::LocalCloudUnclean => {
            "the local cloud was not stopped the last time; it restored the state of the stop before that".to_owned()
        }
        Notice::LocalStateKept => {
            let fresh = Command::cartctl("local --fresh");
            format!("the local cloud has state of earlier runs; if that is the cause, {fresh} starts without it")
        }
        Notice::DefinitionsEdited => {
            "infra/ was edited, which is compiled into cartctl; stop this command and start it again".to_owned()
        }
        Notice::FunctionsSwapped { services, took } => {
            format!("swapped the functions of {} ({})", list(services), seconds(*took))
        }
        Notice::FunctionsUnchanged { took } => format!("the functions are unchanged ({})", seconds(*took)),
        Notice::SwapFailed { reason, took } => {
            format!("{reason}; the local cloud keeps the functions it has ({})", seconds(*took))
        }
        Notice::NoLogEntries { within } => {
            let longer = longer(*within).map_or_else(String::new, |longer| format!("; try `--since {longer}`"));
            format!("no log entries in the last {}{longer}", period(*within))
        }
        Notice::FollowingLogs => "following new log entries; press Ctrl-C to stop".to_owned(),
        Notice::TimelineNotWritten { reason } => format!("the timeline could not be written: {reason}"),
        Notice::NotWritten { content, place, reason } => format!("{content} could not be written to {place}: {reason}"),
        Notice::Declined => "Cancelled. Nothing was changed.".to_owned(),
        Notice::ChangesFound { stacks } => format!("`--fail-on` found changes in {}", list(stacks)),
        Notice::TotalsWrong { products, rebuilt } => wrong_totals(*products, *rebuilt),
    }
}

fn no_edge_firewall(stack: &str, region: &str) -> String {
    format!(
        "the distribution of the {stack} stack has no firewall of its own: AWS offers those in {HOME_OF_CLOUDFRONT} only, and the stage is \
         in {region}; the APIs behind it limit each visitor"
    )
}

fn noun(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "creation",
        Operation::Update => "update",
        Operation::Delete => "deletion",
        Operation::RollBack => "rollback",
        Operation::Wait => "current operation",
    }
}

fn wrong_totals(number: usize, rebuilt: bool) -> String {
    let wrong = if number == 1 { "1 total is wrong".to_owned() } else { format!("{number} totals are wrong") };
    if rebuilt {
        format!(
            "{wrong} after the recount, because changes were lost meanwhile; check the queue UpdateTotalsFailures, then run the same \
             command again"
        )
    } else {
        let recount = Command::cartctl("totals --rebuild");
        format!("{wrong}; {recount} recounts them while the shop stays open")
    }
}

/// A longer time to look back, if there is one worth trying.
fn longer(within: Duration) -> Option<&'static str> {
    [(Duration::from_hours(1), "1h"), (Duration::from_hours(24), "1d"), (Duration::from_hours(7 * 24), "7d")]
        .into_iter()
        .find_map(|(longer, name)| (longer > within).then_some(name))
}

/// An activity while it goes on.
pub(super) fn activity(activity: &Activity) -> String {
    match activity {
        Activity::StartingLocalCloud => "starting the local cloud".to_owned(),
        Activity::StartingVite => "starting Vite".to_owned(),
        Activity::BuildingSite => "building the site".to_owned(),
        Activity::WaitingForSite => "waiting for the site to answer".to_owned(),
        Activity::UploadingPackage { service } => format!("uploading the package of {service}"),
        Activity::UploadingSite { files } => format!("uploading {} of the site", plural(*files, "file")),
        Activity::EmptyingBucket { bucket } => format!("emptying the bucket {bucket}"),
        Activity::ReadingCarts => "reading carts and totals".to_owned(),
        Activity::WaitingForCounts => "waiting for changes that are not counted yet".to_owned(),
        Activity::ReadingLogs { functions } => format!("reading the logs of {}", plural(*functions, "function")),
    }
}
