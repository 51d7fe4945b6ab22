//! Recorded Kubernetes objects as a model.

use serde_json::Value;

use crate::base::quantity::Quantity;
use crate::base::time::SimTime;
use crate::model::{
    AffinityTerm, FitStrategy, HostPort, InclusionPolicy, LabelSelector, Labels, Model, Namespace,
    NamespaceId, NodeId, NodeSelectorTerm, Operator, PluginArgs, PodAffinity, Profile, Protocol,
    Requirement, ResourceId, ResourceWeight, Resources, Service, ShapePoint, SpreadConstraint,
    SpreadDefaults, Taint, TaintEffect, TemplateId, Toleration, TolerationOperator, Weighted,
    WorkloadKind,
};
use crate::scheduling::config::{RawPoint, RawProfile, default_args, merge_profile};
use crate::scheduling::framework::Point;
use crate::scheduling::preemption::DisruptionBudget;
use crate::scheduling::testing::ModelBuilder;

/// A pod that is on a node from the start.
pub(super) struct Bound {
    pub(super) name: String,
    pub(super) node: NodeId,
    pub(super) template: TemplateId,
    pub(super) terminating: bool,
    pub(super) started: SimTime,
}

/// `status.startTime` in nanoseconds since 1970.
fn start_time(pod: &Value) -> SimTime {
    let Some(text) = pod["status"]["startTime"].as_str() else { return SimTime::MAX };
    let time: jiff::Timestamp = text.parse().expect("a time");
    SimTime::from_nanos(u64::try_from(time.as_nanosecond()).expect("after 1970"))
}

/// The input of a case.
pub(super) struct Case {
    pub(super) model: Model,
    pub(super) profile: Profile,
    pub(super) bound: Vec<Bound>,
    pub(super) incoming: Vec<(String, TemplateId)>,
    /// Budgets, with the names of the pods they are done with.
    pub(super) budgets: Vec<(DisruptionBudget, Vec<String>)>,
}

/// The texts of a list; empty if there is none.
pub(super) fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, default: &'a str) -> &'a str {
    value.as_str().unwrap_or(default)
}

fn amount(value: &Value) -> Quantity {
    match value {
        Value::String(text) => text.parse().expect("a quantity"),
        other => other.to_string().parse().expect("a quantity"),
    }
}

impl Case {
    pub(super) fn new(case: &Value) -> Self {
        let mut reader = Reader { builder: ModelBuilder::new(), owners: Vec::new() };
        for namespace in items(&case["namespaces"]) {
            let labels = reader.labels(&namespace["metadata"]["labels"]);
            let id = reader.namespace(text(&namespace["metadata"]["name"], ""));
            reader.builder.model.namespaces[id].labels = labels;
        }
        items(&case["nodes"]).for_each(|node| reader.node(node));
        for service in items(&case["services"]) {
            let namespace = reader.namespace(text(&service["metadata"]["namespace"], "default"));
            let selector = reader.set_selector(&service["spec"]["selector"]);
            reader.builder.model.services.push(Service {
                namespace,
                name: text(&service["metadata"]["name"], "").into(),
                selector,
                publish_not_ready_addresses: false,
            });
        }
        for (list, kind) in [
            ("replicationControllers", "ReplicationController"),
            ("replicaSets", "ReplicaSet"),
            ("statefulSets", "StatefulSet"),
        ] {
            for owner in items(&case[list]) {
                let selector = match kind {
                    "ReplicationController" => reader.set_selector(&owner["spec"]["selector"]),
                    _ => reader.selector(&owner["spec"]["selector"]),
                };
                let key = owner_key(kind, &owner["metadata"], text(&owner["metadata"]["name"], ""));
                reader.owners.push((key, selector));
            }
        }
        let mut bound = Vec::new();
        for pod in items(&case["pods"]) {
            let node = reader.builder.symbol(text(&pod["spec"]["nodeName"], ""));
            let on = reader.builder.model.nodes.iter().find(|(_, spec)| spec.name_symbol == node);
            let Some(node) = on.map(|(id, _)| id) else { continue };
            let (name, template) = reader.pod(pod);
            reader.builder.spec(template).node_name = None;
            let terminating = !pod["metadata"]["deletionTimestamp"].is_null();
            let started = start_time(pod);
            bound.push(Bound { name, node, template, terminating, started });
        }
        let incoming = items(&case["incoming"]).map(|pod| reader.pod(pod)).collect();
        let profile = reader.profile(&case["config"]["profiles"][0]);
        let budgets = items(&case["pdbs"]).map(|budget| reader.budget(budget)).collect();
        Self { model: reader.builder.model, profile, bound, incoming, budgets }
    }
}

