//! Faults that the scenario injects from outside: the storm.

use super::{
    ConfigKind, ConfigReference, FailureMode, ImageId, Model, NamespaceId, NodeId, TemplateId,
    ThresholdValue, ZoneId,
};
use crate::base::time::{SimDuration, SimTime};
use crate::rng::Distribution;

/// When a fault strikes.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultTiming {
    /// Once, at this instant.
    At(SimTime),
    /// Again and again, this long (seconds) after the last one ended.
    Every(Distribution),
}

/// A share of a set, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(pub u32);

/// A failure process of the nodes that share a failure domain: a node, a rack, a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeFailures {
    /// The nodes of the domain, in order.
    pub nodes: Vec<NodeId>,
    /// What kind of domain it is: `node`, `zone` or the key of a label.
    pub domain: String,
    /// An occurrence strikes only some of them, one after another; absent, all at once.
    pub burst: Option<Burst>,
}

/// How a failure spreads within its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// How many nodes it strikes, drawn by lot.
    pub nodes: u32,
    /// Each is struck at an instant of this time, drawn uniformly.
    pub within: SimDuration,
}

/// Failures recorded elsewhere, one after another.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureTrace {
    /// What tables call the trace.
    pub name: String,
    /// The nodes that may fail, in order.
    pub nodes: Vec<NodeId>,
    /// The failures; at least one, and each lasts.
    pub failures: Vec<TraceFailure>,
    /// Whether they begin anew after the last.
    pub repeat: bool,
}

/// One failure of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceFailure {
    /// How long after the end of the failure before.
    pub after: SimDuration,
    /// How long it lasts.
    pub lasts: SimDuration,
    /// How many nodes fail, drawn by lot.
    pub nodes: u32,
}

