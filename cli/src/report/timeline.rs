//! A timeline as HTML: where each bar is drawn, in whole units of the picture. Knows nothing of files.

use std::time::Duration;

use handlebars::{Handlebars, RenderError};
use serde::Serialize;

use super::units::brief;
use crate::domain::{
    moment::Moment,
    tame::tame,
    timeline::{Bar, End, Lane, Step, Timeline},
};

/// Part of cartctl rather than read from the workspace, so that it cannot be missing at the end of a deployment.
const TEMPLATE: &str = include_str!("../../../templates/timeline.html.hbs");

/// Where the bars begin: left of it are the names.
const LEFT: u64 = 300;
/// How far the longest bar goes.
const PLOT: u64 = 820;
/// Room for the last duration.
const RIGHT: u64 = 80;
/// How far a resource's name stands right of its stack's.
const INDENT: u64 = 10;
/// Where the first row begins: above it are the ticks.
const TOP: u64 = 26;
const ROW: u64 = 20;
/// From the top of a bar to the line its text stands on.
const BASELINE: u64 = 11;

/// The distances ticks can have, in milliseconds. The last one is a day: nothing takes ten.
const STEPS: [u64; 17] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000,
    10_800_000, 86_400_000,
];

#[derive(Serialize)]
struct Picture<'a> {
    title: &'a str,
    summary: &'a str,
    from: Moment,
    width: u64,
    height: u64,
    ticks: Vec<Tick>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Tick {
    x: u64,
    label: String,
}

#[derive(Serialize)]
struct Row {
    label_x: u64,
    y: u64,
    text_y: u64,
    class: &'static str,
    label: String,
    bars: Vec<Shape>,
}

#[derive(Serialize)]
struct Shape {
    x: u64,
    width: u64,
    class: String,
    title: String,
    took: String,
    took_x: u64,
}

/// The time that the picture shows.
#[derive(Clone, Copy)]
struct Scale {
    from: Moment,
    whole: Duration,
}

impl Scale {
    fn of(timeline: &Timeline) -> Self {
        let from = timeline.lanes().iter().map(|lane| lane.span().0).min().unwrap_or_default();
        let to = timeline.lanes().iter().map(|lane| lane.span().1).max().unwrap_or_default();
        Self { from, whole: to.since(from).max(Duration::from_millis(1)) }
    }

    /// How many units a duration is wide.
    fn width(self, duration: Duration) -> u64 {
        u64::try_from(duration.as_millis() * u128::from(PLOT) / self.whole.as_millis()).unwrap_or(PLOT)
    }

    fn ticks(self) -> Vec<Tick> {
        let whole = u64::try_from(self.whole.as_millis()).unwrap_or(u64::MAX);
        let step = STEPS.into_iter().find(|step| whole / step <= 10).unwrap_or(86_400_000);
        let at = |tick: u64| {
            let since = Duration::from_millis(tick * step);
            let label = if step < 1_000 { brief(since) } else { format!("{} s", since.as_secs()) };
            Tick { x: LEFT + self.width(since), label }
        };
        (0..=(whole / step).min(10)).map(at).collect()
    }

    fn shape(self, what: &str, (from, to): (Moment, Moment), class: String) -> Shape {
        let (x, width) = (LEFT + self.width(from.since(self.from)), self.width(to.since(from)).max(2));
        let took = brief(to.since(from));
        let end = if class.contains("open") { ", not at its end" } else { "" };
        let title = format!("{what}: {took}, from {} to {}{end}", brief(from.since(self.from)), brief(to.since(self.from)));
        Shape { x, width, class, title, took, took_x: x + width + 4 }
    }
}

/// The timeline as HTML.
///
/// # Errors
/// The template names something that does not exist.
pub(super) fn render(timeline: &Timeline, title: &str, summary: &str) -> Result<String, RenderError> {
    let scale = Scale::of(timeline);
    let path = timeline.critical_path();
    let mut rows = Vec::new();
    for (number, lane) in timeline.lanes().iter().enumerate() {
        let name = lane.stack.to_string();
        let whole = scale.shape(&format!("the {name} stack"), lane.span(), class("stack", lane.end, false));
        rows.push(("stack", name, vec![whole]));
        rows.extend(resources(lane, number, &path, scale));
    }
    let place = |(number, (class, label, bars)): (u64, (&'static str, String, Vec<Shape>))| {
        let y = TOP + number * ROW;
        let label_x = if class == "stack" { 0 } else { INDENT };
        Row { label_x, y, text_y: y + BASELINE, class, label, bars }
    };
    let rows: Vec<Row> = (0..).zip(rows).map(place).collect();
    let height = rows.last().map_or(TOP, |row| row.y) + ROW;
    let picture = Picture { title, summary, from: scale.from, width: LEFT + PLOT + RIGHT, height, ticks: scale.ticks(), rows };
    let mut handlebars = Handlebars::new();
    handlebars.set_strict_mode(true);
    // Handlebars escapes what HTML would take for elements.
    Ok(tame(&handlebars.render_template(TEMPLATE, &picture)?))
}

/// A row a resource, in the order they began, with all operations on it.
fn resources(lane: &Lane, number: usize, path: &[Step], scale: Scale) -> Vec<(&'static str, String, Vec<Shape>)> {
    let mut rows: Vec<(&'static str, String, Vec<Shape>)> = Vec::new();
    let mut bars: Vec<(usize, &Bar)> = lane.bars.iter().enumerate().collect();
    bars.sort_by_key(|(position, bar)| (bar.from, *position));
    for (position, bar) in bars {
        let critical = path.contains(&Step { lane: number, bar: Some(position) });
        let what = format!("{} {} {}", bar.logical_id, bar.resource_type, bar.status);
        let shape = scale.shape(&what, (bar.from, bar.to), class("done", bar.end, critical));
        match rows.iter_mut().find(|(_, label, _)| *label == bar.logical_id) {
            Some((.., shapes)) => {
                // The next bar may be where the words of this one would stand.
                for earlier in shapes.iter_mut() {
                    earlier.took.clear();
                }
                shapes.push(shape);
            }
            None => rows.push(("resource", bar.logical_id.clone(), vec![shape])),
        }
    }
    rows
}

fn class(kind: &str, end: End, critical: bool) -> String {
    let end = match end {
        End::Open => "open",
        End::Done => "",
        End::Failed => "failed",
    };
    [kind, end, if critical { "critical" } else { "" }].into_iter().filter(|class| !class.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::timeline::tests::shop;

    #[test]
    fn everything_is_drawn_where_it_belongs() {
        let html = render(&shop(), "cartctl deploy · stage `<b>`", "4 stacks").unwrap();
        let (_, svg) = html.split_once("<svg").unwrap();
        insta::assert_snapshot!(svg);
        assert!(!html.contains("<b>") && !html.contains("<Test>"), "what others named is escaped");
        assert!(!html.contains("http"), "nothing comes from elsewhere");
    }

    #[test]
    fn a_moment_is_a_picture_too() {
        let mut story = crate::domain::timeline::tests::Story::default();
        story.start(5, cart_infra::stacks::AUTH, &[]);
        let html = render(&story.0, "cartctl deploy", "1 stack").unwrap();
        assert!(html.contains(r#"<rect class="stack open" x="300" y="26" width="2""#), "{html}");
    }
}