fn owner_key(kind: &str, metadata: &Value, name: &str) -> String {
    format!("{kind} {}/{name}", text(&metadata["namespace"], "default"))
}

struct Reader {
    builder: ModelBuilder,
    owners: Vec<(String, LabelSelector)>,
}

impl Reader {
    fn namespace(&mut self, name: &str) -> NamespaceId {
        let namespaces = &mut self.builder.model.namespaces;
        let known = namespaces.iter().find(|(_, namespace)| namespace.name == name).map(|n| n.0);
        known.unwrap_or_else(|| {
            namespaces.push(Namespace { name: name.into(), labels: Labels::default() })
        })
    }

    fn labels(&mut self, map: &Value) -> Labels {
        let pairs =
            map.as_object().into_iter().flatten().map(|(key, value)| {
                (self.builder.symbol(key), self.builder.symbol(text(value, "")))
            });
        Labels::from_pairs(pairs.collect::<Vec<_>>())
    }

    fn node(&mut self, node: &Value) {
        let name = text(&node["metadata"]["name"], "");
        let id = self.builder.node(name, "", (0, 0));
        let labels = self.labels(&node["metadata"]["labels"]);
        let mut allocatable = self.resources(&node["status"]["allocatable"]);
        allocatable.pods = match &node["status"]["allocatable"]["pods"] {
            Value::Null => 0,
            pods => amount(pods).value(),
        };
        let taints = items(&node["spec"]["taints"])
            .map(|taint| Taint {
                key: self.builder.symbol(text(&taint["key"], "")),
                value: self.builder.symbol(text(&taint["value"], "")),
                effect: effect(text(&taint["effect"], "")).expect("a taint has an effect"),
            })
            .collect();
        let spec = &mut self.builder.model.nodes[id];
        spec.labels = labels;
        spec.allocatable = allocatable;
        spec.taints = taints;
        spec.unschedulable = node["spec"]["unschedulable"] == true;
    }

    fn resources(&mut self, map: &Value) -> Resources {
        let mut resources = Resources::default();
        for (name, value) in map.as_object().into_iter().flatten() {
            match name.as_str() {
                "cpu" => resources.cpu_milli = amount(value).milli_value(),
                "memory" => resources.memory_bytes = amount(value).value(),
                "ephemeral-storage" => resources.ephemeral_bytes = amount(value).value(),
                "pods" => {}
                _ => {
                    let id = self.scalar(name);
                    resources.set_scalar(id, amount(value).value());
                }
            }
        }
        resources
    }

    fn scalar(&mut self, name: &str) -> ResourceId {
        let known = &mut self.builder.model.scalar_resources;
        let found = known.iter().find(|(_, other)| *other == name).map(|(id, _)| id);
        found.unwrap_or_else(|| known.push(name.into()))
    }

    /// Requests of a whole pod; `defaults` for containers that name no CPU or memory.
    fn pod_requests(&mut self, spec: &Value, defaults: bool, pod_level: bool) -> Resources {
        let mut of = |container: &Value| {
            let requests = &container["resources"]["requests"];
            let mut resources = self.resources(requests);
            if defaults && requests["cpu"].is_null() && !(pod_level && names(spec, "cpu")) {
                resources.cpu_milli = 100;
            }
            if defaults && requests["memory"].is_null() && !(pod_level && names(spec, "memory")) {
                resources.memory_bytes = 200 << 20;
            }
            resources
        };
        let mut total = Resources::default();
        items(&spec["containers"]).for_each(|container| total.add(&of(container)));
        let mut sidecars = Resources::default();
        let mut peak = Resources::default();
        for container in items(&spec["initContainers"]) {
            let own = of(container);
            if container["restartPolicy"] == "Always" {
                total.add(&own);
                sidecars.add(&own);
                peak.max_with(&sidecars);
            } else {
                let mut step = own;
                step.add(&sidecars);
                peak.max_with(&step);
            }
        }
        total.max_with(&peak);
        if pod_level {
            let whole = &spec["resources"]["requests"];
            let given = self.resources(whole);
            if names(spec, "cpu") {
                total.cpu_milli = given.cpu_milli;
            }
            if names(spec, "memory") {
                total.memory_bytes = given.memory_bytes;
            }
            for (id, amount) in given.scalars {
                total.set_scalar(id, amount);
            }
        }
        let overhead = self.resources(&spec["overhead"]);
        total.add(&overhead);
        total
    }

