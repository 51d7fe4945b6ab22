//! Quality of service of a pod, and what the kernel is told for the case that memory runs out.
//! Pure.

use std::collections::BTreeMap;

use super::pod::Role;
use crate::base::quantity::Quantity;
use crate::model::CRITICAL_PRIORITY;

/// Resources that quality of service goes by.
const COUNTED: [&str; 2] = ["cpu", "memory"];
/// What Guaranteed and node-critical pods get.
const GUARANTEED_ADJUST: i64 = -997;
/// What BestEffort pods get.
const BEST_EFFORT_ADJUST: i64 = 1000;
/// Priority class of pods that are critical to their node.
const NODE_CRITICAL: &str = "system-node-critical";

/// What a container claims.
#[derive(Clone, Debug)]
pub struct Claims {
    /// What the container is for.
    pub role: Role,
    /// `resources.requests`.
    pub asked: BTreeMap<String, Quantity>,
    /// `resources.limits`.
    pub limits: BTreeMap<String, Quantity>,
}

/// `status.qosClass`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QosClass {
    /// Every container asks for what it is limited to.
    Guaranteed,
    /// Something is asked for or limited.
    Burstable,
    /// Nothing is.
    BestEffort,
}

impl QosClass {
    /// Kubernetes' word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        }
    }
}

/// Amounts above zero of what counts.
fn counted(list: &BTreeMap<String, Quantity>) -> impl Iterator<Item = (&'static str, Quantity)> {
    COUNTED.into_iter().filter_map(|name| {
        let amount = *list.get(name)?;
        (amount > Quantity::ZERO).then_some((name, amount))
    })
}

/// The class of a pod with these containers, init containers included.
#[must_use]
pub fn qos_class(containers: &[Claims]) -> QosClass {
    let (mut asked, mut limits) = (BTreeMap::new(), BTreeMap::new());
    let add = |sums: &mut BTreeMap<&'static str, Quantity>, name, amount| {
        let sum = sums.entry(name).or_insert(Quantity::ZERO);
        *sum = sum.saturating_add(amount);
    };
    let mut all_limited = true;
    for container in containers {
        counted(&container.asked).for_each(|(name, amount)| add(&mut asked, name, amount));
        counted(&container.limits).for_each(|(name, amount)| add(&mut limits, name, amount));
        all_limited &= counted(&container.limits).count() == COUNTED.len();
    }
    match () {
        () if asked.is_empty() && limits.is_empty() => QosClass::BestEffort,
        () if all_limited && asked == limits => QosClass::Guaranteed,
        () => QosClass::Burstable,
    }
}

/// Whether a pod of this priority and class is critical to its node.
#[must_use]
pub fn is_node_critical(priority: Option<i32>, class: &str) -> bool {
    priority.is_some_and(|priority| priority >= CRITICAL_PRIORITY) && class == NODE_CRITICAL
}

/// `oom_score_adj` of the container at this place on a node with this much memory (bytes).
#[must_use]
pub fn oom_score_adjust(
    containers: &[Claims],
    place: usize,
    is_node_critical: bool,
    capacity_bytes: i64,
) -> i64 {
    match qos_class(containers) {
        _ if is_node_critical => return GUARANTEED_ADJUST,
        QosClass::Guaranteed => return GUARANTEED_ADJUST,
        QosClass::BestEffort => return BEST_EFFORT_ADJUST,
        QosClass::Burstable => {}
    }
    let of = |container: &Claims| {
        let memory = container.asked.get("memory").map_or(0, |amount| amount.value());
        let share = i128::from(memory) * 1000 / i128::from(capacity_bytes.max(1));
        1000 - i64::try_from(share).unwrap_or(i64::MAX)
    };
    let mut adjust = of(&containers[place]);
    if containers[place].role == Role::Sidecar {
        // A sidecar outlives the app container that asks for least.
        let apps = containers.iter().filter(|container| container.role == Role::Main);
        adjust = apps.map(of).max().map_or(adjust, |most| adjust.min(most));
    }
    // Burstable containers stay between those of the other two classes.
    if adjust < 1000 + GUARANTEED_ADJUST {
        return 1000 + GUARANTEED_ADJUST;
    }
    if adjust == BEST_EFFORT_ADJUST { adjust - 1 } else { adjust }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(role: Role, asked: &[(&str, &str)], limits: &[(&str, &str)]) -> Claims {
        let list = |amounts: &[(&str, &str)]| {
            let parsed = amounts
                .iter()
                .map(|(name, amount)| ((*name).to_owned(), amount.parse().expect("a quantity")));
            parsed.collect()
        };
        Claims { role, asked: list(asked), limits: list(limits) }
    }

    #[test]
    fn classes_follow_from_what_is_asked_and_limited() {
        let both = [("cpu", "1"), ("memory", "1Gi")];
        for (asked, limits, class) in [
            (&both[..], &both[..], QosClass::Guaranteed),
            (&both[..1], &both[..], QosClass::Burstable),
            (&[][..], &both[..], QosClass::Burstable),
            (&[("cpu", "0"), ("example.com/gpu", "1")][..], &[][..], QosClass::BestEffort),
        ] {
            let pod = [claims(Role::Main, asked, limits)];
            assert_eq!(qos_class(&pod), class, "{asked:?} {limits:?}");
        }
    }

    #[test]
    fn a_burstable_container_is_spared_by_what_it_asks_for() {
        let asking = |role, memory| claims(role, &[("memory", memory)], &[]);
        let pod = [asking(Role::Sidecar, "64Mi"), asking(Role::Main, "512Mi")];
        let adjust = |place| oom_score_adjust(&pod, place, false, 1 << 30);
        assert_eq!((adjust(0), adjust(1)), (500, 500), "a sidecar is not killed before the app");
        assert_eq!(oom_score_adjust(&pod, 0, true, 1 << 30), GUARANTEED_ADJUST);
        let all = [asking(Role::Main, "1Gi"), asking(Role::Main, "1")];
        let adjust = |place| oom_score_adjust(&all, place, false, 1 << 30);
        assert_eq!((adjust(0), adjust(1)), (3, 999));
        assert!(is_node_critical(Some(2_000_001_000), "system-node-critical"));
        assert!(!is_node_critical(Some(2_000_001_000), "system-cluster-critical"));
    }
}
