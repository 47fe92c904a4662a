//! Decides how a build of the shop's site is published: which files are uploaded, in which order and with which cache lifetime,
//! which are removed, and which CloudFront has to invalidate. Knows nothing of building.

use std::{collections::BTreeMap, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::domain::{
    moment::Moment,
    site::{File, INDEX, Online, Upload, named_by_content},
};

/// How long a file stays online that is no longer part of the site. A tab that was opened before a deployment requests the assets
/// of its own build; an older tab reloads itself when an asset is missing (`onError` in frontend/src/router.ts).
const KEPT: Duration = Duration::from_hours(7 * 24);

/// With more paths than this, everything is invalidated: AWS counts paths, of which
/// [a thousand a month](https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/PayingForInvalidation.html) are free.
const PATHS: usize = 10;

/// Every character of a path but the
/// [unreserved characters](https://datatracker.ietf.org/doc/html/rfc3986#section-2.3) and slashes.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// The files that a newer build no longer has, each with the time that was first noticed, in milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Superseded(BTreeMap<String, i64>);

/// The steps to publish a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Uploads in waves, one after the other, so that no file online names a missing one.
    pub waves: Vec<Vec<Upload>>,
    /// The number of files that are online already.
    pub unchanged: usize,
    /// The record to write. None if it is unchanged.
    pub superseded: Option<Superseded>,
    /// The files to remove after the uploads.
    pub removals: Vec<String>,
    /// The paths to invalidate in CloudFront.
    pub forget: Vec<String>,
}

impl Plan {
    /// Whether the site is up to date.
    pub(crate) fn is_empty(&self) -> bool {
        self.waves.is_empty() && self.removals.is_empty() && self.superseded.is_none()
    }

    /// The number of files to upload.
    pub(crate) fn uploads(&self) -> usize {
        self.waves.iter().map(Vec::len).sum()
    }
}

/// The kinds of files, in the order of upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The name changes with the content.
    NamedByContent,
    /// The name stays; a former version breaks nothing.
    Other,
    /// Refers to the others.
    Page,
}

impl Kind {
    const ALL: [Self; 3] = [Self::NamedByContent, Self::Other, Self::Page];

    fn of(path: &str) -> Self {
        match path {
            INDEX => Self::Page,
            _ if named_by_content(path).is_some() => Self::NamedByContent,
            _ => Self::Other,
        }
    }

    const fn cache_control(self) -> &'static str {
        match self {
            Self::NamedByContent => "public, max-age=31536000, immutable",
            Self::Other => "public, max-age=300",
            // Caches may keep the file, and have to revalidate it.
            Self::Page => "no-cache",
        }
    }
}

/// Plans the publication of `build`, given the files online.
pub(crate) fn plan(build: &[File], online: &BTreeMap<String, Online>, superseded: &Superseded, now: Moment) -> Plan {
    let is_there = |file: &File| online.get(&file.path).is_some_and(|there| there.bytes == file.bytes && there.md5 == file.md5);
    let waves = Kind::ALL.map(|kind| {
        let mut wave: Vec<_> = build.iter().filter(|file| Kind::of(&file.path) == kind && !is_there(file)).map(upload).collect();
        wave.sort_by(|one, other| one.path.cmp(&other.path));
        wave
    });
    let changed = waves.iter().flatten().filter(|upload| online.contains_key(&upload.path));
    let mut forget: Vec<_> =
        changed.filter(|upload| Kind::of(&upload.path) != Kind::NamedByContent).map(|upload| url_path(&upload.path)).collect();
    if forget.len() > PATHS {
        forget = vec!["/*".to_owned()];
    }

    let mut removals = Vec::new();
    let mut remembered = Superseded::default();
    for path in online.keys().filter(|path| build.iter().all(|file| file.path != **path)) {
        let since = superseded.0.get(path).map_or(now, |since| Moment::from_millis(*since));
        if now.since(since) >= KEPT {
            removals.push(path.clone());
        } else {
            remembered.0.insert(path.clone(), since.millis());
        }
    }
    Plan {
        unchanged: build.iter().filter(|file| is_there(file)).count(),
        waves: waves.into_iter().filter(|wave| !wave.is_empty()).collect(),
        superseded: (remembered != *superseded).then_some(remembered),
        removals,
        forget,
    }
}

fn upload(file: &File) -> Upload {
    Upload { path: file.path.clone(), content_type: content_type(&file.path), cache_control: Kind::of(&file.path).cache_control() }
}

/// The content type, by the file extension: browsers may not guess it. All text is UTF-8.
fn content_type(path: &str) -> String {
    let guessed = mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream");
    if guessed.starts_with("text/") { format!("{guessed}; charset=utf-8") } else { guessed.to_owned() }
}

