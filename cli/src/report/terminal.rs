//! The story on a terminal: results stay as lines, progress moves below them.

use std::{collections::BTreeMap, time::Duration};

use cfn::StackId;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Report, here::Here, notices, streams, words};
use crate::domain::{event::Event, moment::Moment, notice::Activity};

pub(super) struct Terminal {
    screen: MultiProgress,
    verbose: bool,
    waiting: BTreeMap<Activity, ProgressBar>,
    building: Option<ProgressBar>,
    counting: Option<ProgressBar>,
    stacks: BTreeMap<StackId, ProgressBar>,
}

impl Terminal {
    pub(super) fn new(verbose: bool) -> Self {
        Self {
            screen: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            verbose,
            waiting: BTreeMap::new(),
            building: None,
            counting: None,
            stacks: BTreeMap::new(),
        }
    }

    fn say(&self, event: &Event, here: &Here) {
        if let Some(line) = words::line(event, self.verbose, here) {
            // A line that cannot be drawn is no reason to stop deploying.
            self.screen.println(streams::readable(&line, super::coloured())).ok();
        }
    }

    fn spinner(&self, text: String) -> ProgressBar {
        let style = ProgressStyle::with_template(&format!("{{spinner}} {{msg}} {}", elapsed()));
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.screen.add(ProgressBar::new_spinner()).with_style(style).with_message(text);
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

/// How long something has taken, in a bar's template. Its library does not know of `--no-color`.
fn elapsed() -> &'static str {
    if super::coloured() { "{elapsed:.dim}" } else { "{elapsed}" }
}

impl Report for Terminal {
    fn event(&mut self, _: Moment, event: &Event, here: &Here) {
        match event {
            Event::Waiting { activity } => {
                let bar = self.spinner(notices::activity(activity));
                self.waiting.insert(activity.clone(), bar);
            }
            Event::Waited { activity, .. } => {
                if let Some(bar) = self.waiting.remove(activity) {
                    bar.finish_and_clear();
                }
                self.say(event, here);
            }
            Event::Package(progress) => {
                if let Some(text) = words::compiling(progress) {
                    match &self.building {
                        Some(bar) => bar.set_message(text),
                        None => self.building = Some(self.spinner(text)),
                    }
                } else {
                    if let Some(bar) = self.building.take() {
                        bar.finish_and_clear();
                    }
                    self.say(event, here);
                }
            }
            Event::Recount(recount) => {
                if let Some(text) = words::recounting(recount) {
                    match &self.counting {
                        Some(bar) => bar.set_message(text),
                        None => self.counting = Some(self.spinner(text)),
                    }
                } else {
                    if let Some(bar) = self.counting.take() {
                        bar.finish_and_clear();
                    }
                    self.say(event, here);
                }
            }
            Event::StackStarted { stack, resources, .. } => {
                let template = format!("{{spinner}} {{prefix:9}} {{pos}}/{{len}} {{msg}} {}", elapsed());
                let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
                let length = u64::try_from(*resources).unwrap_or(0);
                let bar = self.screen.add(ProgressBar::new(length)).with_style(style).with_prefix(stack.to_string());
                bar.enable_steady_tick(Duration::from_millis(120));
                self.stacks.insert(*stack, bar);
            }
            Event::ResourceChanged { stack, logical_id, status, .. } => {
                if status.ends_with("_FAILED") || self.verbose {
                    self.say(event, here);
                }
                if let Some(bar) = self.stacks.get(stack) {
                    bar.set_message(logical_id.clone());
                    if status.ends_with("_COMPLETE") {
                        bar.inc(1);
                        bar.set_length(bar.length().unwrap_or(0).max(bar.position()));
                    }
                }
            }
            Event::StackSettled { stack, .. } => {
                if let Some(bar) = self.stacks.remove(stack) {
                    bar.finish_and_clear();
                }
                self.say(event, here);
            }
            Event::Started { .. }
            | Event::Stored { .. }
            | Event::Interrupted { .. }
            | Event::Notice(_)
            | Event::Wrote { .. }
            | Event::Outputs { .. }
            | Event::TimeSpent(_)
            | Event::Ended { .. } => self.say(event, here),
        }
    }

    fn pause(&mut self) {
        self.screen.clear().ok();
        *self = Self::new(self.verbose);
    }
}
