//! Compares what was done with what was recorded, attempt by attempt.

use serde_json::{Value, json};

/// Counts attempts and those that agree; tells the first difference.
pub(super) fn compare(
    ours: &Value,
    theirs: &Value,
    case: &Value,
) -> (usize, usize, Option<String>) {
    let recorded = theirs["attempts"].as_array().expect("attempts are recorded");
    let own = ours["attempts"].as_array().expect("attempts");
    let (mut ours, mut theirs) = (Cursor::new(ours, case), Cursor::new(theirs, case));
    for (at, attempt) in recorded.iter().enumerate() {
        let last = at + 1 == recorded.len();
        let until = if last { u64::MAX } else { attempt["end"].as_u64().expect("an end") };
        let (a, b) = (ours.until(until), theirs.until(until));
        for ((field, a), (_, b)) in a.iter().zip(&b) {
            if a != b {
                let text = format!(
                    "before attempt {at} {attempt}: {field}:\n  {}\n  not {}",
                    first(a, b),
                    first(b, a)
                );
                return (recorded.len(), at, Some(text));
            }
        }
        if own.get(at) != Some(attempt) {
            let text = format!("attempt {at}: {}\n  not {attempt}", json!(own.get(at)));
            return (recorded.len(), at, Some(text));
        }
    }
    (recorded.len(), recorded.len(), None)
}

/// Entries of one list that the other lacks.
fn first(a: &[Value], b: &[Value]) -> String {
    let only: Vec<String> = a.iter().filter(|x| !b.contains(x)).map(Value::to_string).collect();
    only.join(" ")
}

/// The lists besides the attempts, by time.
struct Cursor {
    lists: Vec<(&'static str, Vec<(u64, Value)>)>,
    at: Vec<usize>,
}

impl Cursor {
    fn new(told: &Value, case: &Value) -> Self {
        let op_time = |op: usize| case["timeline"][op]["t"].as_u64().unwrap_or(u64::MAX);
        let list = |name: &str| told[name].as_array().cloned().unwrap_or_default();
        let time = |value: &Value| value["t"].as_u64().unwrap_or(u64::MAX);
        let mut moves: Vec<(u64, Value)> =
            list("moves").into_iter().map(|m| (time(&m), m)).collect();
        moves.sort_by_key(|(t, m)| {
            (*t, m["cause"].to_string(), m["op"].as_u64(), m["pod"].to_string())
        });
        let states = list("queueStates").into_iter().map(|mut state| {
            if let Some(errors) = state["errorBackoffQ"].as_array_mut() {
                errors.sort_by_key(|e| (e["expiry"].as_u64(), e["pod"].to_string()));
            }
            (time(&state), state)
        });
        let hints = list("hints")
            .into_iter()
            .map(|hint| (op_time(hint["op"].as_u64().map_or(usize::MAX, |op| op as usize)), hint));
        let events = list("opEvents")
            .into_iter()
            .enumerate()
            .map(|(op, events)| (op_time(op), json!({ "op": op, "events": events })));
        let lists = vec![
            ("opEvents", events.collect()),
            ("hints", hints.collect()),
            ("moves", moves),
            ("queueStates", states.collect()),
            ("evictions", list("evictions").into_iter().map(|e| (time(&e), e)).collect()),
        ];
        let at = vec![0; lists.len()];
        Self { lists, at }
    }

    fn until(&mut self, t: u64) -> Vec<(&'static str, Vec<Value>)> {
        let mut out = Vec::new();
        for ((name, list), at) in self.lists.iter().zip(&mut self.at) {
            let part: Vec<Value> = list[*at..]
                .iter()
                .take_while(|(when, _)| *when <= t)
                .map(|(_, v)| v.clone())
                .collect();
            *at += part.len();
            out.push((*name, part));
        }
        out
    }
}