    fn pod(&mut self, pod: &Value) -> (String, TemplateId) {
        let (metadata, spec) = (&pod["metadata"], &pod["spec"]);
        let namespace_name = text(&metadata["namespace"], "default");
        let namespace = self.namespace(namespace_name);
        let template = self.builder.template("", (0, 0));
        let labels = self.labels(&metadata["labels"]);
        let requests = self.pod_requests(spec, false, true);
        let incoming = self.pod_requests(spec, true, false);
        let on_node = self.pod_requests(spec, true, true);
        let node_name = spec["nodeName"].as_str().map(|name| self.builder.symbol(name));
        let selector = self.labels(&spec["nodeSelector"]);
        let affinity = &spec["affinity"];
        let node_affinity = &affinity["nodeAffinity"];
        let required = &node_affinity["requiredDuringSchedulingIgnoredDuringExecution"];
        let required =
            (!required.is_null()).then(|| self.node_terms(&required["nodeSelectorTerms"]));
        let preferred = self.preferred_nodes(node_affinity);
        let tolerations = items(&spec["tolerations"]).map(|t| self.toleration(t)).collect();
        let spread = items(&spec["topologySpreadConstraints"])
            .map(|constraint| self.spread(constraint, &labels))
            .collect();
        let pod_affinity = self.pod_affinity(affinity, namespace);
        let host_ports = self.host_ports(spec);
        let owner = items(&metadata["ownerReferences"]).find(|owner| owner["controller"] == true);
        let owner = owner.and_then(|owner| {
            let key = owner_key(text(&owner["kind"], ""), metadata, text(&owner["name"], ""));
            self.owners
                .iter()
                .find(|(other, _)| *other == key)
                .map(|(_, selector)| selector.clone())
        });
        let built = self.builder.spec(template);
        let workload = built.workload;
        built.namespace = namespace;
        built.labels = labels;
        built.requests = requests;
        (built.score_cpu_milli, built.score_memory_bytes) =
            (incoming.cpu_milli, incoming.memory_bytes);
        (built.node_cpu_milli, built.node_memory_bytes) = (on_node.cpu_milli, on_node.memory_bytes);
        built.node_name = node_name;
        built.node_selector = selector.iter().collect();
        built.node_affinity = required;
        built.node_affinity_preferred = preferred;
        built.tolerations = tolerations;
        built.spread = spread;
        built.pod_affinity = pod_affinity;
        built.host_ports = host_ports;
        built.priority = spec["priority"].as_i64().map_or(0, |p| i32::try_from(p).unwrap());
        built.flags.never_preempts = spec["preemptionPolicy"] == "Never";
        built.flags.gated = items(&spec["schedulingGates"]).next().is_some();
        if let Some(selector) = owner {
            let workload = &mut self.builder.model.workloads[workload];
            workload.kind = WorkloadKind::ReplicaSet;
            workload.selector = selector;
        }
        (format!("{namespace_name}/{}", text(&metadata["name"], "")), template)
    }