impl FailureTrace {
    /// The failure of an occurrence, if the trace has so many.
    #[must_use]
    pub fn failure(&self, occurrence: u32) -> Option<TraceFailure> {
        let place = occurrence as usize;
        let place = if self.repeat { place % self.failures.len() } else { place };
        self.failures.get(place).copied()
    }
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// Every node of a zone loses power; at the end they boot again.
    ZoneOutage {
        /// The zone.
        zone: ZoneId,
    },
    /// Nodes lose power; at the end they boot again.
    NodeCrash {
        /// The nodes.
        nodes: Vec<NodeId>,
    },
    /// Nodes are restarted: they lose power and boot again at once.
    NodeReboot {
        /// The nodes.
        nodes: Vec<NodeId>,
    },
    /// The cloud takes nodes back: after the notice they lose power for good. At the end others
    /// take their names and places.
    SpotReclaim {
        /// The nodes.
        nodes: Vec<NodeId>,
        /// From the notice to the loss of power.
        notice: SimDuration,
    },
    /// The cloud-controller-manager is down.
    CloudControllerManagerOutage,
    /// Nodes of one failure domain lose power; each boots again when it is repaired.
    NodeFailures(NodeFailures),
    /// Nodes lose power as a trace says; each boots again when its failure is over.
    FailureTrace(FailureTrace),
    /// Nodes cannot reach the API server, nor it them; their containers run on.
    NetworkPartition {
        /// The nodes.
        nodes: Vec<NodeId>,
    },
    /// The kubelets of nodes are down; containers run on.
    KubeletCrash {
        /// The nodes.
        nodes: Vec<NodeId>,
    },
    /// The container runtimes of nodes are down; containers run on.
    RuntimeOutage {
        /// The nodes.
        nodes: Vec<NodeId>,
    },
    /// The kube-proxies of nodes are down: the rules of Services stay as they are.
    KubeProxyOutage {
        /// The nodes.
        nodes: Vec<NodeId>,
    },
    /// Everything takes longer on nodes.
    SlowNode {
        /// The nodes.
        nodes: Vec<NodeId>,
        /// What that is to applications: [`FailureMode::Starve`].
        mode: FailureMode,
    },
    /// Somebody outside of pods has filled the disks of nodes.
    DiskFull {
        /// The nodes.
        nodes: Vec<NodeId>,
        /// How much is still available, of all.
        leaves: ThresholdValue,
    },
    /// The connections of nodes' kubelets to the API server hang without an error; new ones work.
    StaleConnections {
        /// The nodes.
        nodes: Vec<NodeId>,
    },
    /// kube-apiserver instances are down.
    ApiServerOutage {
        /// How many; all where absent.
        instances: Option<u32>,
    },
    /// Requests and watch deliveries take longer.
    ApiServerSlow {
        /// How many times as long requests take.
        requests: f64,
        /// How many times as long watch deliveries take.
        watches: f64,
    },
    /// etcd members are down, the leader first.
    EtcdMembersLost {
        /// How many.
        members: u32,
    },
    /// The leading kube-scheduler process dies; its supervisor starts it again at the end.
    SchedulerCrash,
    /// The leading kube-controller-manager process dies.
    ControllerManagerCrash,
    /// A ConfigMap or Secret is not there.
    ConfigMissing {
        /// Its namespace.
        namespace: NamespaceId,
        /// Which kind.
        kind: ConfigKind,
        /// Its name.
        name: String,
    },
    /// A validating or mutating webhook for new pods, with failurePolicy Fail, does not answer.
    WebhookOutage {
        /// Its name, for messages.
        webhook: String,
        /// Namespaces whose pods it is asked about, ascending; all where empty.
        namespaces: Vec<NamespaceId>,
        /// After this long its call has failed.
        timeout: SimDuration,
    },
    /// A registry answers nobody: images can be pulled neither from it nor checked against it.
    RegistryOutage {
        /// The images it has, in order.
        images: Vec<ImageId>,
    },
    /// Pulls from a registry take longer.
    RegistrySlow {
        /// The images it has, in order.
        images: Vec<ImageId>,
        /// Thousandths of the usual time that a pull takes, 1000 or more.
        factor_milli: u32,
        /// Most bytes per second that one node gets.
        bytes_per_s: Option<u64>,
    },
    /// A failure mode strikes containers of the templates named.
    ContainerFault {
        /// Pod templates concerned.
        templates: Vec<TemplateId>,
        /// Container index within the template; all containers where absent.
        container: Option<u32>,
        /// What happens to them.
        mode: FailureMode,
        /// Which share of the running pods, lowest replica ordinals first.
        share: Share,
        /// Pods that start while it lasts are struck as well.
        lasting: bool,
    },
}

/// What kind of thing a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sphere {
    /// Nodes, and what runs on them.
    Nodes,
    /// Containers.
    Containers,
    /// The control plane or another service of the whole cluster, and so everything that needs it.
    ControlPlane,
}

impl FaultKind {
    /// Templates whose containers it strikes.
    #[must_use]
    pub fn templates(&self) -> &[TemplateId] {
        if let Self::ContainerFault { templates, .. } = self { templates } else { &[] }
    }

    /// Nodes that it strikes, in order.
    #[must_use]
    pub fn nodes(&self, model: &Model) -> Vec<NodeId> {
        match self {
            Self::ZoneOutage { zone } => model
                .nodes
                .iter()
                .filter(|(_, node)| node.zone == *zone)
                .map(|(id, _)| id)
                .collect(),
            Self::NodeCrash { nodes }
            | Self::NodeReboot { nodes }
            | Self::SpotReclaim { nodes, .. }
            | Self::KubeletCrash { nodes }
            | Self::KubeProxyOutage { nodes }
            | Self::SlowNode { nodes, .. }
            | Self::DiskFull { nodes, .. }
            | Self::RuntimeOutage { nodes }
            | Self::NetworkPartition { nodes }
            | Self::StaleConnections { nodes } => nodes.clone(),
            Self::NodeFailures(failures) => failures.nodes.clone(),
            Self::FailureTrace(trace) => trace.nodes.clone(),
            Self::ApiServerOutage { .. }
            | Self::ApiServerSlow { .. }
            | Self::EtcdMembersLost { .. }
            | Self::SchedulerCrash
            | Self::ControllerManagerCrash
            | Self::CloudControllerManagerOutage
            | Self::ConfigMissing { .. }
            | Self::WebhookOutage { .. }
            | Self::RegistryOutage { .. }
            | Self::RegistrySlow { .. }
            | Self::ContainerFault { .. } => Vec::new(),
        }
    }

