//! What becomes of an answer, a story or a file that cannot be written, without AWS. What AWS's side is left in then is the matter of
//! `faults/writing.rs`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/program.rs"]
#[expect(dead_code, reason = "nothing that is shown here names the project")]
mod program;

use std::{
    fs::{self, File, OpenOptions, Permissions},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown, symlink},
        process::CommandExt,
    },
    process::Command,
    thread,
};

use program::{Project, Run, finish};
use serde_json::Value;

/// A device on which there is no space.
fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// The program in an environment that has nothing.
fn command(project: &Project, arguments: &[&str]) -> Command {
    let mut command = project.command(arguments);
    command.env_clear().env("HOME", project.path(""));
    command
}

/// Every kind of answer that can be had without AWS.
const ANSWERS: [&[&str]; 10] = [
    &["--help"],
    &["help"],
    &["deploy", "--help"],
    &["help", "frontend", "deploy"],
    &["--version"],
    &["deploy", "--version"],
    &["synth"],
    &["synth", "--output", "json"],
    &["synth", "cart", "--out", "-"],
    &["synth", "cart", "--out", "-", "--format", "yaml"],
];

/// The program as help is asked for: `--config` after it would be a command to help with.
fn asking(project: &Project, arguments: &[&str]) -> Command {
    if arguments[0] != "help" {
        return command(project, arguments);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_cartctl"));
    command.args(arguments);
    command
}

#[test]
fn an_answer_that_is_lost_is_a_failure() {
    let project = Project::new("");
    for arguments in ANSWERS {
        let story = finish(asking(&project, arguments).stdout(full())).failed(1);
        let expected = "error: the answer could not be written to standard output\n  caused by: No space left on device (os error 28)\n\
                        hint: everything else is done; free some space or write the answer elsewhere, then run the same command again\n";
        assert_eq!(story, expected, "{arguments:?}");
    }
}

#[test]
fn a_reader_that_is_gone_has_read_enough() {
    let project = Project::new("");
    for arguments in ANSWERS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let Run { code, stderr, .. } = finish(asking(&project, arguments).stdout(writer));
        assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn a_story_that_nobody_can_read_changes_nothing() {
    let project = Project::new("");
    for (arguments, code) in [
        (&["synth", "-vv"][..], 0),
        (&["deploy", "everything"], 2),
        (&["status", "--stage", "nobody"], 2),
        (&["status", "--region", "eu-west-1"], 4),
        (&[], 2),
    ] {
        let run = finish(command(&project, arguments).env("AWS_EC2_METADATA_DISABLED", "true").stderr(full()));
        assert_eq!(run.code, code, "{arguments:?}");
    }
}

#[test]
fn events_that_are_lost_are_a_failure() {
    let project = Project::new("");
    let (answer, _) = finish(&mut command(&project, &["synth", "cart", "--out", "-"])).succeeded();
    for format in ["text", "json"] {
        let mut synth = command(&project, &["synth", "cart", "--out", "-", "--events", "/dev/full", "--output", format]);
        let Run { code, stdout, stderr } = finish(&mut synth);
        assert_eq!((code, stdout.as_str()), (1, answer.as_str()), "the answer is whole: {stderr}");
        assert!(stderr.starts_with("error: the events could not be written to /dev/full\n  caused by: No space left"), "{stderr}");
    }
    // A process may not write more than so much to a file.
    let events = project.path("events.jsonl");
    let synth = command(&project, &["synth", "cart", "--out", "-", "--events", events.as_str()]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 0 && exec \"$0\" \"$@\""]).arg(synth.get_program()).args(synth.get_args());
    limited.current_dir(synth.get_current_dir().unwrap());
    let Run { code, stdout, stderr } = finish(&mut limited);
    assert_eq!((code, stdout), (1, answer), "{stderr}");
    assert!(stderr.contains("events.jsonl\n  caused by: File too large"), "{stderr}");
}

#[test]
fn events_for_a_reader_that_is_gone_are_none() {
    let project = Project::new("");
    let (pipe, link) = (project.path("pipe"), project.path("events"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    symlink("pipe", &link).unwrap();
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || drop(File::open(pipe).unwrap())
    });
    finish(&mut command(&project, &["synth", "cart", "--out", "-", "--events", link.as_str()])).succeeded();
    reader.join().unwrap();
    assert!(link.is_symlink());
}

/// The number of a user who owns nothing.
const NOBODY: u32 = 65534;

/// Runs as somebody for whom permissions count, also where the tests run as root.
fn as_nobody(project: &Project, arguments: &[&str]) -> Run {
    let mut command = command(project, arguments);
    if rustix::process::geteuid().is_root() {
        // Also from inside a home that is closed to others.
        command.uid(NOBODY).gid(NOBODY);
        for folder in project.path("").ancestors().skip(1).take(1) {
            fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
        }
    }
    finish(&mut command)
}

#[test]
fn a_folder_that_only_others_may_change_has_files_that_everybody_may() {
    let project = Project::new("");
    let out = project.path("out");
    let file = out.join("aws-serverless-shopping-cart-auth.json");
    fs::create_dir(&out).unwrap();
    fs::write(&file, "a".repeat(1 << 20)).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(&out, Permissions::from_mode(0o555)).unwrap();
    let run = as_nobody(&project, &["synth", "auth", "--out", out.as_str()]);
    fs::set_permissions(&out, Permissions::from_mode(0o755)).unwrap();
    run.succeeded();
    let template: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert!(template["Resources"].is_object());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o666);
}

