//! Compares what was done with what was recorded, attempt by attempt.

use serde_json::{Value, json};

use super::super::Tally;

/// The fields of an attempt, in the order in which they are told.
const ATTEMPT: &[&str] = &[
    "t",
    "end",
    "pod",
    "n",
    "from",
    "result",
    "node",
    "plugins",
    "pending",
    "to",
    "backoffExpiry",
    "bindEnd",
    "bindResult",
    "nominated",
    "victims",
];

/// Compares a case. An attempt takes with it everything that happened since the one before, the
/// last one also what came after it.
pub(super) fn compare(ours: &Value, theirs: &Value, case: &Value, tally: &mut Tally) {
    let list = |told: &Value| told["attempts"].as_array().cloned().unwrap_or_default();
    let (own, recorded) = (list(ours), list(theirs));
    let (mut ours, mut theirs) = (Besides::new(ours, case), Besides::new(theirs, case));
    for (at, attempt) in recorded.iter().enumerate() {
        let last = at + 1 == recorded.len();
        let until = attempt["end"].as_u64().filter(|_| !last).unwrap_or(u64::MAX);
        let mut fields = Vec::new();
        for ((name, a), (_, b)) in ours.until(until).into_iter().zip(theirs.until(until)) {
            if !(a.is_empty() && b.is_empty()) {
                fields.push((name.to_owned(), Value::Array(a), Value::Array(b)));
            }
        }
        let mut mine = own.get(at).cloned().unwrap_or_default();
        if last && own.len() > recorded.len() {
            fields.push(("attempts".to_owned(), own.len().into(), recorded.len().into()));
        }
        for &field in ATTEMPT {
            fields.push((field.to_owned(), mine[field].take(), attempt[field].clone()));
        }
        let unit = format!("attempt {at} ({})", attempt["pod"].as_str().unwrap_or_default());
        if !tally.unit(&unit, fields) {
            tally.lost(recorded.iter().skip(at + 1).count());
            return;
        }
    }
}

/// What was told besides attempts, by time.
struct Besides {
    lists: Vec<(&'static str, Vec<(u64, Value)>)>,
    /// How far each list has been read.
    read: Vec<usize>,
}

impl Besides {
    fn new(told: &Value, case: &Value) -> Self {
        let list = |name: &str| told[name].as_array().cloned().unwrap_or_default();
        let time = |value: Value| (value["t"].as_u64().unwrap_or(u64::MAX), value);
        let of_op = |op: usize| case["timeline"][op]["t"].as_u64().unwrap_or(u64::MAX);
        let mut moves: Vec<(u64, Value)> = list("moves").into_iter().map(time).collect();
        // The order of moves with one cause has no meaning.
        moves.sort_by_key(|(t, m)| {
            (*t, m["cause"].to_string(), m["op"].as_u64(), m["pod"].to_string())
        });
        let states = list("queueStates").into_iter().map(|mut state| {
            // Neither has that of pods with one expiry.
            if let Some(errors) = state["errorBackoffQ"].as_array_mut() {
                errors.sort_by_key(|e| (e["expiry"].as_u64(), e["pod"].to_string()));
            }
            time(state)
        });
        let events = list("opEvents").into_iter().enumerate();
        let events = events.map(|(op, told)| (of_op(op), json!({"op": op, "events": told})));
        let hints = list("hints").into_iter().map(|hint| {
            let op = hint["op"].as_u64().and_then(|op| usize::try_from(op).ok());
            (op.map_or(u64::MAX, of_op), hint)
        });
        let lists = vec![
            ("opEvents", events.collect()),
            ("hints", hints.collect()),
            ("moves", moves),
            ("queueStates", states.collect()),
            ("evictions", list("evictions").into_iter().map(time).collect()),
        ];
        Self { read: vec![0; lists.len()], lists }
    }

    /// What happened up to a time and was not read yet.
    fn until(&mut self, t: u64) -> Vec<(&'static str, Vec<Value>)> {
        let mut out = Vec::new();
        for ((name, list), read) in self.lists.iter().zip(&mut self.read) {
            let new = list[*read..].iter().take_while(|(when, _)| *when <= t);
            let new: Vec<Value> = new.map(|(_, value)| value.clone()).collect();
            *read += new.len();
            out.push((*name, new));
        }
        out
    }
}
