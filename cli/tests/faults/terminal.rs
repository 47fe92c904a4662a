//! What somebody at a terminal is asked, what becomes of each answer, and what Ctrl-C does. The terminal is made by `script`, which every
//! Debian has.

use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use aws_sdk_cloudformation::types::StackStatus;
use cart_fault_bench::{PATIENCE, State, inventory::Latencies, operation::Terms, starts::another};
use cart_infra::{StackId, stacks};
use serde_json::json;

use crate::{
    bench::{Bench, SHOP},
    side_by_side,
};

/// What somebody types for Ctrl-C.
const CTRL_C: &str = "\x03";

/// What is asked before a deployment; the endpoint comes last, which is another one with each test.
const QUESTION: &str = "Deploy these changes to stage default · account 123456789012 · eu-west-1 · http://127.0.0.1:";

/// The program at a terminal.
struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: Arc<Screen>,
}

/// What is shown, and the news of more.
#[derive(Default)]
struct Screen {
    shown: Mutex<String>,
    more: Condvar,
    /// Whether nothing more will come.
    closed: AtomicBool,
}

impl Screen {
    fn text(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits until this is so, and looks again whenever more is shown.
    #[track_caller]
    fn waits_until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let waited = self.more.wait_timeout_while(self.shown.lock().unwrap(), PATIENCE, |shown| !is_so(shown)).unwrap();
        assert!(!waited.1.timed_out(), "never: {what}\n{}", *waited.0);
    }

    /// Shows everything that comes from a terminal.
    fn show(&self, mut output: impl Read) {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = output.read(&mut buffer) {
            self.shown.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
            self.more.notify_all();
        }
        let _shown = self.shown.lock().unwrap();
        self.closed.store(true, Ordering::Relaxed);
        self.more.notify_all();
    }
}

impl Terminal {
    fn run(bench: &Bench, arguments: &[&str]) -> Self {
        let mut program = bench.command(arguments);
        program.env("TERM", "xterm-256color");
        Self::start(&program)
    }