/// The path of a file, escaped for a URL.
fn url_path(path: &str) -> String {
    format!("/{}", utf8_percent_encode(path, &ENCODED))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1000;

    fn file(path: &str, md5: &str) -> File {
        File { path: path.to_owned(), bytes: 1, md5: md5.to_owned() }
    }

    fn online(files: &[File]) -> BTreeMap<String, Online> {
        files.iter().map(|file| (file.path.clone(), Online { bytes: file.bytes, md5: file.md5.clone() })).collect()
    }

    fn now(build: &[File], there: &BTreeMap<String, Online>) -> Plan {
        plan(build, there, &Superseded::default(), Moment::from_millis(0))
    }

    fn first() -> Vec<File> {
        vec![
            file("index.html", "1"),
            file("favicon.svg", "1"),
            file("assets/index-B7x_k-9A.js", "1"),
            file("assets/index-aaaaaaaa.css", "1"),
        ]
    }

    #[test]
    fn what_is_named_comes_before_what_names_it() {
        let plan = now(&first(), &BTreeMap::new());
        let told: Vec<Vec<_>> = plan
            .waves
            .iter()
            .map(|wave| wave.iter().map(|it| (&*it.path, &*it.content_type, it.cache_control)).collect())
            .collect();
        let forever = "public, max-age=31536000, immutable";
        assert_eq!(
            told,
            [
                vec![
                    ("assets/index-B7x_k-9A.js", "text/javascript; charset=utf-8", forever),
                    ("assets/index-aaaaaaaa.css", "text/css; charset=utf-8", forever),
                ],
                vec![("favicon.svg", "image/svg+xml", "public, max-age=300")],
                vec![("index.html", "text/html; charset=utf-8", "no-cache")],
            ]
        );
        assert_eq!((plan.uploads(), plan.unchanged, plan.forget.len(), plan.removals.len()), (4, 0, 0, 0));
    }

    #[test]
    fn what_is_there_is_not_uploaded_again() {
        let there = online(&first());
        let plan = now(&first(), &there);
        assert!(plan.is_empty(), "{plan:?}");
        assert_eq!(plan.unchanged, 4);

        let mut other = first();
        other[0].md5 = "2".to_owned();
        let plan = now(&other, &there);
        assert_eq!((plan.uploads(), plan.unchanged), (1, 3));
        assert_eq!(plan.forget, ["/index.html"]);
    }

    #[test]
    fn the_edge_forgets_what_has_another_content_under_the_same_name() {
        let mut other = first();
        for file in &mut other {
            file.md5 = "2".to_owned();
        }
        other.push(file("pictures/new one.svg", "1"));
        let plan = now(&other, &online(&first()));
        assert_eq!(plan.forget, ["/favicon.svg", "/index.html"], "and not what cannot have been kept, or never changes");

        let many = |md5: &str| (0..11).map(|name| file(&format!("{name}.svg"), md5)).collect::<Vec<_>>();
        assert_eq!(now(&many("2"), &online(&many("1"))).forget, ["/*"]);
        assert_eq!(url_path("pictures/new one ü.svg"), "/pictures/new%20one%20%C3%BC.svg");
    }

    #[test]
    fn files_say_what_they_are() {
        let types =
            ["index.html", "a.css", "a.js", "a.json", "a.txt", "a.svg", "a.PNG", "a.webp", "a.ico", "a.woff2", "a.wasm", "a"];
        assert_eq!(
            types.map(content_type),
            [
                "text/html; charset=utf-8",
                "text/css; charset=utf-8",
                "text/javascript; charset=utf-8",
                "application/json",
                "text/plain; charset=utf-8",
                "image/svg+xml",
                "image/png",
                "image/webp",
                "image/x-icon",
                "font/woff2",
                "application/wasm",
                "application/octet-stream",
            ]
        );
    }

    #[test]
    fn what_is_no_longer_part_of_it_stays_for_a_week() {
        let there = online(&first());
        let mut later = first();
        later[2] = file("assets/index-bbbbbbbb.js", "1");
        let replaced = plan(&later, &there, &Superseded::default(), Moment::from_millis(5));
        assert_eq!(replaced.removals, [""; 0], "pages that are open may still ask for it");
        let remembered = replaced.superseded.unwrap();
        assert_eq!(serde_json::to_string(&remembered).unwrap(), r#"{"assets/index-B7x_k-9A.js":5}"#);

        let mut there = there;
        there.extend(online(&later));
        let at = |moment| plan(&later, &there, &remembered, Moment::from_millis(moment));
        assert_eq!(at(5 + 7 * DAY - 1), Plan { unchanged: 4, ..Plan::default() }, "nothing to do, nothing new to remember");
        let old = at(5 + 7 * DAY);
        assert_eq!(old.removals, ["assets/index-B7x_k-9A.js"]);
        assert_eq!(old.superseded, Some(Superseded::default()));

        let back = plan(&first(), &there, &remembered, Moment::from_millis(9 * DAY));
        assert_eq!(back.removals, [""; 0], "what came back is not old");
        assert_eq!(serde_json::to_string(&back.superseded).unwrap(), format!(r#"{{"assets/index-bbbbbbbb.js":{}}}"#, 9 * DAY));
    }

    #[test]
    fn only_what_vite_named_by_its_content_is_kept_forever() {
        for path in ["assets/index-B7x_k-9A.js", "assets/Sign-In-00000000.css", "assets/a.b-12345678.woff2"] {
            assert_eq!(Kind::of(path), Kind::NamedByContent, "{path}");
        }
        for path in [
            "index-B7x_k-9A.js",
            "assets/logo.svg",
            "assets/-12345678.js",
            "assets/index-1234567.js",
            "assets/index",
            "favicon.svg",
        ] {
            assert_eq!(Kind::of(path), Kind::Other, "{path}");
        }
    }
}
