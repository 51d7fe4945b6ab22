//! Timelines of the scheduling queue: histories of objects, and what kube-scheduler's queue did.
//!
//! A timeline's objects agree with the recorded bindings, so that after the first difference the
//! rest of a case says nothing: it counts as not agreeing.

mod compare;
mod drive;
mod history;
#[cfg(test)]
mod tests;
mod told;

use serde_json::Value;

use super::{Kind, Tally};
use drive::Timeline;

/// The kind's entry.
pub(super) const KIND: Kind = Kind {
    name: "queue",
    unit: "attempt",
    recognises: |line| line["case"]["timeline"].is_array(),
    topic: |line, stem| line["case"]["family"].as_str().unwrap_or(stem).to_owned(),
    units: |line| line["expected"]["attempts"].as_array().map_or(0, Vec::len),
    replay: |line, _topic, tally| replay_case(line, tally),
};

fn replay_case(line: &Value, tally: &mut Tally) -> Result<Value, String> {
    let ours = Timeline::new(&line["case"])?.run()?;
    compare::compare(&ours, &line["expected"], &line["case"], tally);
    Ok(ours)
}
