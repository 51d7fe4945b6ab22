//! Places and queues in the words of the recordings.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::PodId;
use crate::scheduler::{Place, QueuedPod, SchedulerCore};
use crate::scheduling::PluginSet;

/// Where every pod is, by name; with the expiry of a back-off.
pub(super) type Places = BTreeMap<String, (&'static str, Option<u64>)>;

/// The recordings' word for a place; none while the pod is under way or being bound.
pub(super) fn place(entry: &QueuedPod) -> Option<(&'static str, Option<u64>)> {
    let expiry = Some(entry.expiry.as_millis());
    match entry.place {
        Place::Active => Some(("active", None)),
        Place::Backoff => Some(("backoff", expiry)),
        Place::ErrorBackoff => Some(("errorBackoff", expiry)),
        Place::Unschedulable => Some(("unschedulable", None)),
        Place::Gated => Some(("gated", None)),
        Place::InFlight | Place::Binding => None,
    }
}

pub(super) fn places(core: &SchedulerCore, names: &[String]) -> Places {
    let of = |(pod, entry): (PodId, &QueuedPod)| Some((names[pod.index()].clone(), place(entry)?));
    core.entries().filter_map(of).collect()
}

pub(super) fn plugin_names(plugins: PluginSet) -> Vec<&'static str> {
    let mut names: Vec<_> = plugins.iter().map(|plugin| plugin.name()).collect();
    names.sort_unstable();
    names
}

/// The whole queue at one time.
pub(super) fn state(core: &SchedulerCore, names: &[String], t: u64) -> Value {
    let name = |pod: PodId| names[pod.index()].clone();
    let [active, backoff, errors] = core.orders();
    let with_expiry = |pods: Vec<PodId>| -> Vec<Value> {
        let expiry = |pod| core.entry(pod).map_or(0, |entry| entry.expiry.as_millis());
        pods.into_iter().map(|pod| json!({ "pod": name(pod), "expiry": expiry(pod) })).collect()
    };
    let (mut unschedulable, mut gated) = (BTreeMap::new(), BTreeMap::new());
    for (pod, entry) in core.entries() {
        let (pod, since) = (name(pod), entry.timestamp.as_millis());
        match entry.place {
            Place::Unschedulable => {
                let plugins = plugin_names(entry.rejected_by);
                let told = json!({ "pod": pod, "since": since, "plugins": plugins });
                unschedulable.insert(pod, told);
            }
            Place::Gated => {
                let plugin = entry.gated_by.map(|plugin| plugin.name());
                gated.insert(pod.clone(), json!({ "pod": pod, "plugin": plugin, "since": since }));
            }
            Place::Active
            | Place::Backoff
            | Place::ErrorBackoff
            | Place::InFlight
            | Place::Binding => {}
        }
    }
    json!({
        "t": t,
        "activeQ": active.into_iter().map(name).collect::<Vec<_>>(),
        "backoffQ": with_expiry(backoff),
        "errorBackoffQ": with_expiry(errors),
        "unschedulable": unschedulable.into_values().collect::<Vec<_>>(),
        "gated": gated.into_values().collect::<Vec<_>>(),
        "inFlight": core.in_flight().map(name).into_iter().collect::<Vec<_>>(),
    })
}
