//! Decisions of kube-scheduler: pods tried one after another on a cluster given as objects.
//!
//! After every comparison the recorded outcome is applied, so that one difference does not
//! cascade.

mod fields;
mod input;
mod replay;
#[cfg(test)]
mod tests;
mod told;

use serde_json::Value;

use super::{Kind, Tally};
use input::Input;
use replay::Replay;

/// The kind's entry.
pub(super) const KIND: Kind = Kind {
    name: "scheduler",
    unit: "decision",
    recognises: |line| line["case"]["incoming"].is_array(),
    topic: |line, stem| line["case"]["family"].as_str().unwrap_or(stem).to_owned(),
    units: |line| line["expected"]["decisions"].as_array().map_or(0, Vec::len),
    replay: |line, _topic, tally| replay_case(line, tally),
};

fn replay_case(line: &Value, tally: &mut Tally) -> Result<Value, String> {
    let expected = &line["expected"];
    let mut replay = Replay::new(Input::read(&line["case"])?)?;
    let shape = replay.shape();
    let mut ours = replay.of_case();
    for (field, ours, theirs) in fields::of_case(&ours, expected) {
        tally.case_field(&field, &ours, &theirs);
    }
    let recorded = expected["decisions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut decisions = Vec::new();
    for (at, theirs) in recorded.iter().enumerate() {
        let own = replay.decide(at)?;
        let pod = own["pod"].as_str().unwrap_or_default();
        let unit = format!("decision {at} ({pod})");
        tally.unit(&unit, fields::of_decision(&own, theirs, shape));
        replay.apply(at, theirs)?;
        decisions.push(own);
    }
    ours.insert("decisions".to_owned(), Value::Array(decisions));
    Ok(Value::Object(ours))
}