    fn host_ports(&mut self, spec: &Value) -> Vec<HostPort> {
        let sidecars = items(&spec["initContainers"])
            .filter(|container| container["restartPolicy"] == "Always");
        let mut ports = Vec::new();
        for port in items(&spec["containers"]).chain(sidecars).flat_map(|c| items(&c["ports"])) {
            let Some(number) = port["hostPort"].as_i64().filter(|&number| number > 0) else {
                continue;
            };
            let ip = Some(text(&port["hostIP"], "")).filter(|ip| !matches!(*ip, "" | "0.0.0.0"));
            ports.push(HostPort {
                ip: ip.map(|ip| self.builder.symbol(ip)),
                protocol: match text(&port["protocol"], "TCP") {
                    "UDP" => Protocol::Udp,
                    "SCTP" => Protocol::Sctp,
                    _ => Protocol::Tcp,
                },
                port: i32::try_from(number).unwrap(),
            });
        }
        ports
    }

    fn toleration(&mut self, toleration: &Value) -> Toleration {
        let key = text(&toleration["key"], "");
        Toleration {
            key: (!key.is_empty()).then(|| self.builder.symbol(key)),
            operator: match text(&toleration["operator"], "Equal") {
                "Exists" => TolerationOperator::Exists,
                _ => TolerationOperator::Equal,
            },
            value: self.builder.symbol(text(&toleration["value"], "")),
            effect: effect(text(&toleration["effect"], "")),
            seconds: None,
        }
    }

    fn requirement(&mut self, expression: &Value, checked: bool) -> Requirement {
        let values = strings(&expression["values"]);
        let number = || values.first().filter(|v| is_label_value(v)).and_then(|v| v.parse().ok());
        let operator = match text(&expression["operator"], "") {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            "Gt" => number().map_or(Operator::Invalid, Operator::Gt),
            "Lt" => number().map_or(Operator::Invalid, Operator::Lt),
            other => panic!("operator {other}"),
        };
        let invalid = checked && !values.iter().all(|value| is_label_value(value));
        let mut values: Vec<_> = values.iter().map(|value| self.builder.symbol(value)).collect();
        values.sort_unstable();
        Requirement {
            key: self.builder.symbol(text(&expression["key"], "")),
            operator: if invalid { Operator::Invalid } else { operator },
            values,
        }
    }

    /// The selector of a Service or ReplicationController: a set of labels, absent if empty.
    fn set_selector(&mut self, map: &Value) -> LabelSelector {
        if map.as_object().is_none_or(serde_json::Map::is_empty) {
            return LabelSelector::none();
        }
        self.selector(&serde_json::json!({ "matchLabels": map }))
    }

