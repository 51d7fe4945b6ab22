//! How a profile's plugin lists change the default ones.

use super::ConfigProblem;
use super::args;
use crate::model::{PluginArgs, Profile, ScoreWeight};
use crate::scheduling::framework::Point;
use crate::scheduling::plugins;

/// The default plugins of Kubernetes 1.34 with their weights (0: none given), in the order in
/// which they run at every extension point.
pub const DEFAULT_PLUGINS: [(&str, i64); 19] = [
    ("SchedulingGates", 0),
    ("PrioritySort", 0),
    ("NodeUnschedulable", 0),
    ("NodeName", 0),
    ("TaintToleration", 3),
    ("NodeAffinity", 2),
    ("NodePorts", 0),
    ("NodeResourcesFit", 1),
    ("VolumeRestrictions", 0),
    ("NodeVolumeLimits", 0),
    ("VolumeBinding", 0),
    ("VolumeZone", 0),
    ("PodTopologySpread", 2),
    ("InterPodAffinity", 2),
    ("DynamicResources", 0),
    ("DefaultPreemption", 0),
    ("NodeResourcesBalancedAllocation", 1),
    ("ImageLocality", 1),
    ("DefaultBinder", 0),
];

/// Plugins of well-known projects outside Kubernetes' own scheduler.
const OUT_OF_TREE: &[&str] = &[
    "Allocatable",
    "CapacityScheduling",
    "Coscheduling",
    "CrossNodePreemption",
    "DiskIO",
    "LoadVariationRiskBalancing",
    "LowRiskOverCommitment",
    "NetworkMinCost",
    "NetworkOverhead",
    "NodeMetadata",
    "NodeResourceTopologyMatch",
    "NodeResourcesAllocatable",
    "Peaks",
    "PodState",
    "PreemptionToleration",
    "QOSSort",
    "SySched",
    "TargetLoadPacking",
    "TopologicalSort",
    "Trimaran",
];

/// What a profile says of one extension point (or of `multiPoint`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawPoint {
    /// `enabled`: names and weights.
    pub enabled: Vec<(String, Option<i64>)>,
    /// `disabled`: names, `*` for all.
    pub disabled: Vec<String>,
}

impl RawPoint {
    fn disables(&self, name: &str) -> bool {
        self.disabled.iter().any(|other| other == name)
    }

    fn disables_all(&self) -> bool {
        self.disables("*")
    }

    fn names(&self, name: &str) -> bool {
        self.enabled.iter().any(|(other, _)| other == name)
    }
}

/// A profile as a configuration gives it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawProfile {
    /// `schedulerName`; `default-scheduler` where absent.
    pub scheduler_name: Option<String>,
    /// `percentageOfNodesToScore`, the profile's or else the global one.
    pub percentage_of_nodes_to_score: Option<i64>,
    /// `plugins.multiPoint`.
    pub multi_point: RawPoint,
    /// `plugins.<point>`.
    pub points: Vec<(Point, RawPoint)>,
    /// `pluginConfig`: plugin names and arguments, defaults of absent fields filled in.
    pub args: Vec<(String, PluginArgs)>,
}

/// The profile that Kubernetes uses without a configuration.
#[must_use]
pub fn default_profile() -> Profile {
    merge_profile(&RawProfile::default()).expect("the defaults have no problems")
}

/// Merges a profile with the defaults as kube-scheduler 1.34 does.
///
/// # Errors
/// Everything that is wrong with it.
pub fn merge_profile(raw: &RawProfile) -> Result<Profile, Vec<ConfigProblem>> {
    let mut problems = Vec::new();
    check_names(raw, &mut problems);
    let percentage = raw.percentage_of_nodes_to_score.unwrap_or(0);
    if !(0..=100).contains(&percentage) {
        problems.push(
            ConfigProblem::new(
                "percentageOfNodesToScore",
                format!("{percentage} is not between 0 and 100"),
            )
            .with_help("0 lets the cluster size decide"),
        );
    }
    args::check(&raw.args, &mut problems);
    let multi = merged_multi_point(&raw.multi_point);
    let lists: Vec<Vec<String>> =
        Point::ALL.into_iter().map(|point| point_list(point, raw, &multi)).collect();
    if problems.is_empty() {
        check_lists(&lists, &mut problems);
        check_halves(&lists, &mut problems);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let list = |point: Point| lists[point as usize].clone();
    let score = list(Point::Score)
        .into_iter()
        .map(|plugin| ScoreWeight { weight: weight_of(&plugin, raw, &multi), plugin })
        .collect();
    let mut args = raw.args.clone();
    args.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Profile {
        scheduler_name: raw.scheduler_name.clone().unwrap_or_else(|| "default-scheduler".into()),
        percentage_of_nodes_to_score: percentage,
        pre_enqueue: list(Point::PreEnqueue),
        queue_sort: list(Point::QueueSort).concat(),
        pre_filter: list(Point::PreFilter),
        filter: list(Point::Filter),
        post_filter: list(Point::PostFilter),
        pre_score: list(Point::PreScore),
        score,
        reserve: list(Point::Reserve),
        permit: list(Point::Permit),
        pre_bind: list(Point::PreBind),
        bind: list(Point::Bind),
        post_bind: list(Point::PostBind),
        args,
    })
}

