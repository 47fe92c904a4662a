//! Where the time went: what worked from when to when, and the chain of resources that decided how long it took. Knows no clock; it
//! computes with the moments that were told, AWS's where there are any.

use std::{cmp::Reverse, time::Duration};

use cfn::StackId;

use crate::domain::{
    event::{Event, Link, Operation, Settled, Spent},
    moment::Moment,
};

/// What happened, by the stack it happened to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    // In the order they were begun, so that a stack comes after those it needs.
    lanes: Vec<Lane>,
}

/// One operation on one stack.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub stack: StackId,
    operation: Operation,
    after: Vec<StackId>,
    told: Told,
    pub end: End,
    pub bars: Vec<Bar>,
}

/// When it was said to begin, when something was last said about it, and how long it took.
#[derive(Clone, Copy, Debug)]
struct Told {
    from: Moment,
    to: Moment,
    took: Duration,
}

/// One operation on one resource, by AWS's clock.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub logical_id: String,
    pub resource_type: String,
    /// The last status, in CloudFormation's spelling.
    pub status: String,
    pub from: Moment,
    pub to: Moment,
    pub end: End,
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nobody said that it did.
    Open,
    Done,
    Failed,
}

/// A part of the critical path: a resource of a lane, or a lane without resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub lane: usize,
    pub bar: Option<usize>,
}

