//! Events of kubelets and of the applications they run.
//!
//! `epoch` is the pod's or container's epoch in the kubelet's table: whenever a plan changes (a
//! container restarts, a pod starts to terminate, a node loses power) the epoch moves on and the
//! events of the old plan are stale.

use super::Phase;
use crate::model::{FaultId, NodeId, PodId, ProbeKind};

/// What happens on nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KubeletEvent {
    /// The API server's watch tells the kubelet of a change to a pod bound to its node.
    PodUpdate {
        /// The pod.
        pod: PodId,
    },
    /// The node lost power: everything on it is gone at once.
    PowerLost {
        /// The node.
        node: NodeId,
    },
    /// Kubelet and runtime are up after a boot.
    Started {
        /// The node.
        node: NodeId,
    },
    /// The watch tells the kubelet that its node is not `Ready` at the API server.
    NodeUpdate {
        /// The node.
        node: NodeId,
    },
    /// The kubelet is connected to the API server again and lists its pods.
    Connected {
        /// The node.
        node: NodeId,
    },
    /// The kubelet works out its node's status and posts it if it differs from the API server's.
    NodeStatus {
        /// The node.
        node: NodeId,
        /// The node's power epoch.
        epoch: u32,
    },
    /// A pass of the node's eviction manager at which something can change.
    EvictionPass {
        /// The node.
        node: NodeId,
        /// The plan that it belongs to.
        epoch: u32,
    },
    /// The node's memory has run out.
    NodeOutOfMemory {
        /// The node.
        node: NodeId,
        /// The plan that it belongs to.
        epoch: u32,
    },
    /// A container fault of the scenario begins or ends.
    ContainerFault {
        /// Which fault.
        fault: FaultId,
        /// Begin or end.
        begins: bool,
    },
    /// The pod's sandbox and network are up.
    SandboxReady {
        /// The pod.
        pod: PodId,
        /// Pod epoch.
        epoch: u32,
    },
    /// The node's image puller has finished its current pull.
    PullDone {
        /// The node.
        node: NodeId,
        /// Which plan it belongs to.
        epoch: u32,
    },
    /// An image registry has changed what it offers: pulls under way break or take another time.
    Registry,
    /// The process of the node's kubelet is gone; containers run on.
    Stopped {
        /// The node.
        node: NodeId,
    },
    /// Another machine with an empty disk is in the node's place.
    Replaced {
        /// The node.
        node: NodeId,
    },
    /// The node's container runtime answers no more; containers run on.
    RuntimeLost {
        /// The node.
        node: NodeId,
    },
    /// The node's container runtime answers again.
    RuntimeBack {
        /// The node.
        node: NodeId,
    },
    /// The condition of a readiness gate has been set.
    GateOpened {
        /// The pod.
        pod: PodId,
        /// Position of the gate.
        gate: u8,
    },
    /// The node's machine is about to shut down.
    ShutDown {
        /// The node.
        node: NodeId,
    },
    /// A step of a node's shutdown may be over.
    ShutdownStep {
        /// The node.
        node: NodeId,
        /// The node's epoch.
        epoch: u32,
    },
    /// A pod's `activeDeadlineSeconds` are over.
    Deadline {
        /// The pod.
        pod: PodId,
    },
    /// A postStart hook is over.
    HookDone {
        /// The pod.
        pod: PodId,
        /// Container position.
        container: u8,
        /// Container epoch.
        epoch: u32,
    },
    /// A container has been created and started.
    ContainerStarted {
        /// The pod.
        pod: PodId,
        /// Container position (init containers first).
        container: u8,
        /// Container epoch.
        epoch: u32,
    },
    /// The application inside changes its health: start-up finished, a failure begins or ends.
    AppChange {
        /// The pod.
        pod: PodId,
        /// Container position.
        container: u8,
        /// Container epoch.
        epoch: u32,
    },
    /// A container's process exits by itself or by a signal.
    Exit {
        /// The pod.
        pod: PodId,
        /// Container position.
        container: u8,
        /// Container epoch.
        epoch: u32,
    },
    /// A tick of a probe worker at which something can change.
    Probe {
        /// The pod.
        pod: PodId,
        /// Container position.
        container: u8,
        /// Which probe.
        kind: ProbeKind,
        /// Probe worker epoch.
        epoch: u32,
    },
    /// The result of a probe that took time (a time-out) is in.
    ProbeResult {
        /// The pod.
        pod: PodId,
        /// Container position.
        container: u8,
        /// Which probe.
        kind: ProbeKind,
        /// Probe worker epoch.
        epoch: u32,
    },
    /// SIGTERM is sent to a container: its preStop hook is done.
    Terminate {
        /// The pod.
        pod: PodId,
        /// Container position.
        container: u8,
        /// Container epoch.
        epoch: u32,
    },
    /// SIGKILL: the grace period is over.
    Kill {
        /// The pod.
        pod: PodId,
        /// Container position.
        container: u8,
        /// Container epoch.
        epoch: u32,
    },
    /// PLEG notices that a container has stopped, or a back-off ends: the pod is synced.
    Sync {
        /// The pod.
        pod: PodId,
        /// Pod epoch.
        epoch: u32,
    },
    /// All containers are gone and cleaned up: the kubelet deletes the pod object.
    Cleaned {
        /// The pod.
        pod: PodId,
        /// Pod epoch.
        epoch: u32,
    },
}

