//! Vectors: an input and an output of one function of a controller or of the kubelet, the topic
//! being the file's stem. A topic is one line of [`TOPICS`].

use serde_json::Value;

use super::{Kind, disruption};

/// Translates an input, calls the function, and gives its output in the shape of `expected`.
type Answer = fn(&Value) -> Result<Value, String>;

/// Topics that are supported.
const TOPICS: &[(&str, Answer)] = &[("pdb_status", disruption::pdb_status)];

/// The kind's entry.
pub(super) const KIND: Kind = Kind {
    name: "vectors",
    unit: "vector",
    recognises: |line| line["case"].is_string() && line.get("expected").is_some(),
    topic: |_, stem| stem.to_owned(),
    units: |_| 1,
    replay: |line, topic, tally| {
        let Some((_, answer)) = TOPICS.iter().find(|(known, _)| *known == topic) else {
            tally.unsupported(1, "the topic is not supported yet");
            return Ok(Value::Null);
        };
        let ours = answer(&line["input"])?;
        let theirs = line["expected"].clone();
        tally.unit("vector", vec![("expected".to_owned(), ours.clone(), theirs)]);
        Ok(ours)
    },
};
