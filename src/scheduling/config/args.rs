//! Arguments of plugins: defaults and the ranges that Kubernetes allows.

use super::ConfigProblem;
use crate::model::{
    FitStrategy, PluginArgs, ResourceWeight, ShapePoint, SpreadConstraint, SpreadDefaults,
};

/// The arguments that a plugin has where a profile gives none; `None` for plugins without.
#[must_use]
pub fn default_args(plugin: &str) -> Option<PluginArgs> {
    let resources = || {
        ["cpu", "memory"].map(|name| ResourceWeight { name: name.to_owned(), weight: 1 }).to_vec()
    };
    Some(match plugin {
        "NodeResourcesFit" => PluginArgs::NodeResourcesFit {
            strategy: FitStrategy::LeastAllocated,
            resources: resources(),
            ignored_resources: Vec::new(),
            ignored_groups: Vec::new(),
        },
        "NodeResourcesBalancedAllocation" => {
            PluginArgs::NodeResourcesBalancedAllocation { resources: resources() }
        }
        "PodTopologySpread" => PluginArgs::PodTopologySpread { defaults: SpreadDefaults::System },
        "NodeAffinity" => PluginArgs::NodeAffinity { required: None, preferred: Vec::new() },
        "InterPodAffinity" => PluginArgs::InterPodAffinity {
            hard_pod_affinity_weight: 1,
            ignore_preferred_terms_of_existing_pods: false,
        },
        "DefaultPreemption" => PluginArgs::DefaultPreemption {
            min_candidate_nodes_percentage: 10,
            min_candidate_nodes_absolute: 100,
        },
        "BestFit" | "WorstFit" | "DotProduct" | "PowerOfTwoChoices" => {
            PluginArgs::WeightedResources { resources: resources() }
        }
        _ => return None,
    })
}

/// Whether a resource name is an extended one: it has a domain that is not Kubernetes' own.
#[must_use]
pub fn is_extended_resource(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(domain, _)| domain != "kubernetes.io" && !domain.ends_with(".kubernetes.io"))
}

/// Collects problems below one path.
struct Checker<'a> {
    path: String,
    problems: &'a mut Vec<ConfigProblem>,
}

impl Checker<'_> {
    fn report(&mut self, field: &str, message: String) {
        self.problems.push(ConfigProblem::new(format!("{}.{field}", self.path), message));
    }

    fn range(&mut self, field: &str, value: i64, (low, high): (i64, i64)) {
        if !(low..=high).contains(&value) {
            self.report(field, format!("{value} is not between {low} and {high}"));
        }
    }
}

/// Checks all arguments of a profile.
pub(super) fn check(args: &[(String, PluginArgs)], problems: &mut Vec<ConfigProblem>) {
    for (at, (_, args)) in args.iter().enumerate() {
        let mut check = Checker { path: format!("pluginConfig[{at}].args"), problems };
        match args {
            PluginArgs::NodeResourcesFit {
                strategy,
                resources,
                ignored_resources,
                ignored_groups,
            } => {
                check_resources(&mut check, "scoringStrategy.resources", resources, 100);
                if let FitStrategy::RequestedToCapacityRatio(shape) = strategy {
                    check_shape(&mut check, shape);
                }
                check_ignored(&mut check, ignored_resources, ignored_groups);
            }
            PluginArgs::NodeResourcesBalancedAllocation { resources } => {
                check_resources(&mut check, "resources", resources, 1);
            }
            PluginArgs::WeightedResources { resources } => {
                check_resources(&mut check, "resources", resources, 100);
            }
            PluginArgs::PodTopologySpread { defaults: SpreadDefaults::List(list) } => {
                check_constraints(&mut check, list);
            }
            PluginArgs::PodTopologySpread { defaults: SpreadDefaults::System } => {}
            PluginArgs::NodeAffinity { required, preferred } => {
                if required.as_ref().is_some_and(Vec::is_empty) {
                    check.report(
                        "addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms",
                        "at least one term is needed".to_owned(),
                    );
                }
                for (i, term) in preferred.iter().enumerate() {
                    let field = format!(
                        "addedAffinity.preferredDuringSchedulingIgnoredDuringExecution[{i}].weight"
                    );
                    check.range(&field, term.weight, (1, 100));
                }
            }
            PluginArgs::InterPodAffinity { hard_pod_affinity_weight, .. } => {
                check.range("hardPodAffinityWeight", *hard_pod_affinity_weight, (0, 100));
            }
            PluginArgs::DefaultPreemption {
                min_candidate_nodes_percentage: percentage,
                min_candidate_nodes_absolute: absolute,
            } => {
                check.range("minCandidateNodesPercentage", *percentage, (0, 100));
                check.range("minCandidateNodesAbsolute", *absolute, (0, i64::from(i32::MAX)));
                if *percentage == 0 && *absolute == 0 {
                    check.report(
                        "minCandidateNodesAbsolute",
                        "must not be 0 together with minCandidateNodesPercentage".to_owned(),
                    );
                }
            }
        }
    }
}

