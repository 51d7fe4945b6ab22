//! `KubeSchedulerConfiguration`, as kube-scheduler reads it from its `--config` file.

use crate::base::diag::{Diagnostic, Diagnostics, Severity, codes};
use crate::scenario::node::{Node, short};
use crate::scenario::read::{Fields, Located, Read, record, wrong};

/// The API version that is read; older betas are accepted with a note.
const API_VERSION: &str = "kubescheduler.config.k8s.io/v1";
const OLD_API_VERSIONS: &[&str] =
    &["kubescheduler.config.k8s.io/v1beta3", "kubescheduler.config.k8s.io/v1beta2"];

/// Whether a document's `apiVersion` and `kind` mean a scheduler configuration.
#[must_use]
pub fn is_scheduler_config(api_version: &str, kind: &str) -> bool {
    kind == "KubeSchedulerConfiguration" || api_version.starts_with("kubescheduler.config.k8s.io/")
}

/// The names under which plugins are enabled and disabled.
pub const EXTENSION_POINTS: &[&str] = &[
    "multiPoint",
    "preEnqueue",
    "queueSort",
    "preFilter",
    "filter",
    "postFilter",
    "preScore",
    "score",
    "reserve",
    "permit",
    "preBind",
    "bind",
    "postBind",
];

/// `podInitialBackoffSeconds` where none is given.
pub const INITIAL_BACKOFF_S: u32 = 1;
/// `podMaxBackoffSeconds` where none is given.
pub const MAX_BACKOFF_S: u32 = 10;

record! {
    /// The scheduler's configuration; what is absent is kube-scheduler's default.
    pub struct SchedulerConfig {
        /// API version, may be left out inline.
        pub api_version: Option<Located<String>> = optional "apiVersion",
        /// Kind, may be left out inline.
        pub kind: Option<Located<String>> = optional "kind",
        /// Number of parallel workers; without effect on decisions.
        pub parallelism: Option<Located<u32>> = optional "parallelism",
        /// Share of the nodes that is scored, in percent; 0 means adaptive.
        pub percentage_of_nodes_to_score: Option<Located<u32>> = optional "percentageOfNodesToScore",
        /// First back-off of an unschedulable pod.
        pub pod_initial_backoff_seconds: Option<Located<u32>> = optional "podInitialBackoffSeconds",
        /// Longest back-off of an unschedulable pod.
        pub pod_max_backoff_seconds: Option<Located<u32>> = optional "podMaxBackoffSeconds",
        /// Leader election, read but not interpreted here.
        pub leader_election: Option<Node> = optional "leaderElection",
        /// Client connection, read but not interpreted here.
        pub client_connection: Option<Node> = optional "clientConnection",
        /// Address of the health endpoint, without effect.
        pub health_bind_address: Option<Node> = optional "healthzBindAddress",
        /// Address of the metrics endpoint, without effect.
        pub metrics_bind_address: Option<Node> = optional "metricsBindAddress",
        /// Profiling, without effect.
        pub enable_profiling: Option<bool> = optional "enableProfiling",
        /// Contention profiling, without effect.
        pub enable_contention_profiling: Option<bool> = optional "enableContentionProfiling",
        /// Whether the informer cache waits until it is used.
        pub delay_cache_until_active: Option<bool> = optional "delayCacheUntilActive",
        /// One or more profiles.
        pub profiles: Vec<Profile> = defaulted "profiles",
        /// Extenders, which are processes of their own and cannot be simulated.
        pub extenders: Vec<Located<Node>> = defaulted "extenders",
    }
}

record! {
    /// One scheduler among those that share the queue.
    pub struct Profile {
        /// The name that pods ask for; `default-scheduler` when absent.
        pub scheduler_name: Option<Located<String>> = optional "schedulerName",
        /// Overrides the configuration's.
        pub percentage_of_nodes_to_score: Option<Located<u32>> = optional "percentageOfNodesToScore",
        /// Plugins by extension point.
        pub plugins: Plugins = defaulted "plugins",
        /// Arguments of plugins.
        pub plugin_config: Vec<PluginConfig> = defaulted "pluginConfig",
    }
}

/// Plugins enabled and disabled, by extension point in the order of [`EXTENSION_POINTS`].
#[derive(Clone, Debug, Default)]
pub struct Plugins {
    /// The points given.
    pub points: Vec<(&'static str, PluginSet)>,
}

impl Read for Plugins {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let mut points = Vec::new();
        for point in EXTENSION_POINTS {
            if let Some(set) = fields.optional(point).flatten() {
                points.push((*point, set));
            }
        }
        fields.finish();
        Some(Self { points })
    }
}

