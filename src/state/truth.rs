//! What is so, whoever knows it: power, heartbeats, processes of the control plane.

use super::clients::Client;
use crate::base::id::IdVec;
use crate::base::time::{SimDuration, SimTime};
use crate::event::Watcher;
use crate::model::{FaultId, FaultKind, ImageId, Model, NamespaceId, NodeId};

/// Whether a node's kubelet renews its lease. Renewals are not events: their instants follow from
/// the phase, so that only a change of this state costs anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// Renewing: at `since`, then whenever the time is the node's phase modulo the interval.
    Beating {
        /// First renewal of this run of renewals.
        since: SimTime,
    },
    /// Not renewing; the last renewal was then, if there ever was one.
    Silent {
        /// The last renewal.
        last: Option<SimTime>,
    },
}

/// The truth of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeTruth {
    /// How many causes (overlapping faults) keep it without power; it runs at 0.
    pub outages: u32,
    /// Kubelet and runtime are up.
    pub up: bool,
    /// Moves on whenever power is lost: plans of an earlier epoch are stale.
    pub epoch: u32,
    /// Heartbeats.
    pub heartbeat: Heartbeat,
    /// Phase of lease renewals within the interval.
    pub lease_phase: SimDuration,
    /// How many causes (overlapping faults) keep its kubelet from the API server.
    pub cuts: u32,
    /// Its kubelet has a connection to an API server.
    pub connected: bool,
    /// The cloud has taken the machine back.
    pub reclaimed: bool,
    /// It is to reboot as soon as its kubelet lets it.
    pub shutting_down: bool,
    /// How many causes keep its kubelet's process down.
    pub kubelet_stops: u32,
    /// How many causes keep its container runtime down.
    pub runtime_stops: u32,
    /// How many causes keep its kube-proxy down, or from the API server.
    pub proxy_stops: u32,
    /// Moves on with each of them.
    pub proxy_epoch: u32,
    /// Moves on whenever the connection is lost: plans to connect of an earlier epoch are stale.
    pub link_epoch: u32,
}

impl NodeTruth {
    /// Whether the kubelet runs and reaches the API server, as far as these go: power aside.
    #[must_use]
    pub fn reaches_api(&self) -> bool {
        self.connected && self.kubelet_stops == 0
    }

    /// The instant of the last lease renewal at or before `now`, given the renewal interval.
    #[must_use]
    pub fn last_renewal(&self, now: SimTime, interval: SimDuration) -> Option<SimTime> {
        match self.heartbeat {
            Heartbeat::Silent { last } => last,
            Heartbeat::Beating { since } => {
                let interval = interval.as_nanos();
                let phase = self.lease_phase.as_nanos();
                let now_ns = now.as_nanos();
                if now_ns < phase {
                    return Some(since);
                }
                let aligned = now_ns - (now_ns - phase) % interval;
                Some(since.max(SimTime::from_nanos(aligned)))
            }
        }
    }
}

/// The truth of one control-plane component (all its replicas together).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessTruth {
    /// A leader is at work.
    pub leading: bool,
    /// Moves on whenever the leader dies.
    pub epoch: u32,
}

/// The truth of kube-apiserver and etcd.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiTruth {
    /// kube-apiserver instances that are down, by all causes together.
    pub servers_down: u32,
    /// etcd members that are down, by all causes together.
    pub members_down: u32,
    /// etcd has a leader and a quorum behind it.
    pub etcd_leads: bool,
    /// Moves on whenever etcd's members are to elect a leader.
    pub epoch: u32,
    /// By what requests and watch deliveries are slower, one entry for each fault at work.
    pub slow: Vec<(FaultId, [f64; 2])>,
    /// When the instances are done with what they have been asked so far.
    pub busy_until: SimTime,
}

impl ApiTruth {
    /// Whether any instance answers.
    #[must_use]
    pub fn answers(&self, model: &Model) -> bool {
        self.servers_down < model.control_plane.api_servers
    }

    /// Whether a write can commit.
    #[must_use]
    pub fn writable(&self, model: &Model) -> bool {
        self.answers(model) && self.etcd_leads
    }

    /// How many times as long requests take.
    #[must_use]
    pub fn request_factor(&self) -> f64 {
        self.slow.iter().map(|(_, factors)| factors[0]).product()
    }

    /// How many times as long watch deliveries take.
    #[must_use]
    pub fn watch_factor(&self) -> f64 {
        self.slow.iter().map(|(_, factors)| factors[1]).product()
    }
}

/// What an image registry offers to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registry {
    /// It answers.
    pub up: bool,
    /// Thousandths of the usual time that a round trip takes.
    pub factor_milli: u64,
    /// Bytes per second.
    pub bytes_per_s: u64,
}

/// What is so.
#[derive(Debug)]
pub struct Truth {
    /// Nodes.
    pub nodes: IdVec<NodeId, NodeTruth>,
    /// kube-apiserver and etcd.
    pub api: ApiTruth,
    /// How many causes keep the cloud-controller-manager down.
    pub cloud_manager_stops: u32,
    /// ConfigMaps and Secrets that are not there, by fault.
    pub missing_configs: Vec<FaultId>,
    /// Webhooks that do not answer, by fault.
    pub webhook_faults: Vec<FaultId>,
    /// Faults of image registries that are at work.
    pub registry_faults: Vec<FaultId>,
    processes: [ProcessTruth; 2],
}

