//! Settings that hold in one partition, one region or one account only. Knows nothing of where they are written.

use cart_infra::{GivenTopicArn, Monitoring, Region};
use cfn::{
    organisation::{BoundaryArn, GivenRoleArn, IamArn},
    resource::iam::RoleTerms,
};

use super::AccountId;
use crate::domain::{connection::Connection, encryption::KmsKey};

/// Those of a stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Regional<'a> {
    alarm_topic: Option<&'a GivenTopicArn>,
    boundary: Option<&'a BoundaryArn>,
    service_role: Option<&'a GivenRoleArn>,
    key: Option<&'a KmsKey>,
}

/// One of these settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    AlarmTopic,
    Boundary,
    ServiceRole,
    EncryptionKey,
}

/// A setting that cannot hold for the stage, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    pub setting: Setting,
    pub reason: String,
}

impl Setting {
    /// Its name in the file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AlarmTopic => "alarm-topic",
            Self::Boundary => "permissions-boundary",
            Self::ServiceRole => "role-arn",
            Self::EncryptionKey => "sse-kms-key",
        }
    }
}

impl<'a> Regional<'a> {
    pub(super) fn of(roles: &'a RoleTerms, monitoring: Option<&'a Monitoring>, connection: &'a Connection) -> Self {
        Self {
            alarm_topic: monitoring.and_then(|monitoring| monitoring.alarm_topic.as_ref()),
            boundary: roles.permissions_boundary.as_ref(),
            service_role: connection.service_role.as_ref(),
            key: connection.encryption.as_ref().and_then(|encryption| encryption.key.as_ref()),
        }
    }

    /// The first setting that cannot hold in this region.
    ///
    /// [Alarms notify topics of their own region](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html).
    /// [A bucket takes keys of its own region](https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html), and the
    /// bucket is where the stage is.
    pub(super) fn misfit(&self, region: &Region) -> Option<Misfit> {
        let elsewhere = |it: Option<&'a Region>| it.filter(|it| *it != region);
        let topic = elsewhere(self.alarm_topic.map(GivenTopicArn::region)).map(|topic| {
            format!("alarms notify topics of their own region only; the topic is in {topic}, and the stage in {region}")
        });
        let key = elsewhere(self.key.and_then(KmsKey::region))
            .map(|key| format!("a bucket takes keys of its own region only; the key is in {key}, and the stage in {region}"));
        first([
            (Setting::AlarmTopic, topic),
            (Setting::Boundary, self.boundary.and_then(|arn| arn.outside_of(region))),
            (Setting::ServiceRole, self.service_role.and_then(|arn| arn.outside_of(region))),
            (Setting::EncryptionKey, key),
        ])
    }

    /// The first setting that cannot hold in this account. What AWS itself has made is every account's.
    pub(super) fn of_another_account(&self, account: &AccountId) -> Option<Misfit> {
        fn outside(arn: &impl IamArn, account: &AccountId) -> Option<String> {
            let own = [account.as_str(), "aws"].contains(&arn.account());
            (!own).then(|| format!("the stage belongs to the account {account}, and this is {arn}"))
        }
        first([
            (Setting::Boundary, self.boundary.and_then(|arn| outside(arn, account))),
            (Setting::ServiceRole, self.service_role.and_then(|arn| outside(arn, account))),
        ])
    }
}

fn first(settings: impl IntoIterator<Item = (Setting, Option<String>)>) -> Option<Misfit> {
    settings.into_iter().find_map(|(setting, reason)| Some(Misfit { setting, reason: reason? }))
}
