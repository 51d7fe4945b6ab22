//! Rules about where pods can go on a scenario's nodes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodAffinityTerm, TopologySpreadConstraint};

use super::cluster::{Cluster, Group, HOSTNAME, blocking_taint, domains};
use super::findings::Findings;
use super::rules;
use super::scene::{Scene, Workload};
use crate::base::diag::Severity;
use crate::base::quantity::Quantity;
use crate::scenario::compile::{Stated, pod_amounts};
use crate::scenario::manifest::{Cursor, Object, selector_matches};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
/// Label that Deployments put on the pods of one template revision.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// Looks at every workload on the scenario's nodes, then at all together.
pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    let Some(cluster) = &scene.cluster else { return };
    for workload in scene.workloads.iter().filter(|w| w.replicas != Some(0)) {
        let Some(usable) = cluster.usable(workload.pod) else { continue };
        if usable.is_empty() {
            no_node(cluster, workload, found);
            continue;
        }
        let large = too_large(workload, &usable, found);
        spread(cluster, workload, &usable, found);
        if !large {
            kept_apart(workload, &usable, found);
        }
    }
    together(scene, cluster, found);
}

/// The level of what a label, a taint or a cordon that an operator changes may cure.
fn curable(cluster: &Cluster<'_>, rule: &'static rules::Rule) -> Severity {
    if cluster.changes { Severity::Warning } else { rule.level }
}

fn no_node(cluster: &Cluster<'_>, workload: &Workload<'_>, found: &mut Findings) {
    let chosen = cluster.chosen(workload.pod).unwrap_or_default();
    let title = workload.title();
    let asks = workload.pod.node_selector.as_ref().is_some_and(|selector| !selector.is_empty());
    let (at, message) = if chosen.is_empty() {
        let what = if asks { "nodeSelector" } else { "required node affinity" };
        let at = if asks {
            workload.at.key("nodeSelector")
        } else {
            workload.at.keys(&["affinity", "nodeAffinity", REQUIRED])
        };
        let nodes = cluster.nodes();
        (at, format!("{title}: its {what} matches none of the {nodes} nodes"))
    } else {
        let group = chosen[0];
        let taint = blocking_taint(workload.pod, group);
        let taint = taint.map_or_else(String::new, |taint| {
            let value = taint.value.as_ref().map_or_else(String::new, |value| format!("={value}"));
            format!("{}{value}:{}", taint.key, taint.effect)
        });
        let message = format!(
            "{title}: every node that it may use has a taint that it does not tolerate, such as \
             {taint} of {}",
            group.name
        );
        (workload.at.key("tolerations"), message)
    };
    let rule = &rules::NO_NODE;
    found.add_as(curable(cluster, rule), rule, workload.manifest, &at, message);
}

/// A pod that no usable node could hold were it empty.
fn too_large(workload: &Workload<'_>, usable: &[&Group], found: &mut Findings) -> bool {
    let requests = pod_amounts(workload.pod, Stated::Requests, (true, true));
    let offered =
        |group: &Group, name: &str| group.allocatable.get(name).copied().unwrap_or(Quantity::ZERO);
    let fits = |group: &&&Group| {
        requests.iter().all(|(name, amount)| amount.is_zero() || *amount <= offered(group, name))
    };
    if usable.iter().any(|group| fits(&group)) {
        return false;
    }
    // The resource that is scarcest: one of which no node has enough, else any that is short.
    let most = |name: &str| usable.iter().map(|g| offered(g, name)).max().unwrap_or(Quantity::ZERO);
    let short = requests.iter().find(|(name, amount)| **amount > most(name));
    let title = workload.title();
    let message = match short {
        Some((name, amount)) => {
            let most = most(name);
            format!(
                "a pod of {title} requests {amount} of {name}; a node that it may use offers {most} at most"
            )
        }
        None => {
            format!("a pod of {title} requests more than any single node that it may use offers")
        }
    };
    found.add(&rules::TOO_LARGE, workload.manifest, &workload.at.key("containers"), message);
    true
}

