//! A `KubeSchedulerConfiguration` to merged profiles with checked plugin arguments.

use k8s_openapi::api::core::v1::{NodeAffinity, TopologySpreadConstraint};

use super::pods;
use super::symbols::Symbols;
use crate::base::diag::{Diagnostic, Diagnostics, Severity, Span, codes};
use crate::base::time::SimDuration;
use crate::model::{
    FitStrategy, PluginArgs, Profile, ResourceWeight, SchedulerConfig, ShapePoint, SpreadDefaults,
    Weighted,
};
use crate::scenario::manifest::{Cursor, check_default_constraint, check_node_affinity};
use crate::scenario::node::{Node, Step, short};
use crate::scenario::read::{Fields, Located, Read, record, word};
use crate::scenario::source::Rules;
use crate::scenario::spec::{self, PluginConfig, PluginSet};
use crate::scheduling::config::{
    RawPoint, RawProfile, default_args, default_profile, merge_profile,
};
use crate::scheduling::{Point, plugins};

/// How what cannot be simulated can be passed over.
const SKIP: &str = "skip it by skipUnknownPlugins: true in the policy's spec, or by \
                    --skip-unknown-plugins";
/// Client rate and burst of kube-scheduler.
const CLIENT: (u32, u32) = (50, 100);
/// Weight of a resource that is named without one.
const DEFAULT_WEIGHT: i64 = 1;

/// The scheduler of a configuration; Kubernetes' defaults where there is none.
pub(super) fn compile(
    config: Option<&spec::SchedulerConfig>,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) -> Option<SchedulerConfig> {
    let mut out = SchedulerConfig {
        profiles: vec![default_profile()],
        expressions: Vec::new(),
        pod_initial_backoff: SimDuration::from_secs(u64::from(spec::INITIAL_BACKOFF_S)),
        pod_max_backoff: SimDuration::from_secs(u64::from(spec::MAX_BACKOFF_S)),
        qps: CLIENT.0,
        burst: CLIENT.1,
        tie_seed: Some(0),
    };
    let Some(config) = config else { return Some(out) };
    let seconds = |value: &Option<Located<u32>>, default| {
        SimDuration::from_secs(u64::from(value.as_ref().map_or(default, |v| v.value)))
    };
    out.pod_initial_backoff = seconds(&config.pod_initial_backoff_seconds, spec::INITIAL_BACKOFF_S);
    out.pod_max_backoff = seconds(&config.pod_max_backoff_seconds, spec::MAX_BACKOFF_S);
    if let Some(connection) = &config.client_connection {
        (out.qps, out.burst) = client(connection, found);
    }
    for extender in &config.extenders {
        let url = extender.value.get("urlPrefix").and_then(Node::scalar_text);
        let named = url.map_or_else(String::new, |url| format!("the one at {}; ", short(url)));
        let message = "extenders are processes of their own and cannot be simulated";
        found.push(
            Diagnostic::error(codes::UNKNOWN_PLUGIN, extender.span, message)
                .help(format!("remove {named}or {SKIP}")),
        );
    }
    if let Some(election) = &config.leader_election {
        let message = "leaderElection has no effect here";
        found.push(
            Diagnostic::new(Severity::Note, codes::NO_EFFECT, Some(election.span), message)
                .help("set spec.controlPlane.scheduler in the scenario"),
        );
    }
    if !config.profiles.is_empty() {
        out.profiles.clear();
    }
    let mut sound = true;
    for (index, profile) in config.profiles.iter().enumerate() {
        let global = config.percentage_of_nodes_to_score.as_ref();
        match merged((index, profile), global, symbols, found) {
            Some(merged) => out.profiles.push(merged),
            None => sound = false,
        }
    }
    sound.then_some(out)
}