impl KubeletEvent {
    /// Applications act before the kubelet looks.
    pub(super) fn phase(self) -> Phase {
        match self {
            Self::PowerLost { .. }
            | Self::Started { .. }
            | Self::Stopped { .. }
            | Self::Replaced { .. }
            | Self::RuntimeLost { .. }
            | Self::RuntimeBack { .. }
            | Self::NodeOutOfMemory { .. }
            | Self::ContainerFault { .. }
            | Self::AppChange { .. }
            | Self::Exit { .. }
            | Self::Kill { .. } => Phase::Process,
            Self::PodUpdate { .. }
            | Self::NodeUpdate { .. }
            | Self::Connected { .. }
            | Self::NodeStatus { .. }
            | Self::EvictionPass { .. }
            | Self::SandboxReady { .. }
            | Self::PullDone { .. }
            | Self::Registry
            | Self::GateOpened { .. }
            | Self::ShutDown { .. }
            | Self::ShutdownStep { .. }
            | Self::Deadline { .. }
            | Self::HookDone { .. }
            | Self::ContainerStarted { .. }
            | Self::Probe { .. }
            | Self::ProbeResult { .. }
            | Self::Terminate { .. }
            | Self::Sync { .. }
            | Self::Cleaned { .. } => Phase::Kubelet,
        }
    }

    /// Position in `Event::KINDS`: kubelet, probe or application.
    pub(super) fn kind(self) -> usize {
        match self {
            Self::Probe { .. } | Self::ProbeResult { .. } => 3,
            Self::AppChange { .. } | Self::Exit { .. } => 4,
            Self::PodUpdate { .. }
            | Self::PowerLost { .. }
            | Self::Started { .. }
            | Self::NodeUpdate { .. }
            | Self::Connected { .. }
            | Self::NodeStatus { .. }
            | Self::EvictionPass { .. }
            | Self::NodeOutOfMemory { .. }
            | Self::ContainerFault { .. }
            | Self::SandboxReady { .. }
            | Self::PullDone { .. }
            | Self::Registry
            | Self::Stopped { .. }
            | Self::Replaced { .. }
            | Self::RuntimeLost { .. }
            | Self::RuntimeBack { .. }
            | Self::GateOpened { .. }
            | Self::ShutDown { .. }
            | Self::ShutdownStep { .. }
            | Self::Deadline { .. }
            | Self::HookDone { .. }
            | Self::ContainerStarted { .. }
            | Self::Terminate { .. }
            | Self::Kill { .. }
            | Self::Sync { .. }
            | Self::Cleaned { .. } => 2,
        }
    }