fn spread(cluster: &Cluster<'_>, workload: &Workload<'_>, usable: &[&Group], found: &mut Findings) {
    let constraints = workload.pod.topology_spread_constraints.as_deref().unwrap_or_default();
    for (index, constraint) in constraints.iter().enumerate() {
        if constraint.when_unsatisfiable != "DoNotSchedule" || constraint.topology_key.is_empty() {
            continue;
        }
        let at = workload.at.key("topologySpreadConstraints").index(index);
        let number = domains(usable, &constraint.topology_key);
        if number == 0 {
            let rule = &rules::SPREAD_WITHOUT_LABEL;
            let message = format!(
                "{}: no node that it may use has the label {}",
                workload.title(),
                constraint.topology_key
            );
            let (level, at) = (curable(cluster, rule), at.key("topologyKey"));
            found.add_as(level, rule, workload.manifest, &at, message);
        } else {
            min_domains(workload, constraint, number, &at, found);
        }
    }
}

fn min_domains(
    workload: &Workload<'_>,
    constraint: &TopologySpreadConstraint,
    number: u32,
    at: &Cursor<'_>,
    found: &mut Findings,
) {
    let (Some(least), Some(replicas)) = (constraint.min_domains, workload.replicas) else { return };
    let own = constraint.label_selector.as_ref();
    let number = i64::from(number);
    let room = number * i64::from(constraint.max_skew);
    let counted = own.is_some_and(|selector| selector_matches(selector, workload.labels));
    if counted && i64::from(least) > number && i64::from(replicas) > room {
        let message = format!(
            "{}: {number} of {least} domains exist, which take {room} of its {replicas} pods",
            workload.title()
        );
        found.add(&rules::MIN_DOMAINS, workload.manifest, &at.key("minDomains"), message);
    }
}

/// What lets one pod of a workload into each domain only.
struct Apart<'a> {
    at: Cursor<'a>,
    /// Number of domains.
    domains: u32,
    /// What the domains are, for messages.
    what: String,
    /// Whether pods of another template revision count as well.
    across_revisions: bool,
    rule: &'static rules::Rule,
}

fn kept_apart(workload: &Workload<'_>, usable: &[&Group], found: &mut Findings) {
    let Some(replicas) = workload.replicas else { return };
    let Some(apart) = tightest(workload, usable) else { return };
    let (domains, what) = (i64::from(apart.domains), &apart.what);
    let title = workload.title();
    if i64::from(replicas) > domains {
        let message = format!("{title}: {replicas} replicas, of which {what} can hold {domains}");
        found.add(apart.rule, workload.manifest, &apart.at, message);
    } else if i64::from(replicas) == domains && apart.across_revisions {
        let Object::Deployment(deployment) = &workload.manifest.object else { return };
        let Some(bounds) = super::rollouts::bounds(deployment) else { return };
        if bounds.unavailable == 0 {
            let message = format!(
                "{title}: its {replicas} replicas fill {what}, and a rollout stops none before the \
                 next is ready"
            );
            let at = workload.manifest.cursor().keys(&["spec", "strategy"]);
            found.add(&rules::STUCK_SURGE, workload.manifest, &at, message);
        }
    }
}

/// The required anti-affinity to its own pods, or the host port, that leaves the fewest places.
fn tightest<'a>(workload: &Workload<'a>, usable: &[&Group]) -> Option<Apart<'a>> {
    let affinity = workload.pod.affinity.as_ref().and_then(|a| a.pod_anti_affinity.as_ref());
    let terms =
        affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    let at = workload.at.keys(&["affinity", "podAntiAffinity", REQUIRED]);
    let own = |term: &&PodAffinityTerm| {
        let namespace = workload.manifest.object.namespace().to_owned();
        let here = term.namespaces.as_ref().is_none_or(|n| n.is_empty() || n.contains(&namespace));
        // Nodes without the label hold any number of pods.
        let everywhere = term.topology_key == HOSTNAME
            || usable.iter().all(|group| group.labels.contains_key(&term.topology_key));
        let selector = term.label_selector.as_ref();
        here && everywhere && selector.is_some_and(|s| selector_matches(s, workload.labels))
    };
    let terms = terms.into_iter().flatten().enumerate().filter(|(_, term)| own(term));
    let terms = terms.map(|(index, term)| {
        let keys = term.match_label_keys.iter().flatten();
        Apart {
            at: at.index(index),
            domains: domains(usable, &term.topology_key),
            what: format!("the domains of {}", term.topology_key),
            across_revisions: !keys.clone().any(|key| key == TEMPLATE_HASH),
            rule: &rules::TOO_FEW_DOMAINS,
        }
    });
    terms.chain(host_port(workload, usable)).min_by_key(|apart| apart.domains)
}