/// A profile merged with the defaults; `None` when kube-scheduler would refuse it.
fn merged(
    (index, profile): (usize, &spec::Profile),
    percentage: Option<&Located<u32>>,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) -> Option<Profile> {
    let percentage = profile.percentage_of_nodes_to_score.as_ref().or(percentage);
    let mut raw = RawProfile {
        scheduler_name: profile.scheduler_name.as_ref().map(|name| name.value.clone()),
        percentage_of_nodes_to_score: percentage.map(|p| i64::from(p.value)),
        ..RawProfile::default()
    };
    for (name, set) in &profile.plugins.points {
        if *name == "multiPoint" {
            raw.multi_point = point(set);
        } else if let Some(at) = Point::ALL.into_iter().find(|p| p.name() == *name) {
            raw.points.push((at, point(set)));
        }
    }
    let mut configured = Vec::new();
    for plugin in &profile.plugin_config {
        if let Some(args) = arguments(plugin, symbols, found) {
            raw.args.push((plugin.name.value.clone(), args));
            configured.push(plugin);
        }
    }
    let problems = match merge_profile(&raw) {
        Ok(merged) => return Some(merged),
        Err(problems) => problems,
    };
    for problem in problems {
        let (span, plugin) = place(profile, &configured, &problem.path);
        let unknown = plugin.is_some_and(|name| plugins::find(name).is_err());
        let code = if unknown { codes::UNKNOWN_PLUGIN } else { codes::OUT_OF_RANGE };
        let skip = if unknown { format!("; or {SKIP}") } else { String::new() };
        let range = problem.message.split_once(" is not between ");
        let help = range.map_or_else(
            || "kube-scheduler would refuse this configuration, too".to_owned(),
            |(_, range)| format!("write a number between {range}"),
        );
        found.push(
            Diagnostic::error(code, span, problem.message)
                .at(format!("profiles[{index}].{}", problem.path))
                .help(format!("{}{skip}", problem.help.unwrap_or(help))),
        );
    }
    None
}

/// Where a path below a profile, such as `plugins.score.enabled[0].name`, stands in the source,
/// and which plugin it is about. `configured` are the plugins whose arguments were merged.
fn place<'a>(
    profile: &'a spec::Profile,
    configured: &[&'a PluginConfig],
    path: &str,
) -> (Span, Option<&'a str>) {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (key, index) = part.split_once('[').map_or((part, None), |(k, i)| (k, Some(i)));
        steps.push(Step::Key(key));
        steps.extend(index.and_then(|i| i.trim_end_matches(']').parse().ok()).map(Step::Index));
    }
    let set = |point: &str| {
        let set = profile.plugins.points.iter().find(|(name, _)| *name == point);
        set.map(|(_, set)| set)
    };
    let found = match steps.as_slice() {
        [Step::Key("plugins"), Step::Key(point), Step::Key(list), Step::Index(at), ..] => {
            let set = set(point);
            let list = set.map(|s| if *list == "enabled" { &s.enabled } else { &s.disabled });
            list.and_then(|list| list.get(*at)).map(|plugin| match &plugin.weight {
                Some(weight) if path.ends_with(".weight") => (weight.span, None),
                _ => (plugin.name.span, Some(plugin.name.as_str())),
            })
        }
        [Step::Key("plugins"), Step::Key(point), ..] => set(point).map(|set| (set.span, None)),
        [Step::Key("pluginConfig"), Step::Index(at), rest @ ..] => {
            configured.get(*at).map(|plugin| match (&plugin.args, rest) {
                (Some(args), [Step::Key("args"), rest @ ..]) => (args.locate(rest), None),
                _ => (plugin.name.span, Some(plugin.name.as_str())),
            })
        }
        _ => None,
    };
    found.unwrap_or((profile.span, None))
}

fn point(set: &PluginSet) -> RawPoint {
    RawPoint {
        enabled: set
            .enabled
            .iter()
            .map(|p| (p.name.value.clone(), p.weight.as_ref().map(|w| i64::from(w.value))))
            .collect(),
        disabled: set.disabled.iter().map(|p| p.name.value.clone()).collect(),
    }
}

/// `qps` and `burst` of `clientConnection`; how it connects has no effect here.
fn client(node: &Node, found: &mut Diagnostics) -> (u32, u32) {
    let Some(mut fields) = Fields::open(node, "clientConnection", found) else { return CLIENT };
    for without_effect in ["kubeconfig", "contentType", "acceptContentTypes"] {
        fields.raw(without_effect);
    }
    let (qps, burst) = (fields.optional::<f64>("qps"), fields.optional::<u32>("burst"));
    fields.finish();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casts of floats saturate"
    )]
    let qps = qps.flatten().map_or(CLIENT.0, |qps| qps.round() as u32);
    (qps.max(1), burst.flatten().unwrap_or(CLIENT.1).max(1))
}

record! {
    /// A resource with a weight.
    struct ResourceSpec {
        /// Resource name.
        name: String = required "name",
        /// Weight; 1 where absent or 0.
        weight: Option<u32> = optional "weight",
    }
}

record! {
    /// One point of a shape.
    struct ShapeSpec {
        /// Utilisation in percent.
        utilization: u32 = required "utilization",
        /// Score from 0 to 10.
        score: u32 = required "score",
    }
}

record! {
    /// `requestedToCapacityRatio`.
    struct RatioSpec {
        /// The points.
        shape: Vec<ShapeSpec> = required "shape",
    }
}