    fn selector(&mut self, selector: &Value) -> LabelSelector {
        if selector.is_null() {
            return LabelSelector::none();
        }
        let mut requirements = Vec::new();
        for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
            requirements.push(self.builder.requirement(key, text(value, "")));
        }
        for expression in items(&selector["matchExpressions"]) {
            requirements.push(self.requirement(expression, false));
        }
        LabelSelector { nothing: false, requirements }
    }

    fn node_term(&mut self, term: &Value) -> NodeSelectorTerm {
        NodeSelectorTerm {
            expressions: items(&term["matchExpressions"])
                .map(|expression| self.requirement(expression, true))
                .collect(),
            names: items(&term["matchFields"])
                .map(|field| {
                    let names = strings(&field["values"]);
                    let names = names.iter().map(|name| self.builder.symbol(name)).collect();
                    (field["operator"] == "In", names)
                })
                .collect(),
        }
    }

    fn node_terms(&mut self, terms: &Value) -> Vec<NodeSelectorTerm> {
        items(terms).map(|term| self.node_term(term)).collect()
    }

    fn preferred_nodes(&mut self, affinity: &Value) -> Vec<Weighted<NodeSelectorTerm>> {
        items(&affinity["preferredDuringSchedulingIgnoredDuringExecution"])
            .map(|entry| Weighted {
                weight: entry["weight"].as_i64().unwrap_or(0),
                term: self.node_term(&entry["preference"]),
            })
            .collect()
    }

    fn spread(&mut self, constraint: &Value, labels: &Labels) -> SpreadConstraint {
        let mut selector = self.selector(&constraint["labelSelector"]);
        for key in strings(&constraint["matchLabelKeys"]) {
            let key = self.builder.symbol(&key);
            if let Some(value) = labels.get(key) {
                let values = vec![value];
                selector.requirements.push(Requirement { key, operator: Operator::In, values });
            }
        }
        let policy = |field: &str, default: &str| match text(&constraint[field], default) {
            "Honor" => InclusionPolicy::Honor,
            _ => InclusionPolicy::Ignore,
        };
        SpreadConstraint {
            max_skew: constraint["maxSkew"].as_i64().unwrap(),
            topology_key: self.builder.symbol(text(&constraint["topologyKey"], "")),
            hard: constraint["whenUnsatisfiable"] == "DoNotSchedule",
            selector,
            min_domains: constraint["minDomains"].as_i64().unwrap_or(1),
            node_affinity_policy: policy("nodeAffinityPolicy", "Honor"),
            node_taints_policy: policy("nodeTaintsPolicy", "Ignore"),
        }
    }

    fn affinity_term(&mut self, term: &Value, own: NamespaceId) -> AffinityTerm {
        let mut namespaces: Vec<NamespaceId> =
            strings(&term["namespaces"]).iter().map(|name| self.namespace(name)).collect();
        if namespaces.is_empty() && term["namespaceSelector"].is_null() {
            namespaces.push(own);
        }
        namespaces.sort_unstable();
        let by_labels = &term["namespaceSelector"];
        AffinityTerm {
            topology_key: self.builder.symbol(text(&term["topologyKey"], "")),
            selector: self.selector(&term["labelSelector"]),
            namespaces,
            namespace_selector: (!by_labels.is_null()).then(|| self.selector(by_labels)),
        }
    }

    fn pod_affinity(&mut self, affinity: &Value, own: NamespaceId) -> PodAffinity {
        let mut required = |kind: &str| -> Vec<AffinityTerm> {
            items(&affinity[kind]["requiredDuringSchedulingIgnoredDuringExecution"])
                .map(|term| self.affinity_term(term, own))
                .collect()
        };
        let (near, apart) = (required("podAffinity"), required("podAntiAffinity"));
        let mut preferred = |kind: &str| -> Vec<Weighted<AffinityTerm>> {
            items(&affinity[kind]["preferredDuringSchedulingIgnoredDuringExecution"])
                .map(|entry| Weighted {
                    weight: entry["weight"].as_i64().unwrap_or(0),
                    term: self.affinity_term(&entry["podAffinityTerm"], own),
                })
                .collect()
        };
        PodAffinity {
            required: near,
            anti_required: apart,
            preferred: preferred("podAffinity"),
            anti_preferred: preferred("podAntiAffinity"),
        }
    }

    fn budget(&mut self, budget: &Value) -> (DisruptionBudget, Vec<String>) {
        let metadata = &budget["metadata"];
        let namespace_name = text(&metadata["namespace"], "default").to_owned();
        let namespace = self.namespace(&namespace_name);
        let selector = self.selector(&budget["spec"]["selector"]);
        let mut compiled = DisruptionBudget::new(&self.builder.model, namespace, &selector);
        let status = &budget["status"];
        let allowed = status["disruptionsAllowed"].as_i64().unwrap_or(0);
        compiled.allowed = i32::try_from(allowed).expect("a 32-bit number");
        let disrupted = status["disruptedPods"].as_object().into_iter().flatten();
        (compiled, disrupted.map(|(name, _)| format!("{namespace_name}/{name}")).collect())
    }

    fn profile(&mut self, profile: &Value) -> Profile {
        let point = |value: &Value| RawPoint {
            enabled: items(&value["enabled"])
                .map(|entry| (text(&entry["name"], "").to_owned(), entry["weight"].as_i64()))
                .collect(),
            disabled: items(&value["disabled"]).map(|e| text(&e["name"], "").to_owned()).collect(),
        };
        let lists = &profile["plugins"];
        let args = items(&profile["pluginConfig"])
            .filter_map(|entry| {
                let name = text(&entry["name"], "").to_owned();
                let args = self.args(&name, &entry["args"])?;
                Some((name, args))
            })
            .collect();
        let raw = RawProfile {
            scheduler_name: profile["schedulerName"].as_str().map(str::to_owned),
            // Every case but those of family `sampling` looks at all nodes.
            percentage_of_nodes_to_score: Some(100),
            multi_point: point(&lists["multiPoint"]),
            points: Point::ALL.into_iter().map(|at| (at, point(&lists[at.name()]))).collect(),
            args,
        };
        let mut merged = merge_profile(&raw).expect("recorded configurations are valid");
        // Every recorded case examines all potential nodes.
        merged.args.retain(|(name, _)| name != "DefaultPreemption");
        let all = PluginArgs::DefaultPreemption {
            min_candidate_nodes_percentage: 100,
            min_candidate_nodes_absolute: 1,
        };
        merged.args.push(("DefaultPreemption".to_owned(), all));
        merged
    }

    fn args(&mut self, plugin: &str, args: &Value) -> Option<PluginArgs> {
        let weights = |list: &Value, default: Vec<ResourceWeight>| -> Vec<ResourceWeight> {
            if list.is_null() {
                return default;
            }
            items(list)
                .map(|entry| ResourceWeight {
                    name: text(&entry["name"], "").into(),
                    weight: entry["weight"].as_i64().filter(|&w| w != 0).unwrap_or(1),
                })
                .collect()
        };
        Some(match default_args(plugin)? {
            PluginArgs::NodeResourcesFit { resources, .. } => {
                let strategy = &args["scoringStrategy"];
                let shape =
                    items(&strategy["requestedToCapacityRatio"]["shape"]).map(|point| ShapePoint {
                        utilization: point["utilization"].as_i64().unwrap_or(0),
                        score: point["score"].as_i64().unwrap_or(0),
                    });
                PluginArgs::NodeResourcesFit {
                    resources: weights(&strategy["resources"], resources),
                    strategy: match text(&strategy["type"], "LeastAllocated") {
                        "MostAllocated" => FitStrategy::MostAllocated,
                        "RequestedToCapacityRatio" => {
                            FitStrategy::RequestedToCapacityRatio(shape.collect())
                        }
                        _ => FitStrategy::LeastAllocated,
                    },
                    ignored_resources: strings(&args["ignoredResources"]),
                    ignored_groups: strings(&args["ignoredResourceGroups"]),
                }
            }
            PluginArgs::NodeResourcesBalancedAllocation { resources } => {
                let resources = weights(&args["resources"], resources);
                PluginArgs::NodeResourcesBalancedAllocation { resources }
            }
            PluginArgs::PodTopologySpread { .. } => PluginArgs::PodTopologySpread {
                defaults: match text(&args["defaultingType"], "System") {
                    "List" => SpreadDefaults::List(
                        items(&args["defaultConstraints"])
                            .map(|constraint| self.spread(constraint, &Labels::default()))
                            .collect(),
                    ),
                    _ => SpreadDefaults::System,
                },
            },
            PluginArgs::NodeAffinity { .. } => {
                let added = &args["addedAffinity"];
                let required = &added["requiredDuringSchedulingIgnoredDuringExecution"];
                PluginArgs::NodeAffinity {
                    required: (!required.is_null())
                        .then(|| self.node_terms(&required["nodeSelectorTerms"])),
                    preferred: self.preferred_nodes(added),
                }
            }
            PluginArgs::InterPodAffinity { .. } => PluginArgs::InterPodAffinity {
                hard_pod_affinity_weight: args["hardPodAffinityWeight"].as_i64().unwrap_or(1),
                ignore_preferred_terms_of_existing_pods: args["ignorePreferredTermsOfExistingPods"]
                    == true,
            },
            preemption @ PluginArgs::DefaultPreemption { .. } => preemption,
        })
    }
}

/// Whether pod-level requests name a resource.
fn names(spec: &Value, resource: &str) -> bool {
    !spec["resources"]["requests"][resource].is_null()
}

fn effect(name: &str) -> Option<TaintEffect> {
    match name {
        "NoSchedule" => Some(TaintEffect::NoSchedule),
        "PreferNoSchedule" => Some(TaintEffect::PreferNoSchedule),
        "NoExecute" => Some(TaintEffect::NoExecute),
        _ => None,
    }
}

fn is_label_value(value: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    value.len() <= 63
        && edge(value.chars().next())
        && edge(value.chars().last())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
