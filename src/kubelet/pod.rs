//! One pod on its node: stage, sandbox, containers, and the status last reported.

use super::container::{Container, Process};
use crate::base::time::{SimDuration, SimTime};
use crate::model::{
    ContainerSpec, Model, NodeId, PodId, PodTemplate, RestartPolicy, TemplateId, pod_address,
};
use crate::state::{KubeletStatus, Phase, PodObject, PodReason};

/// Where the pod's worker is in its life; it never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Containers are started and kept running.
    Active,
    /// Containers are being stopped.
    Stopping,
    /// All containers have stopped for good.
    Stopped,
}

/// What the pod worker is busy with: one thing at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Nothing.
    Idle,
    /// The sandbox is being set up.
    Sandbox,
    /// The image of this container is awaited.
    Pulling(u8),
    /// This container is being created and started.
    Starting(u8),
    /// The postStart hook of this container runs.
    Hook(u8),
}

/// A pod.
#[derive(Debug)]
pub(crate) struct Pod {
    /// Its id.
    pub(crate) id: PodId,
    /// Its node.
    pub(crate) node: NodeId,
    /// Its class.
    pub(crate) template: TemplateId,
    /// Its address in the random streams.
    pub(crate) address: u64,
    /// Init containers first.
    pub(crate) containers: Box<[Container]>,
    /// The status last reported.
    pub(crate) status: KubeletStatus,
    /// `status.reason` of a rejected pod.
    pub(crate) rejected: PodReason,
    /// Stage.
    pub(crate) stage: Stage,
    /// What the worker does.
    pub(crate) work: Work,
    /// Events of an earlier plan are stale.
    pub(crate) epoch: u32,
    /// Sandboxes made so far.
    pub(crate) sandboxes: u32,
    /// The sandbox is up.
    pub(crate) has_sandbox: bool,
    /// All init containers are done, or started if they are sidecars.
    pub(crate) initialized: bool,
    /// Which readiness gates are open.
    pub(crate) gates: Box<[bool]>,
    /// The containers have been ready: when the gates open is settled.
    pub(crate) gates_settled: bool,
    /// Truth: it serves its users.
    pub(crate) serving: bool,
    /// The API object is being deleted, or is gone.
    pub(crate) deleting: bool,
    /// Nothing is left to do: the kubelet forgets the pod.
    pub(crate) forgotten: bool,
    /// Grace period of the termination.
    pub(crate) grace: SimDuration,
    /// When the grace period ends.
    pub(crate) deadline: SimTime,
    /// The sync that was scheduled last.
    pub(crate) sync_at: Option<SimTime>,
    /// When its volumes are tried again that could not be set up.
    pub(crate) volumes_at: SimTime,
    /// How often that has failed.
    pub(crate) volumes_failed: u8,
}

impl Pod {
    /// A pod just admitted at `now`.
    pub(crate) fn new(
        model: &Model,
        id: PodId,
        node: NodeId,
        object: &PodObject,
        now: SimTime,
    ) -> Self {
        let template = &model.templates[object.template];
        let containers =
            (0..count(template)).map(|index| Container::new(spec(template, index), now)).collect();
        let workload = model.workloads[template.workload].address;
        Self {
            id,
            node,
            template: object.template,
            address: pod_address(workload, object.replica, object.incarnation),
            containers,
            status: object.status.known_to_kubelets(),
            rejected: PodReason::None,
            stage: Stage::Active,
            work: Work::Idle,
            epoch: 0,
            sandboxes: 0,
            has_sandbox: false,
            initialized: false,
            gates: vec![false; template.readiness_gates.len()].into(),
            gates_settled: false,
            serving: false,
            deleting: false,
            forgotten: false,
            grace: SimDuration::MAX,
            deadline: SimTime::MAX,
            sync_at: None,
            volumes_at: SimTime::ZERO,
            volumes_failed: 0,
        }
    }

    /// Whether any container runs.
    pub(crate) fn any_running(&self) -> bool {
        self.containers.iter().any(Container::is_running)
    }

    /// An IP address made from the pod's number, for messages.
    pub(crate) fn ip(&self) -> String {
        let [_, a, b, c] = self.id.raw().to_be_bytes();
        format!("10.{a}.{b}.{c}")
    }

    /// The phase of a pod whose containers have all stopped for good: `Succeeded` if all app
    /// containers ran and exited with 0.
    pub(crate) fn final_phase(&self, template: &PodTemplate) -> Phase {
        let apps = &self.containers[template.init_containers.len()..];
        let well = apps.iter().all(|c| c.process == Process::Exited && c.exit_code == 0);
        if well { Phase::Succeeded } else { Phase::Failed }
    }
}

/// Containers of a template, init containers included.
pub(crate) fn count(template: &PodTemplate) -> u8 {
    u8::try_from(template.init_containers.len() + template.containers.len())
        .expect("a pod has fewer than 256 containers")
}

/// The declaration of a container by position, init containers first.
pub(crate) fn spec(template: &PodTemplate, index: u8) -> &ContainerSpec {
    let (index, inits) = (usize::from(index), template.init_containers.len());
    if index < inits {
        &template.init_containers[index]
    } else {
        &template.containers[index - inits]
    }
}

/// What a container position is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An init container that runs to its end.
    Init,
    /// An init container that keeps running.
    Sidecar,
    /// An app container.
    Main,
}

/// The role of a container by position.
pub(crate) fn role(template: &PodTemplate, index: u8) -> Role {
    match template.init_containers.get(usize::from(index)) {
        Some(spec) if spec.sidecar => Role::Sidecar,
        Some(_) => Role::Init,
        None => Role::Main,
    }
}

/// Whether a container that has exited is started again. One that the kubelet stopped for its
/// probe is, whatever its exit code, unless the policy is `Never`.
pub(crate) fn restarts(policy: RestartPolicy, role: Role, container: &Container) -> bool {
    let failed = container.exit_code != 0 || container.stopping.is_some();
    match (role, policy) {
        (Role::Sidecar, _) | (Role::Main, RestartPolicy::Always) => true,
        (Role::Init | Role::Main, RestartPolicy::Never) => false,
        (Role::Init, RestartPolicy::Always | RestartPolicy::OnFailure)
        | (Role::Main, RestartPolicy::OnFailure) => failed,
    }
}