record! {
    /// `scoringStrategy`.
    struct StrategySpec {
        /// Which strategy.
        kind: Option<Located<String>> = optional "type",
        /// Resources scored.
        resources: Vec<ResourceSpec> = defaulted "resources",
        /// Shape, for RequestedToCapacityRatio.
        ratio: Option<RatioSpec> = optional "requestedToCapacityRatio",
    }
}

/// Arguments of one plugin. Every kind of arguments may repeat its apiVersion and kind.
fn arguments(
    plugin: &PluginConfig,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) -> Option<PluginArgs> {
    let path = format!("pluginConfig.{}.args", plugin.name.value);
    let Some(args) = default_args(&plugin.name.value) else {
        if let Err(unknown) = plugins::find(&plugin.name.value) {
            let message = format!("plugin `{}` is unknown", short(&plugin.name.value));
            let finding = Diagnostic::error(codes::UNKNOWN_PLUGIN, plugin.name.span, message);
            let help = unknown.suggestion.map_or_else(
                || "only kube-scheduler's own plugins can be simulated; `wavetank policies` lists them".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            found.push(finding.at("pluginConfig").help(format!("{help}; or {SKIP}")));
            return None;
        }
        let at = plugin.args.as_ref().map_or(plugin.name.span, |args| args.span);
        let message = format!("arguments of {} have no effect in a simulation", plugin.name.value);
        found.push(Diagnostic::new(Severity::Note, codes::NO_EFFECT, Some(at), message));
        return None;
    };
    let node = plugin.args.as_ref()?;
    let mut fields = Fields::open(node, &path, found)?;
    fields.raw("apiVersion");
    fields.raw("kind");
    let read = read_arguments(args, &mut fields, symbols);
    fields.finish();
    read
}

fn read_arguments(
    args: PluginArgs,
    fields: &mut Fields<'_>,
    symbols: &mut Symbols,
) -> Option<PluginArgs> {
    Some(match args {
        PluginArgs::NodeResourcesFit { strategy, resources, .. } => {
            let ignored_resources = fields.defaulted::<Vec<String>>("ignoredResources");
            let ignored_groups = fields.defaulted::<Vec<String>>("ignoredResourceGroups");
            let chosen = fields.optional::<StrategySpec>("scoringStrategy")?;
            let (strategy, resources) = match chosen {
                Some(chosen) => fit(&chosen, resources, fields)?,
                None => (strategy, resources),
            };
            PluginArgs::NodeResourcesFit {
                strategy,
                resources,
                ignored_resources: ignored_resources?,
                ignored_groups: ignored_groups?,
            }
        }
        PluginArgs::NodeResourcesBalancedAllocation { resources } => {
            let list = fields.defaulted::<Vec<ResourceSpec>>("resources")?;
            PluginArgs::NodeResourcesBalancedAllocation { resources: weights(&list, resources) }
        }
        PluginArgs::WeightedResources { resources } => {
            let list = fields.defaulted::<Vec<ResourceSpec>>("resources")?;
            PluginArgs::WeightedResources { resources: weights(&list, resources) }
        }
        PluginArgs::PodTopologySpread { .. } => spread_defaults(fields, symbols)?,
        PluginArgs::NodeAffinity { .. } => {
            let added = fields.optional::<Added>("addedAffinity")?;
            added_affinity(added.as_ref(), symbols)
        }
        PluginArgs::InterPodAffinity { hard_pod_affinity_weight, .. } => {
            let weight = fields.optional::<u32>("hardPodAffinityWeight")?;
            let ignore = fields.optional::<bool>("ignorePreferredTermsOfExistingPods")?;
            PluginArgs::InterPodAffinity {
                hard_pod_affinity_weight: weight.map_or(hard_pod_affinity_weight, i64::from),
                ignore_preferred_terms_of_existing_pods: ignore.unwrap_or(false),
            }
        }
        PluginArgs::DefaultPreemption {
            min_candidate_nodes_percentage,
            min_candidate_nodes_absolute,
        } => {
            let percentage = fields.optional::<u32>("minCandidateNodesPercentage")?;
            let absolute = fields.optional::<u32>("minCandidateNodesAbsolute")?;
            PluginArgs::DefaultPreemption {
                min_candidate_nodes_percentage: percentage
                    .map_or(min_candidate_nodes_percentage, i64::from),
                min_candidate_nodes_absolute: absolute
                    .map_or(min_candidate_nodes_absolute, i64::from),
            }
        }
    })
}

/// Arguments of PodTopologySpread.
fn spread_defaults(fields: &mut Fields<'_>, symbols: &mut Symbols) -> Option<PluginArgs> {
    let defaulting = fields.optional::<Defaulting>("defaultingType")?;
    let given = fields.raw("defaultConstraints");
    let list = fields.defaulted::<Vec<Constraint>>("defaultConstraints")?;
    let metadata = Default::default();
    let list = list.iter().map(|c| pods::spread_constraint(symbols, &c.0, &metadata));
    let defaults = match defaulting.unwrap_or(Defaulting::System) {
        Defaulting::List => SpreadDefaults::List(list.collect()),
        Defaulting::System => {
            if let Some(given) = given.filter(|_| list.len() > 0) {
                let message = "with defaultingType System the constraints are Kubernetes' own";
                let help = "write defaultingType: List, or remove defaultConstraints";
                let finding = Diagnostic::error(codes::CONFLICT, given.span, message);
                fields.found().push(finding.at("defaultConstraints").help(help));
            }
            SpreadDefaults::System
        }
    };
    Some(PluginArgs::PodTopologySpread { defaults })
}

fn fit(
    chosen: &StrategySpec,
    defaults: Vec<ResourceWeight>,
    fields: &mut Fields<'_>,
) -> Option<(FitStrategy, Vec<ResourceWeight>)> {
    const KNOWN: &[&str] = &["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"];
    let resources = weights(&chosen.resources, defaults);
    let name = chosen.kind.as_ref().map_or(KNOWN[0], |kind| kind.value.as_str());
    let strategy = match name {
        "LeastAllocated" => FitStrategy::LeastAllocated,
        "MostAllocated" => FitStrategy::MostAllocated,
        "RequestedToCapacityRatio" => {
            let shape = chosen.ratio.iter().flat_map(|ratio| &ratio.shape);
            let shape = shape.map(|point| ShapePoint {
                utilization: i64::from(point.utilization),
                score: i64::from(point.score),
            });
            FitStrategy::RequestedToCapacityRatio(shape.collect())
        }
        other => {
            let span = chosen.kind.as_ref().map_or(chosen.span, |kind| kind.span);
            let message = format!("unknown scoring strategy \"{other}\"");
            let help = crate::base::diag::suggest(other, KNOWN);
            fields.found().push(
                Diagnostic::error(codes::UNKNOWN_WORD, span, message)
                    .at("scoringStrategy.type")
                    .maybe_help(help),
            );
            return None;
        }
    };
    Some((strategy, resources))
}

/// Weights as given, the defaults where none are.
fn weights(list: &[ResourceSpec], defaults: Vec<ResourceWeight>) -> Vec<ResourceWeight> {
    if list.is_empty() {
        return defaults;
    }
    list.iter()
        .map(|resource| ResourceWeight {
            name: resource.name.clone(),
            weight: resource.weight.filter(|w| *w > 0).map_or(DEFAULT_WEIGHT, i64::from),
        })
        .collect()
}

/// `defaultingType`.
#[derive(Clone, Copy)]
enum Defaulting {
    System,
    List,
}

impl Read for Defaulting {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let words = [("System", Self::System), ("List", Self::List)];
        word(node, path, ("defaultingType", &words), found)
    }
}

