//! `cartctl local` as somebody uses it who tries the shop: started, stopped, started twice, or where it cannot be started.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::cloud::Cloud;

/// Starts it in the foreground, and reads one of its streams until a line says this.
fn foreground(cloud: &Cloud, until: &str) -> Child {
    let mut command = cloud.project.command(&["local"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stream: Box<dyn Read> =
        if until.starts_with("cartctl") { Box::new(child.stderr.take().unwrap()) } else { Box::new(child.stdout.take().unwrap()) };
    assert!(BufReader::new(stream).lines().any(|line| line.unwrap().contains(until)), "it never says {until}");
    child
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

#[tokio::test]
async fn ctrl_c_ends_it_and_everything_it_started() {
    let cloud = Cloud::new();
    let mut running = foreground(&cloud, "It runs until you press Ctrl-C.");
    assert!(!cloud.processes().is_empty(), "a function answered");
    interrupt(&running);
    assert_eq!(running.wait().unwrap().code(), Some(0));
    cloud.assert_stopped();

    let mut deploying = foreground(&cloud, "cartctl local ·");
    interrupt(&deploying);
    assert_eq!(deploying.wait().unwrap().code(), Some(130));
    cloud.assert_stopped();
}

#[tokio::test]
async fn a_second_start_takes_what_runs() {
    let cloud = Cloud::new();
    let first = cloud.answer(&["local", "--detach"]);
    let started = cloud.processes();
    let second = cloud.answer(&["local", "--detach"]);
    assert_eq!(first, second, "the same shop");
    assert!(started.iter().all(|process| cloud.processes().contains(process)), "nothing was started again");

    assert_eq!(cloud.run(&["local", "--stop"]).succeeded().0, "stopped the local cloud\n");
    cloud.assert_stopped();
    assert_eq!(cloud.run(&["local", "--stop"]).succeeded().0, "the local cloud was not running\n");
    assert!(cloud.run(&["status", "--local"]).failed(2).contains("the local cloud is not running"));
}

#[test]
fn a_port_that_is_taken_is_left_alone() {
    let cloud = Cloud::new();
    let _somebody = TcpListener::bind(("127.0.0.1", cloud.port)).unwrap();
    let said = cloud.run(&["local", "--detach"]).failed(1);
    let expected = format!(
        "error: port {} on 127.0.0.1 is in use by another program\nhint: choose another one with `--port`, or stop what is there\n",
        cloud.port
    );
    assert!(said.ends_with(&expected), "{said}");
    assert_eq!(cloud.processes(), Vec::<String>::new());
}