fn check_ignored(check: &mut Checker<'_>, resources: &[String], groups: &[String]) {
    for (i, name) in resources.iter().enumerate() {
        if !is_extended_resource(name) {
            check.report(
                &format!("ignoredResources[{i}]"),
                format!("`{name}` is not an extended resource"),
            );
        }
    }
    for (i, group) in groups.iter().enumerate() {
        if group.contains('/') || group.is_empty() {
            check.report(
                &format!("ignoredResourceGroups[{i}]"),
                format!("`{group}` is not a group: the part of a name before `/`"),
            );
        }
    }
}

fn check_resources(check: &mut Checker<'_>, field: &str, list: &[ResourceWeight], max: i64) {
    for (i, resource) in list.iter().enumerate() {
        check.range(&format!("{field}[{i}].weight"), resource.weight, (1, max));
        if resource.name.is_empty() {
            check.report(&format!("{field}[{i}].name"), "a resource needs a name".to_owned());
        }
        if list[..i].iter().any(|other| other.name == resource.name) {
            check.report(
                &format!("{field}[{i}].name"),
                format!("`{}` is listed twice", resource.name),
            );
        }
    }
}

fn check_shape(check: &mut Checker<'_>, shape: &[ShapePoint]) {
    const FIELD: &str = "scoringStrategy.requestedToCapacityRatio.shape";
    if shape.is_empty() {
        check.report(FIELD, "at least one point is needed".to_owned());
    }
    for (i, point) in shape.iter().enumerate() {
        check.range(&format!("{FIELD}[{i}].utilization"), point.utilization, (0, 100));
        check.range(&format!("{FIELD}[{i}].score"), point.score, (0, 10));
        if i > 0 && point.utilization <= shape[i - 1].utilization {
            check.report(
                &format!("{FIELD}[{i}].utilization"),
                format!("{} does not rise above {}", point.utilization, shape[i - 1].utilization),
            );
        }
    }
}

fn check_constraints(check: &mut Checker<'_>, list: &[SpreadConstraint]) {
    for (i, constraint) in list.iter().enumerate() {
        if constraint.max_skew < 1 {
            check.report(
                &format!("defaultConstraints[{i}].maxSkew"),
                format!("{} is not greater than zero", constraint.max_skew),
            );
        }
        if !constraint.selector.nothing {
            check.report(
                &format!("defaultConstraints[{i}].labelSelector"),
                "a default constraint must not have a selector: it is derived".to_owned(),
            );
        }
        let same = |other: &SpreadConstraint| {
            other.topology_key == constraint.topology_key && other.hard == constraint.hard
        };
        if list[..i].iter().any(same) {
            check.report(
                &format!("defaultConstraints[{i}]"),
                "topology key and whenUnsatisfiable are those of an earlier constraint".to_owned(),
            );
        }
    }
}
