//! The critical path of a simulated run: from the step that ended last back to the beginning, by what each step waited for last.
//! Knows spans of time only.

use std::collections::BTreeMap;

use super::before;
use super::simulation::Span;
use crate::formats::plan::{EdgeKind, PlanFile};
use crate::formats::rehearsal::Stretch;
use crate::think::run::StepNo;

/// Times that are closer together are the same moment.
const MOMENT: f64 = 1e-6;

/// The path, in the order of time.
pub(super) fn critical(plan: &PlanFile, spans: &BTreeMap<StepNo, Span>) -> Vec<Stretch> {
    let before = before(plan);
    let spans = &with_passed(plan, spans, &before);
    let none = Vec::new();
    let last = spans.iter().max_by(|a, b| a.1.ended.total_cmp(&b.1.ended)).map(|(no, _)| *no);
    let mut out = Vec::new();
    let mut at = last;
    // Up to which moment the path is told.
    let mut until = last.and_then(|no| spans.get(&no)).map_or(0.0, |span| span.ended);
    while let Some(no) = at {
        let Some(span) = spans.get(&no) else { break };
        let above = before.get(&no).unwrap_or(&none);
        // It had done its own work, and waited for what gives it parts.
        let giver = above.iter().filter(|(_, kind)| *kind == EdgeKind::Stream).map(|(from, _)| *from);
        let giver = giver.filter(|from| {
            spans.get(from).is_some_and(|of| of.ended > span.worked + MOMENT && of.ended <= until + MOMENT)
        });
        if let Some(from) = giver.max_by(|a, b| ended(spans, *a).total_cmp(&ended(spans, *b))) {
            at = Some(from);
            continue;
        }
        let latest = freed_by(above, spans);
        let freed = latest.map_or(0.0, |(_, moment, _)| moment);
        let waited = (span.began - freed).max(0.0);
        let seconds = (until - span.began).max(0.0);
        out.push(Stretch {
            addr: plan.body.graph.nodes[no].addr.clone(),
            seconds,
            waited: if waited > 0.05 { waited } else { 0.0 },
        });
        until = freed;
        at = latest.and_then(|(from, _, kind)| match kind {
            EdgeKind::After => Some(from),
            // It began when that one began: the path goes on with what that one waited for.
            EdgeKind::Stream => begun_after(from, spans, &before),
        });
    }
    out.reverse();
    out.retain(|stretch| stretch.seconds + stretch.waited > 0.0005);
    out
}

/// With the steps that have nothing to do: each is over when the last of those before it is.
fn with_passed(
    plan: &PlanFile,
    spans: &BTreeMap<StepNo, Span>,
    before: &BTreeMap<StepNo, Vec<(StepNo, EdgeKind)>>,
) -> BTreeMap<StepNo, Span> {
    let mut all = spans.clone();
    // The nodes are in an order in which what comes before stands before.
    for no in 0..plan.body.graph.nodes.len() {
        if !all.contains_key(&no) {
            let above = before.get(&no).into_iter().flatten().filter_map(|(from, _)| all.get(from));
            let over = above.map(|span| span.ended).fold(0.0, f64::max);
            all.insert(no, Span { began: over, worked: over, ended: over });
        }
    }
    all
}

fn ended(spans: &BTreeMap<StepNo, Span>, no: StepNo) -> f64 {
    spans.get(&no).map_or(0.0, |span| span.ended)
}

/// What a step could not begin before, and when that was: the end of another, or the beginning of one that gives it parts.
fn freed_by(above: &[(StepNo, EdgeKind)], spans: &BTreeMap<StepNo, Span>) -> Option<(StepNo, f64, EdgeKind)> {
    let moments = above.iter().filter_map(|(from, kind)| {
        let of = spans.get(from)?;
        Some((*from, if *kind == EdgeKind::Stream { of.began } else { of.ended }, *kind))
    });
    moments.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The step whose end let this one begin, through all that give it parts.
fn begun_after(
    no: StepNo,
    spans: &BTreeMap<StepNo, Span>,
    before: &BTreeMap<StepNo, Vec<(StepNo, EdgeKind)>>,
) -> Option<StepNo> {
    let mut at = no;
    loop {
        match freed_by(before.get(&at)?, spans)? {
            (from, _, EdgeKind::After) => return Some(from),
            (from, _, EdgeKind::Stream) => at = from,
        }
    }
}