/// The defaults, changed by the profile's `multiPoint`: a default plugin that it names keeps its
/// place but loses its default weight; the others follow.
fn merged_multi_point(custom: &RawPoint) -> Vec<(String, i64)> {
    let mut merged: Vec<(String, i64)> = Vec::new();
    let mut replacing: Vec<&str> = Vec::new();
    if !custom.disables_all() {
        for (name, weight) in DEFAULT_PLUGINS {
            if custom.disables(name) {
                continue;
            }
            let own = custom.enabled.iter().find(|(other, _)| other == name);
            if own.is_some() {
                replacing.push(name);
            }
            merged.push((name.into(), own.map_or(weight, |(_, weight)| weight.unwrap_or(0))));
        }
    }
    let rest = custom.enabled.iter().filter(|(name, _)| !replacing.contains(&name.as_str()));
    merged.extend(rest.map(|(name, weight)| (name.clone(), weight.unwrap_or(0))));
    merged
}

fn implements(name: &str, point: Point) -> bool {
    plugins::find(name).is_ok_and(|def| def.points.contains(&point))
    // Scores only behind the feature gate StorageCapacityScoring, but stands in the lists.
}

/// The plugins of one extension point in execution order: those of `multiPoint` that the point
/// names come first, in the point's order; then the rest of `multiPoint`; then the rest of the
/// point.
fn point_list(point: Point, raw: &RawProfile, multi: &[(String, i64)]) -> Vec<String> {
    let nothing = RawPoint::default();
    let own = raw.points.iter().find(|(at, _)| *at == point).map_or(&nothing, |(_, own)| own);
    let own_names = || own.enabled.iter().map(|(name, _)| name.clone());
    if own.disables_all() {
        return own_names().collect();
    }
    let (overriding, expanded): (Vec<&String>, Vec<&String>) = multi
        .iter()
        .map(|(name, _)| name)
        .filter(|name| implements(name, point) && !own.disables(name))
        .partition(|name| own.names(name));
    let first = own_names().filter(|name| overriding.contains(&name));
    let last = own_names().filter(|name| !overriding.contains(&name));
    first.chain(expanded.into_iter().cloned()).chain(last).collect()
}

/// The weight of a score plugin: the `score` point's, else `multiPoint`'s; none means 1.
fn weight_of(plugin: &str, raw: &RawProfile, multi: &[(String, i64)]) -> i64 {
    let at_score = raw
        .points
        .iter()
        .filter(|(point, _)| *point == Point::Score)
        .flat_map(|(_, own)| &own.enabled)
        .find(|(name, _)| name == plugin)
        .map(|(_, weight)| weight.unwrap_or(0));
    let anywhere =
        || multi.iter().find(|(name, _)| name == plugin).map_or(0, |(_, weight)| *weight);
    match at_score.unwrap_or_else(anywhere) {
        0 => 1,
        weight => weight,
    }
}