/// A default constraint of PodTopologySpread.
struct Constraint(TopologySpreadConstraint);

impl Read for Constraint {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let rules = Rules::Strict;
        let constraint = crate::scenario::de::read(node, path, rules, found)?;
        let before = found.error_count();
        check_default_constraint(&constraint, &Cursor::root(node, path), found);
        (found.error_count() == before).then_some(Self(constraint))
    }
}

/// `addedAffinity`.
struct Added(NodeAffinity);

impl Read for Added {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let added = crate::scenario::de::read(node, path, Rules::Strict, found)?;
        check_node_affinity(&added, &Cursor::root(node, path), Rules::Strict, found);
        Some(Self(added))
    }
}

fn added_affinity(added: Option<&Added>, symbols: &mut Symbols) -> PluginArgs {
    let Some(Added(added)) = added else {
        return PluginArgs::NodeAffinity { required: None, preferred: Vec::new() };
    };
    let required = added.required_during_scheduling_ignored_during_execution.as_ref();
    let required = required.map(|selector| {
        selector.node_selector_terms.iter().map(|term| symbols.node_term(term)).collect()
    });
    let preferred = added
        .preferred_during_scheduling_ignored_during_execution
        .iter()
        .flatten()
        .map(|p| Weighted { weight: i64::from(p.weight), term: symbols.node_term(&p.preference) })
        .collect();
    PluginArgs::NodeAffinity { required, preferred }
}