impl Timeline {
    /// Takes down what was told at this moment.
    pub(crate) fn record(&mut self, at: Moment, event: &Event) {
        match event {
            Event::StackStarted { stack, operation, after, .. } => {
                // What went before on the same stack, such as undoing an earlier change, is over.
                if let Some(lane) = self.open(*stack) {
                    lane.told = Told { to: at, took: at.since(lane.told.from), ..lane.told };
                    lane.end = End::Done;
                }
                self.lanes.push(Lane {
                    stack: *stack,
                    operation: *operation,
                    after: after.clone(),
                    told: Told { from: at, to: at, took: Duration::ZERO },
                    end: End::Open,
                    bars: Vec::new(),
                });
            }
            Event::ResourceChanged { stack, logical_id, resource_type, status, at: since, .. } => {
                if let Some(lane) = self.open(*stack) {
                    lane.told = Told { to: at, took: at.since(lane.told.from), ..lane.told };
                    lane.changed(logical_id, resource_type, status, *since);
                }
            }
            // A stack there was nothing to do with was not begun.
            Event::StackSettled { stack, outcome, took } => {
                if let Some(lane) = self.open(*stack) {
                    lane.told = Told { to: at, took: *took, ..lane.told };
                    lane.end = match outcome {
                        Settled::Failed { .. } => End::Failed,
                        Settled::Done { .. }
                        | Settled::Unchanged
                        | Settled::AtRest { .. }
                        | Settled::Skipped { .. }
                        | Settled::Cancelled
                        | Settled::NotBegun
                        | Settled::LeftAlone => End::Done,
                    };
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, stack: StackId) -> Option<&mut Lane> {
        self.lanes.iter_mut().rev().find(|lane| lane.stack == stack && lane.end == End::Open)
    }

    /// What was worked on, as far as it is known. Waiting for somebody else before that is not counted, unless it is all there was.
    pub(crate) fn worked(mut self) -> Self {
        let waited = |lane: &Lane| lane.operation == Operation::Wait;
        if !self.lanes.iter().all(waited) {
            self.lanes.retain(|lane| !waited(lane));
        }
        for lane in &mut self.lanes {
            let last = lane.span().1;
            lane.bars.iter_mut().filter(|bar| bar.end == End::Open).for_each(|bar| bar.to = last);
        }
        self
    }

    /// Every operation on a stack, in the order they were begun.
    pub(crate) fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// Where the time went, if anything was worked on.
    pub(crate) fn spent(&self) -> Option<Spent> {
        let from = self.lanes.iter().map(|lane| lane.told.from).min()?;
        let to = self.lanes.iter().map(|lane| lane.told.to).max()?;
        let link = |step: &Step| {
            let lane = &self.lanes[step.lane];
            let bar = step.bar.map(|bar| &lane.bars[bar]);
            let (from, to) = bar.map_or_else(|| lane.span(), |bar| (bar.from, bar.to));
            Link { stack: lane.stack, logical_id: bar.map(|bar| bar.logical_id.clone()), took: to.since(from) }
        };
        Some(Spent {
            stacks: self.lanes.len(),
            took: to.since(from),
            sum: self.lanes.iter().map(|lane| lane.told.took).sum(),
            critical_path: self.critical_path().iter().map(link).collect(),
        })
    }

    /// What would have to be quicker for the whole to be quicker, in order: the stack that was done last and what decided when it was,
    /// then the same for what it had waited for.
    pub(crate) fn critical_path(&self) -> Vec<Step> {
        let mut path = Vec::new();
        let mut next = self.last(0..self.lanes.len());
        while let Some(lane) = next {
            let chain = self.lanes[lane].chain();
            path.extend(chain.iter().map(|bar| Step { lane, bar: Some(*bar) }));
            if chain.is_empty() {
                path.push(Step { lane, bar: None });
            }
            next = self.waited_for(lane);
        }
        path.reverse();
        path
    }

    /// The last to be done of those a stack needs, or else of those that were over when it began: nobody needs the bootstrap stack by
    /// name.
    fn waited_for(&self, lane: usize) -> Option<usize> {
        let this = &self.lanes[lane];
        let needed = self.last((0..lane).filter(|before| this.after.contains(&self.lanes[*before].stack)));
        needed.or_else(|| self.last((0..lane).filter(|before| self.lanes[*before].told.to <= this.told.from)))
    }

    fn last(&self, lanes: impl Iterator<Item = usize>) -> Option<usize> {
        lanes.max_by_key(|lane| self.lanes[*lane].span().1)
    }
}

impl Lane {
    fn changed(&mut self, logical_id: &str, resource_type: &str, status: &str, at: Moment) {
        let end = match status {
            status if status.ends_with("_IN_PROGRESS") => End::Open,
            status if status.ends_with("_FAILED") => End::Failed,
            _ => End::Done,
        };
        let open = self.bars.iter_mut().rev().find(|bar| bar.logical_id == logical_id && bar.end == End::Open);
        if let Some(bar) = open {
            status.clone_into(&mut bar.status);
            (bar.to, bar.end) = (at, end);
        } else {
            let (logical_id, resource_type, status) = (logical_id.to_owned(), resource_type.to_owned(), status.to_owned());
            self.bars.push(Bar { logical_id, resource_type, status, from: at, to: at, end });
        }
    }

    /// From when to when something went on.
    pub(crate) fn span(&self) -> (Moment, Moment) {
        let from = self.bars.iter().map(|bar| bar.from).min();
        let to = self.bars.iter().map(|bar| bar.to).max();
        (from.unwrap_or(self.told.from), to.unwrap_or(self.told.to))
    }

    /// The bars that determined the end, last first: the one that ended last, the one that had ended last when that began, and so on.
    fn chain(&self) -> Vec<usize> {
        let mut chain = Vec::new();
        let mut left: Vec<usize> = (0..self.bars.len()).collect();
        while let Some(last) = left.iter().copied().max_by_key(|bar| (self.bars[*bar].to, Reverse(self.bars[*bar].from))) {
            chain.push(last);
            left.retain(|bar| *bar != last && self.bars[*bar].to <= self.bars[last].from);
        }
        chain
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use cart_infra::stacks;

    use super::*;
    use crate::domain::failure::Failure;

    /// Records events that happen at seconds, AWS's clock being a minute ahead of ours.
    #[derive(Default)]
    pub(crate) struct Story(pub Timeline);

    impl Story {
        fn told(&mut self, second: i64, event: &Event) {
            self.0.record(Moment::from_millis(second * 1000), event);
        }

        pub(crate) fn start(&mut self, second: i64, stack: StackId, after: &[StackId]) {
            let operation = Operation::Create;
            self.told(second, &Event::StackStarted { stack, operation, resources: 1, after: after.to_vec() });
        }

        pub(crate) fn resource(&mut self, stack: StackId, name: &str, seconds: (i64, i64), end: &str) {
            for (second, status) in [(seconds.0, "CREATE_IN_PROGRESS"), (seconds.0, "CREATE_IN_PROGRESS"), (seconds.1, end)] {
                let at = Moment::from_millis((second + 60) * 1000);
                let (resource_type, status) = (format!("AWS::<Test>::{name}"), status.to_owned());
                let event = Event::ResourceChanged { stack, logical_id: name.to_owned(), resource_type, status, at, reason: None };
                self.told(second + 1, &event);
            }
        }

        pub(crate) fn settle(&mut self, second: i64, stack: StackId, seconds: u64, outcome: Settled) {
            self.told(second, &Event::StackSettled { stack, outcome, took: Duration::from_secs(seconds) });
        }
    }

    const CREATED: Settled = Settled::Done { operation: Operation::Create };

    /// Bootstrap, then auth beside products, then cart, which fails and is rolled back.
    pub(crate) fn shop() -> Timeline {
        use stacks::{AUTH, BOOTSTRAP, CART, PRODUCTS};
        let mut story = Story::default();
        story.start(0, BOOTSTRAP, &[]);
        story.resource(BOOTSTRAP, "Bucket", (2, 8), "CREATE_COMPLETE");
        story.settle(10, BOOTSTRAP, 10, CREATED);
        story.start(10, AUTH, &[]);
        story.start(10, PRODUCTS, &[]);
        story.resource(AUTH, "UserPool", (12, 23), "CREATE_COMPLETE");
        story.resource(AUTH, "Client", (23, 25), "CREATE_COMPLETE");
        story.resource(PRODUCTS, "Role", (12, 30), "CREATE_COMPLETE");
        story.resource(PRODUCTS, "Alarm", (13, 14), "CREATE_COMPLETE");
        story.resource(PRODUCTS, "Function", (31, 40), "CREATE_COMPLETE");
        story.settle(26, AUTH, 16, CREATED);
        story.settle(42, PRODUCTS, 32, CREATED);
        story.start(42, CART, &[AUTH, PRODUCTS]);
        story.resource(CART, "Table", (45, 56), "CREATE_COMPLETE");
        story.resource(CART, "Queue", (45, 50), "CREATE_COMPLETE");
        story.resource(CART, "Api", (56, 57), "CREATE_FAILED");
        story.resource(CART, "Table", (57, 60), "DELETE_COMPLETE");
        story.settle(61, CART, 19, Settled::Failed { failure: Box::new(Failure::of_stack(CART, "Api: <too many>")) });
        story.0
    }

    fn path(timeline: &Timeline) -> Vec<String> {
        let name = |link: &Link| format!("{}.{} {}", link.stack, link.logical_id.as_deref().unwrap_or("-"), link.took.as_secs());
        timeline.spent().unwrap().critical_path.iter().map(name).collect()
    }

    #[test]
    fn the_critical_path_goes_back_from_the_last_end() {
        let expected =
            ["bootstrap.Bucket 6", "products.Role 18", "products.Function 9", "cart.Table 11", "cart.Api 1", "cart.Table 3"];
        assert_eq!(path(&shop()), expected);
        let Spent { stacks, took, sum, .. } = shop().spent().unwrap();
        assert_eq!((stacks, took.as_secs(), sum.as_secs()), (4, 61, 77));
    }

    #[test]
    fn what_was_not_begun_takes_no_time() {
        let mut story = Story::default();
        story.settle(3, stacks::AUTH, 0, Settled::Unchanged);
        story.settle(3, stacks::CART, 0, Settled::Skipped { because: stacks::AUTH });
        assert_eq!(story.0.worked().spent(), None);
    }

    #[test]
    fn an_interrupted_stack_is_counted_as_far_as_it_is_known() {
        let mut story = Story::default();
        story.start(0, stacks::AUTH, &[]);
        story.resource(stacks::AUTH, "UserPool", (2, 2), "CREATE_IN_PROGRESS");
        story.resource(stacks::AUTH, "Role", (3, 7), "CREATE_COMPLETE");
        assert_eq!(path(&story.0.worked()), ["auth.UserPool 5"]);
    }

    #[test]
    fn resources_without_a_length_are_no_circle() {
        let mut story = Story::default();
        story.start(0, stacks::AUTH, &[]);
        for name in ["A", "B", "C"] {
            story.resource(stacks::AUTH, name, (5, 5), "CREATE_COMPLETE");
        }
        story.settle(6, stacks::AUTH, 6, CREATED);
        assert_eq!(path(&story.0).len(), 3);
    }

    #[test]
    fn waiting_for_somebody_else_is_counted_only_if_it_is_all_there_was() {
        let wait = Event::StackStarted { stack: stacks::AUTH, operation: Operation::Wait, resources: 0, after: Vec::new() };
        let mut story = Story::default();
        story.told(0, &wait);
        story.settle(9, stacks::AUTH, 9, Settled::AtRest { status: crate::domain::stack::StackStatus::UpdateComplete });
        assert_eq!(path(&story.0.clone().worked()), ["auth.- 9"]);
        story.start(20, stacks::AUTH, &[]);
        story.settle(22, stacks::AUTH, 2, Settled::Unchanged);
        assert_eq!(path(&story.0.worked()), ["auth.- 2"]);
    }
}