record! {
    /// Plugins enabled and disabled at one extension point.
    pub struct PluginSet {
        /// Enabled, in order.
        pub enabled: Vec<PluginRef> = defaulted "enabled",
        /// Disabled; `*` means all defaults.
        pub disabled: Vec<PluginRef> = defaulted "disabled",
    }
}

record! {
    /// A plugin by name.
    pub struct PluginRef {
        /// Its name.
        pub name: Located<String> = required "name",
        /// Its weight among the scores; 1 when absent or 0.
        pub weight: Option<Located<u32>> = optional "weight",
    }
}

record! {
    /// Arguments of a plugin.
    pub struct PluginConfig {
        /// The plugin's name.
        pub name: Located<String> = required "name",
        /// Its arguments, checked by the plugin itself.
        pub args: Option<Node> = optional "args",
    }
}

impl SchedulerConfig {
    /// Checks apiVersion and kind where given, profile names and percentages.
    pub fn check(&self, found: &mut Diagnostics) {
        if let Some(kind) = self.kind.as_ref().filter(|k| k.value != "KubeSchedulerConfiguration") {
            let node = Node::text_at(kind.span, kind);
            let message = format!("unexpected kind \"{}\"", short(kind));
            let help = "write kind: KubeSchedulerConfiguration";
            found.push(wrong(codes::BAD_KIND, &node, "kind", message).help(help));
        }
        if let Some(version) = self.api_version.as_ref().filter(|v| v.value != API_VERSION) {
            if OLD_API_VERSIONS.contains(&version.as_str()) {
                let message = format!("{} is old; read as {API_VERSION}", version.value);
                let code = codes::OLD_API_VERSION;
                found.push(Diagnostic::new(Severity::Note, code, Some(version.span), message));
            } else {
                let message = format!("unknown apiVersion \"{}\"", short(version));
                found.push(
                    Diagnostic::error(codes::BAD_API_VERSION, version.span, message)
                        .at("apiVersion")
                        .help(format!("write apiVersion: {API_VERSION}")),
                );
            }
        }
        self.check_numbers(found);
        let of_profiles = self.profiles.iter().map(|p| &p.percentage_of_nodes_to_score);
        for share in of_profiles.chain([&self.percentage_of_nodes_to_score]).flatten() {
            if share.value > 100 {
                let message = format!("{} is not a percentage", share.value);
                found.push(
                    Diagnostic::error(codes::OUT_OF_RANGE, share.span, message)
                        .at("percentageOfNodesToScore")
                        .help("write 0 (adaptive) to 100"),
                );
            }
        }
        let mut names: Vec<(&str, crate::base::diag::Span)> = Vec::new();
        for profile in &self.profiles {
            let name = profile.scheduler_name.as_ref();
            if let Some(name) = name.filter(|name| name.value.is_empty()) {
                let message = "a profile's schedulerName is empty";
                let help = "name the scheduler, or leave schedulerName out for default-scheduler";
                let finding = Diagnostic::error(codes::BAD_NAME, name.span, message);
                found.push(finding.at("profiles").help(help));
            }
            let span = name.map_or(profile.span, |name| name.span);
            let name = name.map_or("default-scheduler", |name| name.value.as_str());
            if let Some((_, first)) = names.iter().find(|(other, _)| *other == name) {
                let message = format!("two profiles are named \"{}\"", short(name));
                found.push(
                    Diagnostic::error(codes::DUPLICATE_NAME, span, message)
                        .at("profiles")
                        .related(*first, "first given here")
                        .help("give each profile a schedulerName of its own"),
                );
            }
            names.push((name, span));
        }
    }

    /// What kube-scheduler demands of numbers.
    fn check_numbers(&self, found: &mut Diagnostics) {
        let first = self.pod_initial_backoff_seconds.as_ref();
        let longest = self.pod_max_backoff_seconds.as_ref();
        let positive =
            [("podInitialBackoffSeconds", first), ("parallelism", self.parallelism.as_ref())];
        for (field, number) in positive {
            if let Some(number) = number.filter(|number| number.value == 0) {
                let message = format!("{field} is 0");
                let finding = Diagnostic::error(codes::OUT_OF_RANGE, number.span, message);
                found.push(finding.at(field).help("write 1 or more"));
            }
        }
        let [from, to] = [(first, INITIAL_BACKOFF_S), (longest, MAX_BACKOFF_S)]
            .map(|(given, default)| given.map_or(default, |given| given.value));
        if let Some(given) = longest.or(first).filter(|_| to < from) {
            let message = format!(
                "podMaxBackoffSeconds, {to}, is less than podInitialBackoffSeconds, {from}"
            );
            let finding = Diagnostic::error(codes::OUT_OF_RANGE, given.span, message);
            found.push(finding.at("podMaxBackoffSeconds").help(format!("write {from} or more")));
        }
    }
}
