//! SchedulingGates: pods with gates wait outside the queue.

use crate::model::PodTemplate;
use crate::registry::Descriptor;
use crate::scheduling::framework::{CycleCx, Plugin, PluginDef, Point};
use crate::scheduling::{ClusterEvent, WakeSet};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "SchedulingGates",
        summary: "Holds pods back while they have scheduling gates",
        help: "A pod whose `spec.schedulingGates` is not empty is not tried before its gates are \
               removed. Nothing removes gates in a simulation.",
        fields: &[],
    },
    points: &[Point::PreEnqueue],
    filter_depends: None,
    score_depends: None,
    wakes_on: WakeSet::POD_GATES_ELIMINATED,
    build: Some(|_| Box::new(SchedulingGates)),
};

#[derive(Debug)]
struct SchedulingGates;

impl Plugin for SchedulingGates {
    fn pre_enqueue(&self, spec: &PodTemplate) -> Option<String> {
        let names = spec.scheduling_gates.join(" ");
        spec.flags.gated.then(|| format!("waiting for scheduling gates: [{names}]"))
    }

    fn hint(&mut self, _cx: &CycleCx<'_>, event: &ClusterEvent) -> bool {
        // An unbound pod's update concerns itself.
        matches!(event, ClusterEvent::PodUpdate { assigned: false, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::SchedulingGates;
    use crate::scheduling::framework::Plugin;
    use crate::scheduling::testing::ModelBuilder;

    #[test]
    fn gates_are_named() {
        for (gates, text) in [
            (&[][..], None),
            (&["a.io/quota"][..], Some("waiting for scheduling gates: [a.io/quota]")),
            (&["a", "b"][..], Some("waiting for scheduling gates: [a b]")),
        ] {
            let mut builder = ModelBuilder::new();
            let pod = builder.template("web", (100, 0));
            builder.spec(pod).flags.gated = !gates.is_empty();
            builder.spec(pod).scheduling_gates = gates.iter().map(|&g| g.to_owned()).collect();
            let told = SchedulingGates.pre_enqueue(builder.spec(pod));
            assert_eq!(told.as_deref(), text);
        }
    }
}