fn host_port<'a>(workload: &Workload<'a>, usable: &[&Group]) -> Option<Apart<'a>> {
    let ports = |(container, at): (&'a k8s_openapi::api::core::v1::Container, Cursor<'a>)| {
        let ports = container.ports.as_deref().unwrap_or_default();
        let index = ports.iter().position(|port| port.host_port.is_some_and(|port| port > 0))?;
        Some(at.key("ports").index(index))
    };
    let at = workload.containers().into_iter().find_map(ports)?;
    let what = "the host ports of the nodes that it may use".to_owned();
    let domains = domains(usable, HOSTNAME);
    Some(Apart { at, domains, what, across_revisions: true, rule: &rules::HOST_PORT })
}

/// The requests of everything that runs at once against the nodes, with and without the largest.
fn together(scene: &Scene<'_>, cluster: &Cluster<'_>, found: &mut Findings) {
    let mut asked: BTreeMap<&str, i128> = BTreeMap::new();
    for workload in scene.workloads.iter().filter(|workload| workload.stays()) {
        let Some(usable) = cluster.usable(workload.pod).filter(|usable| !usable.is_empty()) else {
            continue;
        };
        let on_every_node = matches!(workload.manifest.object, Object::DaemonSet(_));
        let pods = match workload.replicas {
            Some(replicas) => i128::from(replicas),
            None if on_every_node => usable.iter().map(|group| i128::from(group.count)).sum(),
            None => continue,
        };
        let requests = pod_amounts(workload.pod, Stated::Requests, (true, true));
        for name in ["cpu", "memory"] {
            let amount = requests.get(name).copied().unwrap_or(Quantity::ZERO);
            *asked.entry(name).or_default() += pods * i128::from(amount.milli_value());
        }
    }
    let spec = &cluster.loaded.scenario.spec.cluster;
    let pool = spec.node_pools.first().map(|pool| pool.name.span);
    let span = pool.unwrap_or(cluster.loaded.scenario.metadata.name.span);
    for (name, asked) in asked {
        let of_group = |group: &Group| {
            let amount = group.allocatable.get(name).copied().unwrap_or(Quantity::ZERO);
            i128::from(amount.milli_value())
        };
        let offered: i128 =
            cluster.groups.iter().map(|group| i128::from(group.count) * of_group(group)).sum();
        let largest = cluster.groups.iter().map(of_group).max().unwrap_or(0);
        let shown = |milli: i128| {
            let milli = i64::try_from(milli).unwrap_or(i64::MAX);
            if name == "cpu" {
                Quantity::from_milli(milli).to_string()
            } else {
                // Memory in whole mebibytes is exact enough to be read.
                Quantity::from_bytes(milli / 1000 / (1 << 20) * (1 << 20)).to_string()
            }
        };
        let (all, left) = (shown(offered), shown(offered - largest));
        let asks = format!("all workloads together request {} of {name}", shown(asked));
        if asked > offered {
            let message = format!("{asks}; the nodes offer {all}");
            found.add_overall(&rules::OVERCOMMITTED, (span, "spec.cluster"), message);
        } else if asked > offered - largest {
            let message = format!("{asks}; the nodes offer {all}, and {left} without the largest");
            found.add_overall(&rules::NO_SPARE, (span, "spec.cluster"), message);
        }
    }
}
