//! The frontend's `.env`, which cartctl shares with its owner.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
};

use camino::Utf8PathBuf;

use crate::bench::{Bench, SHOP};

/// Everything deployed, and the path of the file.
fn deployed() -> (Bench, Utf8PathBuf) {
    let bench = Bench::new().deployed(&SHOP);
    let path = bench.path("frontend.env");
    (bench, path)
}

fn read(path: &Utf8PathBuf) -> String {
    fs::read_to_string(path).unwrap()
}

const BEGIN: &str = "# >>> cartctl: stage default, account 123456789012, region eu-west-1\n# Written by `cartctl`";

#[test]
fn lines_mode_and_link_of_the_owner_stay() {
    let (bench, path) = deployed();
    let target = bench.path("elsewhere.env");
    fs::write(&target, "# mine\nVITE_FLAG=on").unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o600)).unwrap();
    symlink("elsewhere.env", &path).unwrap();
    bench.run(&["deploy", "--yes"]).succeeded();
    let first = read(&target);
    assert!(first.starts_with(&format!("# mine\nVITE_FLAG=on\n{BEGIN}")), "{first}");
    assert!(first.contains("\nVUE_APP_AWS_REGION=eu-west-1\n") && first.ends_with("\n# <<< cartctl\n"), "{first}");
    bench.run(&["frontend-env"]).succeeded();
    assert_eq!(read(&target), first, "written again, it is the same");
    assert!(path.is_symlink());
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn another_stage_is_not_overwritten_silently() {
    let (bench, path) = deployed();
    let was = "stage production, account 210987654321, region us-east-1";
    fs::write(&path, format!("# >>> cartctl: {was}\nVUE_APP_AWS_REGION=us-east-1\n# <<< cartctl\nMINE=1\n")).unwrap();
    let (_, story) = bench.run(&["frontend-env"]).succeeded();
    let now = "it now has those of stage default, account 123456789012, region eu-west-1";
    assert!(story.contains(&format!("had the variables of {was}; {now}")), "{story}");
    let text = read(&path);
    assert!(text.starts_with(BEGIN) && text.ends_with("MINE=1\n") && !text.contains("us-east-1"), "{text}");
    assert_eq!(bench.run(&["frontend-env"]).succeeded().1, "", "said once");
}

#[test]
fn a_deployment_that_cannot_write_it_has_succeeded() {
    let (bench, path) = deployed();
    fs::create_dir(&path).unwrap();
    let (answer, story) = bench.run(&["deploy", "--yes", "--output", "json"]).succeeded();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["env_file"], serde_json::Value::Null);
    assert!(
        story.contains("warning   the deployment succeeded, but ") && story.contains("is not up to date: cannot read"),
        "{story}"
    );
    bench.is_tidy();
    let story = bench.run(&["frontend-env"]).failed(1);
    assert!(story.contains("hint: this is a folder: name a file in it"), "{story}");
}

#[test]
fn it_is_left_alone_if_that_is_asked_for() {
    let (bench, path) = deployed();
    fs::write(&path, "MINE=1\n").unwrap();
    let (_, story) = bench.run(&["deploy", "--yes", "--no-env"]).succeeded();
    assert_eq!(read(&path), "MINE=1\n");
    assert!(!story.contains("frontend.env"), "{story}");
}

#[test]
fn what_the_owner_sets_as_well_is_said() {
    let (bench, path) = deployed();
    bench.run(&["deploy", "--yes"]).succeeded();
    fs::write(&path, format!("{}export VUE_APP_AWS_REGION=mine\n", read(&path))).unwrap();
    let (_, story) = bench.run(&["frontend-env"]).succeeded();
    assert!(story.contains("sets VUE_APP_AWS_REGION again below cartctl's lines; those values win"), "{story}");
    assert!(read(&path).ends_with("export VUE_APP_AWS_REGION=mine\n"));
}