    /// How long before it strikes it is known.
    #[must_use]
    pub fn notice(&self) -> SimDuration {
        if let Self::SpotReclaim { notice, .. } = self { *notice } else { SimDuration::ZERO }
    }

    /// Whether it is this ConfigMap or Secret that is not there, seen from a namespace.
    #[must_use]
    pub fn lacks(&self, of: NamespaceId, config: &ConfigReference) -> bool {
        matches!(self, Self::ConfigMissing { namespace, kind, name }
            if *namespace == of && *kind == config.kind && *name == config.name)
    }

    /// What kind of thing it strikes.
    #[must_use]
    pub fn sphere(&self) -> Sphere {
        match self {
            Self::ZoneOutage { .. }
            | Self::NodeCrash { .. }
            | Self::NodeReboot { .. }
            | Self::SpotReclaim { .. }
            | Self::NodeFailures(_)
            | Self::FailureTrace(_)
            | Self::KubeletCrash { .. }
            | Self::KubeProxyOutage { .. }
            | Self::SlowNode { .. }
            | Self::DiskFull { .. }
            | Self::RuntimeOutage { .. }
            | Self::NetworkPartition { .. }
            | Self::StaleConnections { .. } => Sphere::Nodes,
            Self::ContainerFault { .. } => Sphere::Containers,
            Self::ApiServerOutage { .. }
            | Self::ApiServerSlow { .. }
            | Self::EtcdMembersLost { .. }
            | Self::SchedulerCrash
            | Self::ControllerManagerCrash
            | Self::CloudControllerManagerOutage
            | Self::ConfigMissing { .. }
            | Self::WebhookOutage { .. }
            | Self::RegistryOutage { .. }
            | Self::RegistrySlow { .. } => Sphere::ControlPlane,
        }
    }

    /// The word scenarios and tables use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ZoneOutage { .. } => "zoneOutage",
            Self::NodeCrash { .. } => "nodeCrash",
            Self::NodeReboot { .. } => "nodeReboot",
            Self::SpotReclaim { .. } => "spotReclaim",
            Self::CloudControllerManagerOutage => "cloudControllerManagerOutage",
            Self::NodeFailures(_) => "nodeFailures",
            Self::FailureTrace(_) => "failureTrace",
            Self::KubeletCrash { .. } => "kubeletCrash",
            Self::KubeProxyOutage { .. } => "kubeProxyOutage",
            Self::SlowNode { .. } => "slowNode",
            Self::DiskFull { .. } => "diskFull",
            Self::RuntimeOutage { .. } => "runtimeOutage",
            Self::NetworkPartition { .. } => "networkPartition",
            Self::StaleConnections { .. } => "staleConnections",
            Self::ApiServerOutage { .. } => "apiServerOutage",
            Self::ApiServerSlow { .. } => "apiServerSlow",
            Self::EtcdMembersLost { .. } => "etcdMembersLost",
            Self::SchedulerCrash => "schedulerCrash",
            Self::ControllerManagerCrash => "controllerManagerCrash",
            Self::ConfigMissing { .. } => "configMissing",
            Self::WebhookOutage { .. } => "webhookOutage",
            Self::RegistryOutage { .. } => "registryOutage",
            Self::RegistrySlow { .. } => "registrySlow",
            Self::ContainerFault { .. } => "containerFault",
        }
    }
}

/// One entry of `faults:`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// What it strikes, for people: `zone a`, `node general-3`, `shop/checkout`.
    pub target: String,
    /// When.
    pub timing: FaultTiming,
    /// How long it lasts, seconds; absent means to the end of the run.
    pub lasts_s: Option<Distribution>,
}
