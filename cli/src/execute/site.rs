//! Puts a build of the shop's page online, as it was planned. Decides nothing.

use std::collections::BTreeMap;

use camino::Utf8Path;
use futures_util::future::try_join_all;

use crate::{
    aws::{self, Aws, ErrorKind, object_store::Bucket},
    domain::{
        event::Events,
        notice::{Activity, Notice},
        site::{Online, Upload},
        text,
    },
    plan::site::{Plan, Superseded},
};

/// How many files are on their way at once.
const AT_ONCE: usize = 16;

/// Where a page is online.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The bucket.
    pub bucket: Bucket,
    /// The distribution that reads it.
    pub distribution: String,
    /// The folder of the bucket that it reads.
    pub folder: &'static str,
}

/// What is remembered of files that are no longer part of the page, beside the folder that is on show.
const SUPERSEDED: &str = "superseded.json";

impl Place {
    /// The key of a file of the site.
    fn key(&self, path: &str) -> String {
        format!("{}/{path}", self.folder)
    }
}

/// What is online, and what is remembered of it.
pub(crate) async fn look(place: &Place, aws: &Aws) -> Result<(BTreeMap<String, Online>, Superseded), aws::Error> {
    let prefix = place.key("");
    let (online, remembered) = tokio::try_join!(aws.objects(&place.bucket, &prefix), aws.text(&place.bucket, SUPERSEDED))?;
    // What cannot be read is remembered anew, and so kept for longer.
    let superseded = remembered.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Ok((online, superseded))
}

/// Puts the files in `folder` online: every wave once the one before is there, then what is old goes.
pub(crate) async fn publish(plan: Plan, folder: &Utf8Path, place: &Place, aws: &Aws, events: &Events) -> Result<(), aws::Error> {
    let (uploaded, unchanged, removed) = (plan.uploads(), plan.unchanged, plan.removals.len());
    events.during(Activity::UploadingSite { files: uploaded }, upload(plan.waves, folder, place, aws)).await?;
    if let Some(superseded) = &plan.superseded {
        aws.put_text(&place.bucket, SUPERSEDED, text::json(superseded)).await?;
    }
    aws.delete_objects(&place.bucket, &plan.removals.iter().map(|path| place.key(path)).collect::<Vec<_>>()).await?;
    let invalidated = !plan.forget.is_empty();
    if invalidated {
        let once = format!("cartctl-{:016x}", fastrand::u64(..));
        aws.forget(&place.distribution, &plan.forget, &once).await?;
    }
    events.notice(Notice::SitePublished { uploaded, unchanged, removed, invalidated });
    Ok(())
}

async fn upload(waves: Vec<Vec<Upload>>, folder: &Utf8Path, place: &Place, aws: &Aws) -> Result<(), aws::Error> {
    for wave in waves {
        for some in wave.chunks(AT_ONCE) {
            try_join_all(some.iter().map(async |upload| {
                aws.put_page(&place.bucket, &place.key(&upload.path), &folder.join(&upload.path), upload).await
            }))
            .await?;
        }
    }
    Ok(())
}

/// Empties a bucket: what is not empty cannot be deleted.
pub(super) async fn empty(bucket: &Bucket, aws: &Aws) -> Result<(), aws::Error> {
    match aws.objects(bucket, "").await {
        Ok(objects) => aws.delete_objects(bucket, &objects.into_keys().collect::<Vec<_>>()).await,
        // An earlier attempt got as far as that.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
