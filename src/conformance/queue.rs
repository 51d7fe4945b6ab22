//! Timelines of the scheduling queue. Recognised and counted; the replay is not there yet.

use serde_json::Value;

use super::Kind;

/// The kind's entry.
pub(super) const KIND: Kind = Kind {
    name: "queue",
    unit: "attempt",
    recognises: |line| line["case"]["timeline"].is_array(),
    topic: |line, stem| line["case"]["family"].as_str().unwrap_or(stem).to_owned(),
    replay: |line, _topic, tally| {
        let attempts = line["expected"]["attempts"].as_array().map_or(0, Vec::len);
        tally.unsupported(attempts, "queue timelines are not replayed yet");
        Ok(Value::Null)
    },
};