#[test]
fn a_file_that_must_not_be_written_is_not_replaced() {
    let project = Project::new("");
    let out = project.path("out");
    let file = out.join("aws-serverless-shopping-cart-auth.json");
    fs::create_dir(&out).unwrap();
    fs::set_permissions(&out, Permissions::from_mode(0o777)).unwrap();
    fs::write(&file, "mine").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o444)).unwrap();
    let story = as_nobody(&project, &["synth", "auth", "--out", out.as_str()]).failed(1);
    assert!(story.starts_with(&format!("error: cannot write {file}\n  caused by: Permission denied")), "{story}");
    assert!(story.contains(&format!("hint: check the permissions of {file}, or choose another file")), "{story}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1, "nothing temporary is left");
}

/// Somebody who works as root on another's files leaves them to that one.
#[test]
fn the_owner_of_a_file_stays() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let project = Project::new("");
    let out = project.path("out");
    let file = out.join("aws-serverless-shopping-cart-auth.json");
    fs::create_dir(&out).unwrap();
    fs::write(&file, "old").unwrap();
    chown(&file, Some(NOBODY), Some(NOBODY)).unwrap();
    finish(&mut command(&project, &["synth", "auth", "--out", out.as_str()])).succeeded();
    let found = fs::metadata(&file).unwrap();
    assert_eq!((found.uid(), found.gid()), (NOBODY, NOBODY));
    assert!(fs::read_to_string(&file).unwrap().starts_with('{'));
}

#[test]
fn a_file_where_a_folder_is_needed_is_said() {
    let project = Project::new("");
    let file = project.path("file");
    fs::write(&file, "mine").unwrap();
    for (out, code) in [(file.clone(), 1), (file.join("below"), 1)] {
        let story = finish(&mut command(&project, &["synth", "auth", "--out", out.as_str()])).failed(code);
        assert!(story.contains(" is a file: choose another folder\n"), "{story}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn standard_output_is_a_file_like_any_other() {
    let project = Project::new("");
    let answer = project.path("answer");
    fs::write(&answer, "before\n").unwrap();
    let shared = OpenOptions::new().append(true).open(&answer).unwrap();
    finish(command(&project, &["synth", "cart", "--out", "-", "--events", "/dev/stdout"]).stdout(shared)).succeeded();
    let text = fs::read_to_string(&answer).unwrap();
    assert!(text.starts_with("before\n{\n") && text.ends_with("\"exit_code\":0}\n"), "{text}");
}