/// Every plugin named must be known, implement its point and be named once.
fn check_names(raw: &RawProfile, problems: &mut Vec<ConfigProblem>) {
    let multi = [("multiPoint", None, &raw.multi_point)];
    let points = raw.points.iter().map(|(point, own)| (point.name(), Some(*point), own));
    for (field, point, own) in multi.into_iter().chain(points) {
        for (at, (name, weight)) in own.enabled.iter().enumerate() {
            let path = format!("plugins.{field}.enabled[{at}]");
            if own.enabled[..at].iter().any(|(other, _)| other == name) {
                problems.push(ConfigProblem::new(
                    format!("{path}.name"),
                    format!("`{name}` is enabled twice"),
                ));
            }
            if weight.is_some_and(|weight| !(0..=i64::from(i32::MAX)).contains(&weight)) {
                problems.push(ConfigProblem::new(
                    format!("{path}.weight"),
                    "a weight must not be negative or exceed 2147483647",
                ));
            }
            check_name(name, point, format!("{path}.name"), problems);
        }
        // Names that are disabled may be unknown to Kubernetes; a slip would go unnoticed.
        for (at, name) in own.disabled.iter().enumerate().filter(|(_, name)| *name != "*") {
            check_name(name, None, format!("plugins.{field}.disabled[{at}].name"), problems);
        }
    }
    for (at, (name, _)) in raw.args.iter().enumerate() {
        let path = format!("pluginConfig[{at}].name");
        if raw.args[..at].iter().any(|(other, _)| other == name) {
            problems.push(ConfigProblem::new(&path, format!("`{name}` is configured twice")));
        }
        check_name(name, None, path, problems);
    }
}

fn check_name(name: &str, point: Option<Point>, path: String, problems: &mut Vec<ConfigProblem>) {
    match plugins::find(name) {
        Ok(def) => {
            if let Some(point) = point.filter(|point| !def.points.contains(point)) {
                let points: Vec<&str> = def.points.iter().map(|point| point.name()).collect();
                problems.push(
                    ConfigProblem::new(
                        path,
                        format!("`{name}` does not implement the point `{}`", point.name()),
                    )
                    .with_help(format!("it implements {}", points.join(", "))),
                );
            }
        }
        Err(_) if OUT_OF_TREE.contains(&name) => problems.push(
            ConfigProblem::new(path, format!("`{name}` is no plugin of kube-scheduler's own"))
                .with_help("out-of-tree plugins cannot be simulated; remove it or disable it"),
        ),
        Err(unknown) => problems.push(
            ConfigProblem::new(path, format!("plugin `{name}` is unknown"))
                .with_help(unknown.help()),
        ),
    }
}

/// Plugins that work alike whether their PreFilter or PreScore ran before or not.
const INDEPENDENT: &[(Point, &str)] = &[
    (Point::Filter, "NodeVolumeLimits"),
    (Point::Score, "NodeAffinity"),
    (Point::Score, "NodeResourcesFit"),
    (Point::Score, "NodeResourcesBalancedAllocation"),
    (Point::Score, "VolumeBinding"),
];

/// A plugin whose first half is disabled finds nothing prepared: kube-scheduler then fails every
/// pod that comes this far.
///
/// Fidelity: NodeAffinity and VolumeZone would filter all the same, more slowly.
fn check_halves(lists: &[Vec<String>], problems: &mut Vec<ConfigProblem>) {
    for (first, second) in [(Point::PreFilter, Point::Filter), (Point::PreScore, Point::Score)] {
        let prepared = &lists[first as usize];
        for name in &lists[second as usize] {
            if !implements(name, first)
                || prepared.contains(name)
                || INDEPENDENT.contains(&(second, name))
            {
                continue;
            }
            let (first, second) = (first.name(), second.name());
            problems.push(
                ConfigProblem::new(
                    format!("plugins.{first}"),
                    format!(
                        "`{name}` is enabled at {second} and not at {first}, where it prepares"
                    ),
                )
                .with_help(format!("enable it at {first} too, or disable it at {second}")),
            );
        }
    }
}

/// What the merged lists must fulfil.
fn check_lists(lists: &[Vec<String>], problems: &mut Vec<ConfigProblem>) {
    let queue_sort = &lists[Point::QueueSort as usize];
    if queue_sort.len() != 1 {
        problems.push(
            ConfigProblem::new(
                "plugins.queueSort",
                format!("one queue sort plugin is needed, not {}", queue_sort.len()),
            )
            .with_help("enable PrioritySort"),
        );
    }
    if lists[Point::Bind as usize].is_empty() {
        problems.push(
            ConfigProblem::new("plugins.bind", "at least one bind plugin is needed")
                .with_help("enable DefaultBinder"),
        );
    }
}