    fn start(program: &Command) -> Self {
        let words = [program.get_program()].into_iter().chain(program.get_args());
        let quoted: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''"))).collect();
        let mut terminal = Command::new("script");
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => terminal.env(name, value),
                None => terminal.env_remove(name),
            };
        }
        // A shell that stayed above the program would die of Ctrl-C itself, as dash does, and its exit code would be the one that is seen.
        terminal.args(["--quiet", "--return", "--flush", "--command", &format!("exec {}", quoted.join(" ")), "/dev/null"]);
        terminal.current_dir(program.get_current_dir().unwrap());
        let mut child = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (keyboard, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let screen = Arc::<Screen>::default();
        let shown = Arc::clone(&screen);
        thread::spawn(move || shown.show(output));
        Self { child, keyboard, screen }
    }

    /// Waits until this is on the screen.
    #[track_caller]
    fn shows(&self, text: &str) {
        self.screen.waits_until(text, |shown| shown.contains(text));
    }

    fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Interrupts the program, and waits until it says so.
    #[track_caller]
    fn interrupts(&mut self) {
        self.types(CTRL_C);
        self.shows("no new stacks will start");
    }

    /// Waits for the end; the exit code, and everything that was shown.
    #[track_caller]
    fn ended(mut self) -> (i32, String) {
        self.screen.waits_until("the end", |_| self.screen.closed.load(Ordering::Relaxed));
        (self.child.wait().unwrap().code().unwrap(), self.screen.text())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Also when a test fails; where it has ended, there is nothing to kill.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Everything deployed, and new code to deploy; making it run takes so many calls that there is time to press keys.
fn with_new_code() -> Bench {
    let bench = Bench::new().deployed(&SHOP).package("second");
    let slow = ["ListProductsHandler", "GetProductHandler", "CognitoUserPool"].map(|id| (id.to_owned(), 300));
    bench.latencies(Latencies { slow: slow.into(), ..Latencies::default() });
    bench
}

fn status(bench: &Bench, stack: StackId) -> String {
    status_in(&bench.state(), &bench.name(stack))
}

fn status_in(state: &State, stack: &str) -> String {
    state.account.find(stack).map_or_else(|| "none".to_owned(), |place| state.account.stacks[place].status.to_string())
}

/// Waits until a stack has this status.
#[track_caller]
fn becomes(bench: &Bench, stack: StackId, status: &str) {
    let name = bench.name(stack);
    bench.wait_until(&format!("{stack} is {status}"), |state| status_in(state, &name) == status);
}

#[test]
fn no_leaves_nothing_behind() {
    for answer in ["n\n", "\n", CTRL_C] {
        let bench = Bench::new();
        let mut terminal = Terminal::run(&bench, &["deploy"]);
        terminal.shows(QUESTION);
        assert!(!bench.state().account.left_change_sets().is_empty(), "planning made change sets");
        terminal.types(answer);
        let (code, screen) = terminal.ended();
        if answer == CTRL_C {
            assert_eq!(code, 130, "{screen}");
            assert!(screen.contains("interrupted; nothing was changed"), "{screen}");
        } else {
            assert_eq!(code, 3, "{screen}");
            assert!(screen.contains("Cancelled. Nothing was changed.") && !screen.contains("error"), "{screen}");
        }
        bench.is_tidy();
        let state = bench.state();
        assert!(state.account.stacks.iter().all(|stack| stack.status.as_str() == "DELETE_COMPLETE"), "nothing was made");
    }
}

#[test]
fn yes_deploys() {
    let bench = Bench::new().deployed(&[stacks::BOOTSTRAP]);
    let mut terminal = Terminal::run(&bench, &["deploy"]);
    terminal.shows(QUESTION);
    terminal.types("y\n");
    let (code, screen) = terminal.ended();
    assert_eq!(code, 0, "{screen}");
    bench.is_tidy();
}

#[test]
fn deleting_takes_the_name_of_the_stage() {
    let bench = Bench::new().deployed(&SHOP);
    for (answer, expected) in [("y\n", 3), ("default\n", 0)] {
        let mut terminal = Terminal::run(&bench, &["delete"]);
        terminal.shows("Delete stage default · account 123456789012 · eu-west-1 · http://127.0.0.1:");
        terminal.shows("? Type `default` to confirm:");
        terminal.types(answer);
        let (code, screen) = terminal.ended();
        assert_eq!(code, expected, "{screen}");
    }
    assert_eq!(bench.state().account.find(&bench.name(stacks::CART)), None);
    bench.is_tidy();
}

#[test]
fn what_goes_on_can_be_left_to_aws_and_followed_again() {
    let bench = with_new_code();
    let mut terminal = Terminal::run(&bench, &["deploy", "--yes"]);
    becomes(&bench, stacks::PRODUCTS, "UPDATE_IN_PROGRESS");
    terminal.interrupts();
    terminal.types("d\n");
    let (code, screen) = terminal.ended();
    assert_eq!(code, 124, "{screen}");
    assert!(screen.contains("detached; CloudFormation is still working on products; cart was not started"), "{screen}");
    assert!(screen.contains("follow the operations with `cartctl attach --"), "{screen}");

    let (_, story) = bench.run(&["attach"]).succeeded();
    assert!(story.contains("products  · now UPDATE_COMPLETE"), "{story}");
    assert_eq!(status(&bench, stacks::CART), "CREATE_COMPLETE", "it was not begun");
    bench.run(&["deploy", "--yes"]).succeeded();
    assert_eq!(status(&bench, stacks::CART), "UPDATE_COMPLETE");
    bench.is_tidy();
}

#[test]
fn an_update_can_be_cancelled() {
    let bench = with_new_code();
    let mut terminal = Terminal::run(&bench, &["deploy", "--yes"]);
    becomes(&bench, stacks::PRODUCTS, "UPDATE_IN_PROGRESS");
    terminal.interrupts();
    terminal.types("c\n");
    let (code, screen) = terminal.ended();
    assert_eq!(code, 130, "{screen}");
    assert!(screen.contains(" cancelled and rolled back after ") && !screen.contains("failed"), "{screen}");
    assert!(screen.contains("stopped; products was cancelled and rolled back; cart was not started"), "{screen}");
    assert_eq!(status(&bench, stacks::PRODUCTS), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(status(&bench, stacks::CART), "CREATE_COMPLETE", "it was not begun");
    bench.is_tidy();
}

#[test]
fn a_creation_cannot_be_cancelled_and_is_followed_to_its_end() {
    let bench = Bench::new().deployed(&[stacks::BOOTSTRAP]);
    bench.latencies(Latencies { slow: [("CognitoUserPool".to_owned(), 300)].into(), ..Latencies::default() });
    let mut terminal = Terminal::run(&bench, &["deploy", "auth", "--yes"]);
    becomes(&bench, stacks::AUTH, "CREATE_IN_PROGRESS");
    terminal.interrupts();
    terminal.types("c\n");
    terminal.shows("CloudFormation cannot cancel the creation of the auth stack");
    let (code, screen) = terminal.ended();
    assert_eq!(code, 0, "it was the last one: {screen}");
    bench.is_tidy();
}

#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let bench = with_new_code();
    let mut terminal = Terminal::run(&bench, &["deploy", "--yes"]);
    becomes(&bench, stacks::PRODUCTS, "UPDATE_IN_PROGRESS");
    terminal.interrupts();
    terminal.types(CTRL_C);
    let (code, screen) = terminal.ended();
    assert_eq!(code, 130, "{screen}");
    assert!(screen.contains("quit without waiting; CloudFormation may still be working"), "{screen}");
    assert_eq!(status(&bench, stacks::PRODUCTS), "UPDATE_IN_PROGRESS");
    bench.run(&["deploy", "--yes"]).succeeded();
    bench.is_tidy();
}

/// An update of the accounts' stack, begun by somebody else; it takes so many calls that there is time to press keys.
fn with_an_update_of(bench: &Bench) {
    let mut state = bench.state();
    state.account.inventory.latencies.slow.insert("AddedBySomebody".to_owned(), 3_000);
    let name = bench.name(stacks::AUTH);
    let wanted = another(&state.account.stack(&name).definition);
    state.account.carry_out(&name, wanted, Terms::default());
}

/// Waits until the program has asked what goes on, and asks again.
#[track_caller]
fn is_followed(bench: &Bench) {
    let asked = |state: &State| state.log.count("DescribeStackEvents");
    let before = asked(&bench.state());
    bench.wait_until("the operation is followed", |state| asked(state) > before + 1);
}

#[test]
fn an_update_that_somebody_began_on_a_stack_of_ours_can_be_cancelled() {
    let bench = Bench::new().deployed(&SHOP);
    with_an_update_of(&bench);
    let mut terminal = Terminal::run(&bench, &["attach"]);
    is_followed(&bench);
    terminal.interrupts();
    terminal.types("c\n");
    let (code, screen) = terminal.ended();
    assert_eq!(code, 130, "{screen}");
    assert!(screen.contains("the update of the auth stack is cancelled and rolls back"), "{screen}");
    assert!(screen.contains("stopped; auth was cancelled and rolled back") && !screen.contains("failed"), "{screen}");
    assert_eq!(status(&bench, stacks::AUTH), "UPDATE_ROLLBACK_COMPLETE");
    bench.is_tidy();
}

#[test]
fn an_update_of_somebody_elses_stack_is_followed_and_not_cancelled() {
    let mut bench = Bench::new();
    let foreign = json!({ "Resources": { "Users": { "Type": "AWS::DynamoDB::Table" }, "News": { "Type": "AWS::SNS::Topic", "DependsOn": "Users" } } });
    bench.foreign(stacks::AUTH, &foreign, &StackStatus::CreateComplete);
    with_an_update_of(&bench);
    let mut terminal = Terminal::run(&bench, &["attach"]);
    is_followed(&bench);
    terminal.interrupts();
    terminal.types("c\n");
    let (code, screen) = terminal.ended();
    assert_eq!(code, 5, "{screen}");
    assert!(screen.contains("the current operation of the auth stack is not cancelled: the stack is not this stage's"), "{screen}");
    assert!(screen.contains("run the same command again with `--adopt auth`"), "{screen}");
    assert_eq!(bench.state().log.count("CancelUpdateStack"), 0);
    assert_eq!(status(&bench, stacks::AUTH), "UPDATE_IN_PROGRESS");

    // Who knows better may.
    let mut terminal = Terminal::run(&bench, &["attach", "--adopt", "auth"]);
    is_followed(&bench);
    terminal.interrupts();
    terminal.types("c\n");
    terminal.ended();
    assert_eq!(status(&bench, stacks::AUTH), "UPDATE_ROLLBACK_COMPLETE");
}

/// What somebody is shown who deploys new code, with these changes to the environment, and these flags.
fn shown(variables: &[(&str, Option<&str>)], flags: &[&str]) -> String {
    let bench = with_new_code();
    let mut program = bench.command(&[&["deploy", "--yes"], flags].concat());
    program.env("TERM", "xterm-256color");
    for (name, value) in variables {
        match value {
            Some(value) => program.env(name, value),
            None => program.env_remove(name),
        };
    }
    let (code, screen) = Terminal::start(&program).ended();
    assert_eq!(code, 0, "{screen}");
    screen
}

/// Whether a text has sequences that change colours.
fn has_colour(screen: &str) -> bool {
    let mut sequences = screen.split("\u{1b}[").skip(1);
    sequences.any(|rest| rest.trim_start_matches(|character: char| character.is_ascii_digit() || character == ';').starts_with('m'))
}

#[test]
fn a_terminal_that_cannot_be_drawn_on_gets_every_line() {
    side_by_side([Some("dumb"), Some(""), None], |term| {
        let screen = shown(&[("TERM", term)], &[]);
        assert!(!screen.contains('\u{1b}'), "{term:?}: {screen}");
        for line in [
            "cartctl deploy · stage default · account 123456789012 · eu-west-1",
            "products  updating (",
            "products  ✔ updated in ",
            "cart      ✔ updated in ",
            "time      ",
            "wrote     ",
        ] {
            assert!(screen.lines().any(|shown| shown.starts_with(line)), "{term:?}: {line} is not in {screen}");
        }
    });
}

#[test]
fn colour_is_left_out_everywhere_or_nowhere() {
    side_by_side([&[][..], &["-vv"]], |flags| {
        assert!(has_colour(&shown(&[], flags)), "{flags:?}");
        for variable in ["NO_COLOR", "CLICOLOR"] {
            let value = if variable == "CLICOLOR" { "0" } else { "1" };
            let screen = shown(&[(variable, Some(value))], flags);
            assert!(!has_colour(&screen), "{variable} {flags:?}: {screen}");
        }
        let screen = shown(&[("CLICOLOR_FORCE", Some("1"))], &[flags, &["--no-color"]].concat());
        assert!(!has_colour(&screen), "{flags:?}: {screen}");
        assert!(screen.contains("products  ✔ updated in "), "{screen}");
    });
    for (flags, expected) in [(&["--help"][..], true), (&["--help", "--no-color"], false), (&["--no-color", "nothing"], false)] {
        let bench = Bench::new();
        let mut program = bench.command(flags);
        program.env("TERM", "xterm-256color");
        let (_, screen) = Terminal::start(&program).ended();
        assert_eq!(has_colour(&screen), expected, "{flags:?}: {screen}");
    }
}

#[test]
fn what_was_typed_before_the_question_is_no_answer() {
    let bench = Bench::new();
    let mut terminal = Terminal::run(&bench, &["deploy"]);
    terminal.shows("account 123456789012");
    {
        // No call is answered meanwhile, so that there is nothing to ask about yet.
        let _aws = bench.state();
        terminal.types("yes\n");
        terminal.shows("yes\r\n");
        assert!(!terminal.screen.text().contains(QUESTION));
    }
    terminal.shows(QUESTION);
    terminal.types("n\n");
    let (code, screen) = terminal.ended();
    assert_eq!(code, 3, "{screen}");
    assert_eq!(bench.state().log.count("ExecuteChangeSet"), 0);
    bench.is_tidy();
}

#[test]
fn the_first_key_after_ctrl_c_counts_also_after_a_question() {
    let bench = with_new_code();
    let mut terminal = Terminal::run(&bench, &["deploy"]);
    terminal.shows(QUESTION);
    terminal.types("y\n");
    becomes(&bench, stacks::PRODUCTS, "UPDATE_IN_PROGRESS");
    terminal.interrupts();
    terminal.types("d\n");
    let (code, screen) = terminal.ended();
    assert_eq!(code, 124, "{screen}");
    assert!(screen.contains("detached; CloudFormation is still working on products"), "{screen}");
}

#[test]
fn what_was_typed_before_ctrl_c_is_no_choice() {
    let bench = with_new_code();
    let mut terminal = Terminal::run(&bench, &["deploy"]);
    terminal.shows(QUESTION);
    terminal.types("y\n");
    becomes(&bench, stacks::PRODUCTS, "UPDATE_IN_PROGRESS");
    {
        let _aws = bench.state();
        terminal.types("decided\n");
        terminal.shows("decided\r\n");
        terminal.interrupts();
    }
    let (code, screen) = terminal.ended();
    assert_eq!(code, 130, "what runs is followed to its end: {screen}");
    assert!(screen.contains("stopped; cart was not started"), "{screen}");
}
