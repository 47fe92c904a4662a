//! Publishes a build of the shop's site as planned. Decides nothing.

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

/// The number of uploads at once.
const AT_ONCE: usize = 16;

/// The storage and the distribution of a site.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub bucket: Bucket,
    pub distribution: String,
    /// The folder of the bucket that the distribution serves.
    pub folder: &'static str,
}

/// The record of files that are no longer part of the site, outside the served folder.
const SUPERSEDED: &str = "superseded.json";

impl Place {
    /// The key of a file of the site.
    fn key(&self, path: &str) -> String {
        format!("{}/{path}", self.folder)
    }
}

/// The files online, and the record of superseded ones.
pub(crate) async fn look(place: &Place, aws: &Aws) -> Result<(BTreeMap<String, Online>, Superseded), aws::Error> {
    let prefix = place.key("");
    let (online, remembered) = tokio::try_join!(aws.objects(&place.bucket, &prefix), aws.text(&place.bucket, SUPERSEDED))?;
    // An unreadable record starts empty, so its files stay online longer.
    let superseded = remembered.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Ok((online, superseded))
}

/// Publishes the files in `folder`: each wave after the one before, then removes old files.
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
                aws.put_site_file(&place.bucket, &place.key(&upload.path), &folder.join(&upload.path), upload).await
            }))
            .await?;
        }
    }
    Ok(())
}

/// Empties a bucket: only an empty one can be deleted.
pub(super) async fn empty(bucket: &Bucket, aws: &Aws) -> Result<(), aws::Error> {
    match aws.objects(bucket, "").await {
        Ok(objects) => aws.delete_objects(bucket, &objects.into_keys().collect::<Vec<_>>()).await,
        // An earlier attempt deleted the bucket.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