    pub(super) fn tag(self) -> u64 {
        let (tag, container, kind) = match self {
            Self::PodUpdate { .. } => (0, 0, 0),
            Self::PowerLost { .. } => (1, 0, 0),
            Self::Started { .. } => (2, 0, 0),
            Self::ContainerFault { begins, .. } => (3, u8::from(begins), 0),
            Self::SandboxReady { .. } => (4, 0, 0),
            Self::PullDone { .. } => (5, 0, 0),
            Self::ContainerStarted { container, .. } => (6, container, 0),
            Self::AppChange { container, .. } => (7, container, 0),
            Self::Exit { container, .. } => (8, container, 0),
            Self::Probe { container, kind, .. } => (9, container, kind as u64),
            Self::ProbeResult { container, kind, .. } => (10, container, kind as u64),
            Self::Terminate { container, .. } => (11, container, 0),
            Self::Kill { container, .. } => (12, container, 0),
            Self::Sync { .. } => (13, 0, 0),
            Self::Cleaned { .. } => (14, 0, 0),
            Self::NodeUpdate { .. } => (15, 0, 0),
            Self::NodeStatus { .. } => (16, 0, 0),
            Self::Connected { .. } => (40, 0, 0),
            Self::Registry => (50, 0, 0),
            Self::Stopped { .. } => (51, 0, 0),
            Self::RuntimeLost { .. } => (52, 0, 0),
            Self::Replaced { .. } => (56, 0, 0),
            Self::RuntimeBack { .. } => (53, 0, 0),
            Self::Deadline { .. } => (54, 0, 0),
            Self::HookDone { container, .. } => (55, container, 0),
            Self::GateOpened { gate, .. } => (59, gate, 0),
            Self::ShutDown { .. } => (57, 0, 0),
            Self::ShutdownStep { .. } => (58, 0, 0),
            Self::EvictionPass { .. } => (60, 0, 0),
            Self::NodeOutOfMemory { .. } => (61, 0, 0),
        };
        tag | u64::from(container) << 8 | kind << 16
    }

    pub(super) fn word(self) -> u64 {
        let (id, epoch) = match self {
            Self::Registry => (0, 0),
            Self::PodUpdate { pod } | Self::Deadline { pod } | Self::GateOpened { pod, .. } => {
                (pod.raw(), 0)
            }
            Self::PowerLost { node }
            | Self::Started { node }
            | Self::Stopped { node }
            | Self::Replaced { node }
            | Self::RuntimeLost { node }
            | Self::RuntimeBack { node }
            | Self::Connected { node }
            | Self::ShutDown { node }
            | Self::NodeUpdate { node } => (node.raw(), 0),
            Self::ContainerFault { fault, .. } => (fault.raw(), 0),
            Self::PullDone { node, epoch }
            | Self::ShutdownStep { node, epoch }
            | Self::EvictionPass { node, epoch }
            | Self::NodeOutOfMemory { node, epoch }
            | Self::NodeStatus { node, epoch } => (node.raw(), epoch),
            Self::SandboxReady { pod, epoch }
            | Self::ContainerStarted { pod, epoch, .. }
            | Self::HookDone { pod, epoch, .. }
            | Self::AppChange { pod, epoch, .. }
            | Self::Exit { pod, epoch, .. }
            | Self::Probe { pod, epoch, .. }
            | Self::ProbeResult { pod, epoch, .. }
            | Self::Terminate { pod, epoch, .. }
            | Self::Kill { pod, epoch, .. }
            | Self::Sync { pod, epoch }
            | Self::Cleaned { pod, epoch } => (pod.raw(), epoch),
        };
        u64::from(id) << 32 | u64::from(epoch)
    }
}