impl Truth {
    /// Every node up and its lease just renewed; control-plane components not led yet.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let mut nodes = IdVec::new();
        for _ in model.nodes.ids() {
            nodes.push(NodeTruth {
                outages: 0,
                up: true,
                epoch: 0,
                heartbeat: Heartbeat::Beating { since: SimTime::ZERO },
                lease_phase: SimDuration::ZERO,
                cuts: 0,
                connected: true,
                reclaimed: false,
                shutting_down: false,
                kubelet_stops: 0,
                runtime_stops: 0,
                proxy_stops: 0,
                proxy_epoch: 0,
                link_epoch: 0,
            });
        }
        let api = ApiTruth {
            servers_down: 0,
            members_down: 0,
            etcd_leads: true,
            epoch: 0,
            slow: Vec::new(),
            busy_until: SimTime::ZERO,
        };
        let processes = [ProcessTruth { leading: false, epoch: 0 }; 2];
        Self {
            nodes,
            api,
            cloud_manager_stops: 0,
            missing_configs: Vec::new(),
            webhook_faults: Vec::new(),
            registry_faults: Vec::new(),
            processes,
        }
    }

    /// When the API server has time for a request that leaves its client then. One that its
    /// client's rate limit holds back is not queued again.
    ///
    /// The instances together serve `requests_per_s` each, of which the renewals of all nodes'
    /// leases take their part, 99 % at most.
    pub fn serve(&mut self, model: &Model, leaves: SimTime, now: SimTime) -> SimTime {
        let plane = &model.control_plane;
        let servers = plane.api_servers.saturating_sub(self.api.servers_down);
        let (Some(rate), 1..) = (plane.api_requests_per_s, servers) else { return leaves };
        if leaves > now {
            return leaves;
        }
        let capacity = u128::from(rate) * u128::from(servers);
        // Renewals per 1,000 s against requests per 1,000 s: integers throughout.
        let interval = u128::from(plane.lease_renew_interval.as_nanos().max(1));
        let renewals = self.nodes.len() as u128 * 1_000_000_000_000 / interval;
        let left = (capacity * 1000).saturating_sub(renewals).max(capacity * 10);
        let each = u64::try_from(1_000_000_000_000 / left).unwrap_or(u64::MAX);
        self.api.busy_until =
            self.api.busy_until.max(now).saturating_add(SimDuration::from_nanos(each));
        self.api.busy_until
    }

    /// The outage of a webhook that keeps pods of a namespace from being created.
    #[must_use]
    pub fn refusing_webhook(&self, model: &Model, namespace: NamespaceId) -> Option<FaultId> {
        self.webhook_faults.iter().copied().find(|&fault| {
            matches!(&model.faults[fault].kind, FaultKind::WebhookOutage { namespaces, .. }
                if namespaces.is_empty() || namespaces.contains(&namespace))
        })
    }

    /// What the registry of an image offers now.
    #[must_use]
    pub fn registry(&self, model: &Model, image: ImageId) -> Registry {
        let mut up = true;
        let mut factor_milli = 1000;
        let mut most = u64::MAX;
        for fault in &self.registry_faults {
            let kind = &model.faults[*fault].kind;
            if let FaultKind::RegistryOutage { images } = kind {
                up &= !images.contains(&image);
            } else if let FaultKind::RegistrySlow { images, factor_milli: factor, bytes_per_s } =
                kind
                && images.contains(&image)
            {
                factor_milli = u64::from(*factor).saturating_mul(factor_milli) / 1000;
                most = most.min(bytes_per_s.unwrap_or(u64::MAX));
            }
        }
        let usual = u128::from(model.control_plane.pull_bytes_per_s) * 1000;
        let usual = u64::try_from(usual / u128::from(factor_milli)).unwrap_or(u64::MAX);
        Registry { up, factor_milli, bytes_per_s: usual.min(most).max(1) }
    }

    /// Whether a node's kubelet reaches the API server.
    #[must_use]
    pub fn is_connected(&self, node: NodeId) -> bool {
        self.nodes[node].connected
    }

    /// Which life of its process a client is in: what one life could not send dies with it.
    #[must_use]
    pub fn epoch_of(&self, client: Client) -> u32 {
        match (client, client.process()) {
            (Client::Kubelet(node), _) => self.nodes[node].epoch,
            (_, Some(process)) => self.process(process).epoch,
            (_, None) => 0,
        }
    }

    /// The component behind a watcher.
    #[must_use]
    pub fn process(&self, watcher: Watcher) -> ProcessTruth {
        self.processes[watcher.index()]
    }

    /// The component behind a watcher, to change it.
    pub fn process_mut(&mut self, watcher: Watcher) -> &mut ProcessTruth {
        &mut self.processes[watcher.index()]
    }
}
