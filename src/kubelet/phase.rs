//! Phase and conditions of a pod by the statuses of its containers. Pure.
//!
//! Fidelity: the status of a simulated pod (see `status`) has its phase from here; its conditions
//! hold when these do, without their reasons and messages.

use super::pod::Role;
use crate::model::RestartPolicy;
use crate::state::{ConditionStatus, Phase};

/// The state in a container's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// There is no status of the container at all.
    Absent,
    /// The status has no state.
    Unknown,
    /// Not started, or waiting to start again after an exit with this code.
    Waiting(Option<i32>),
    /// It runs.
    Running,
    /// It has exited with this code.
    Terminated(i32),
}

/// A container and its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerReport<'a> {
    /// Name.
    pub name: &'a str,
    /// What it is for.
    pub role: Role,
    /// State.
    pub state: ContainerState,
    /// `ready` of its status.
    pub ready: bool,
    /// `started` of its status.
    pub started: bool,
}

/// Containers of a pod, init containers first.
pub type Reports<'a> = [ContainerReport<'a>];

fn of<'a>(
    containers: &'a Reports<'a>,
    role: Role,
) -> impl Iterator<Item = &'a ContainerReport<'a>> {
    containers.iter().filter(move |container| container.role == role)
}

/// Whether an app container has started, now or in an instance that is over.
fn has_run(containers: &Reports<'_>) -> bool {
    of(containers, Role::Main).any(|container| {
        matches!(container.state, ContainerState::Running | ContainerState::Terminated(_))
    })
}

/// The phase. `is_terminal` says that no container will be started again.
pub fn phase<'a>(
    containers: impl IntoIterator<Item = ContainerReport<'a>>,
    policy: RestartPolicy,
    is_terminal: bool,
) -> Phase {
    use ContainerState::{Absent, Running, Terminated, Unknown, Waiting};
    // Sidecars still to start no longer count once app containers run; init containers do.
    let (mut init_waits, mut initializing, mut init_failed) = (false, false, false);
    let (mut unknown, mut running, mut waiting, mut stopped) = (false, false, false, false);
    let (mut all_succeeded, mut has_run) = (true, false);
    for container in containers {
        match (container.role, container.state) {
            (Role::Init, Terminated(code) | Waiting(Some(code))) => init_failed |= code != 0,
            (Role::Init, Absent | Unknown | Waiting(None) | Running) => init_waits = true,
            (Role::Sidecar, Unknown) => (unknown, initializing) = (true, true),
            (Role::Sidecar, Waiting(None)) => (waiting, initializing) = (true, true),
            (Role::Sidecar, Running) => {
                (running, initializing) = (true, initializing || !container.started);
            }
            (Role::Sidecar, Terminated(_) | Waiting(Some(_))) => {}
            (Role::Sidecar, Absent) | (Role::Main, Absent | Unknown) => unknown = true,
            (Role::Main, Waiting(None)) => waiting = true,
            (Role::Main, Running) => (running, has_run) = (true, true),
            (Role::Main, Terminated(code)) => {
                (stopped, has_run) = (true, true);
                all_succeeded &= code == 0;
            }
            // One that waits to start again has not succeeded, whatever its code.
            (Role::Main, Waiting(Some(_))) => (stopped, all_succeeded) = (true, false),
        }
    }
    if init_failed && policy == RestartPolicy::Never {
        return Phase::Failed;
    }
    if init_waits || (initializing && !has_run) || waiting || unknown {
        return Phase::Pending;
    }
    match (running, stopped) {
        (true, _) => Phase::Running,
        (false, false) => Phase::Pending,
        (false, true) if is_terminal => {
            if all_succeeded {
                Phase::Succeeded
            } else {
                Phase::Failed
            }
        }
        (false, true) => match policy {
            RestartPolicy::Always => Phase::Running,
            RestartPolicy::OnFailure | RestartPolicy::Never if all_succeeded => Phase::Succeeded,
            RestartPolicy::OnFailure => Phase::Running,
            RestartPolicy::Never => Phase::Failed,
        },
    }
}

/// A condition of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodCondition {
    /// Whether its status is True.
    pub holds: bool,
    /// Reason.
    pub reason: &'static str,
    /// Message.
    pub message: String,
}

impl PodCondition {
    fn met(reason: &'static str) -> Self {
        Self { holds: true, reason, message: String::new() }
    }

    fn unmet(reason: &'static str, message: String) -> Self {
        Self { holds: false, reason, message }
    }
}

/// Which containers keep a condition from holding, in Kubernetes' words.
fn told<'a>(
    containers: impl Iterator<Item = &'a ContainerReport<'a>>,
    (what, is_good): (&str, impl Fn(&ContainerReport<'_>) -> bool),
) -> (bool, String) {
    let (mut unknown, mut bad) = (Vec::new(), Vec::new());
    for container in containers {
        if container.state == ContainerState::Absent {
            unknown.push(container.name);
        } else if !is_good(container) {
            bad.push(container.name);
        }
    }
    let part = |what: &str, names: &[&str]| {
        let names = names.join(" ");
        (!names.is_empty()).then(|| format!("containers with {what} status: [{names}]"))
    };
    let parts = [part("unknown", &unknown), part(what, &bad)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (unknown.is_empty(), parts.join(", "))
}

/// The condition `Initialized`; `known` says that the pod has any statuses of containers.
#[must_use]
pub fn initialized(containers: &Reports<'_>, known: bool, phase: Phase) -> PodCondition {
    let inits = || containers.iter().filter(|container| container.role != Role::Main);
    if !known && inits().next().is_some() {
        return PodCondition::unmet("UnknownContainerStatuses", String::new());
    }
    let is_good = |container: &ContainerReport<'_>| match container.role {
        Role::Sidecar => container.started,
        Role::Init | Role::Main => container.ready,
    };
    let (all_known, message) = told(inits(), ("incomplete", is_good));
    match () {
        () if phase == Phase::Succeeded && all_known => PodCondition::met("PodCompleted"),
        () if has_run(containers) || message.is_empty() => PodCondition::met(""),
        () => PodCondition::unmet("ContainersNotInitialized", message),
    }
}

/// The condition `ContainersReady`.
#[must_use]
pub fn containers_ready(containers: &Reports<'_>, known: bool, phase: Phase) -> PodCondition {
    if !known {
        return PodCondition::unmet("UnknownContainerStatuses", String::new());
    }
    let lasting = containers.iter().filter(|container| container.role != Role::Init);
    let (all_known, message) = told(lasting, ("unready", |container| container.ready));
    match () {
        () if phase == Phase::Succeeded && all_known => {
            PodCondition::unmet("PodCompleted", String::new())
        }
        () if phase == Phase::Failed => PodCondition::unmet("PodFailed", String::new()),
        () if message.is_empty() => PodCondition::met(""),
        () => PodCondition::unmet("ContainersNotReady", message),
    }
}

/// The condition `Ready`: the containers are ready, and so is every readiness gate, of which
/// `gates` has the name and the status of its condition, if there is one.
#[must_use]
pub fn ready(
    containers_ready: PodCondition,
    gates: &[(&str, Option<ConditionStatus>)],
) -> PodCondition {
    if !containers_ready.holds {
        return containers_ready;
    }
    let closed = gates.iter().filter_map(|(gate, status)| match status {
        Some(ConditionStatus::True) => None,
        Some(status) => Some(format!(
            "the status of pod readiness gate \"{gate}\" is not \"True\", but {}",
            status.name()
        )),
        None => Some(format!(
            "corresponding condition of pod readiness gate \"{gate}\" does not exist."
        )),
    });
    let closed: Vec<String> = closed.collect();
    if closed.is_empty() {
        return PodCondition::met("");
    }
    PodCondition::unmet("ReadinessGatesNotReady", closed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ContainerState::{Absent, Running, Terminated, Waiting};

    fn report(name: &str, role: Role, state: ContainerState) -> ContainerReport<'_> {
        let up = state == Running;
        let ready = if role == Role::Init { state == Terminated(0) } else { up };
        ContainerReport { name, role, state, ready, started: up }
    }

    #[test]
    fn phases_follow_states_and_policy() {
        use RestartPolicy::{Always, Never, OnFailure};
        for (states, policy, is_terminal, expected) in [
            ([Terminated(0), Running, Running], Always, false, Phase::Running),
            ([Terminated(0), Running, Waiting(None)], Always, false, Phase::Pending),
            ([Terminated(0), Running, Waiting(Some(1))], Always, false, Phase::Running),
            ([Terminated(1), Running, Waiting(None)], Always, false, Phase::Pending),
            ([Terminated(1), Running, Waiting(None)], Never, false, Phase::Failed),
            ([Terminated(0), Terminated(0), Terminated(0)], Always, false, Phase::Running),
            ([Terminated(0), Terminated(0), Terminated(0)], OnFailure, false, Phase::Succeeded),
            ([Terminated(0), Terminated(7), Terminated(3)], OnFailure, false, Phase::Running),
            ([Terminated(0), Terminated(7), Terminated(3)], OnFailure, true, Phase::Failed),
            ([Terminated(0), Terminated(7), Waiting(Some(0))], Always, true, Phase::Failed),
            ([Running, Waiting(None), Waiting(None)], Always, false, Phase::Pending),
            ([Terminated(0), Running, Absent], Always, false, Phase::Pending),
        ] {
            let [init, sidecar, app] = states;
            let containers = [
                report("i", Role::Init, init),
                report("s", Role::Sidecar, sidecar),
                report("a", Role::Main, app),
            ];
            assert_eq!(phase(containers, policy, is_terminal), expected, "{states:?} {policy:?}");
        }
    }

    #[test]
    fn conditions_name_the_containers_that_are_missing() {
        let containers = [
            report("i", Role::Init, Running),
            report("s", Role::Sidecar, Waiting(None)),
            report("a", Role::Main, Waiting(None)),
            report("b", Role::Main, Absent),
        ];
        let of = |condition: PodCondition| (condition.holds, condition.reason, condition.message);
        let told = "containers with unknown status: [b], containers with unready status: [s a]";
        let ready_now = containers_ready(&containers, true, Phase::Pending);
        assert_eq!(of(ready_now.clone()), (false, "ContainersNotReady", told.to_owned()));
        assert_eq!(ready(ready_now.clone(), &[]), ready_now);
        let told = "containers with incomplete status: [i s]".to_owned();
        let initialized = initialized(&containers, true, Phase::Pending);
        assert_eq!(of(initialized), (false, "ContainersNotInitialized", told));
        let unknown = containers_ready(&containers, false, Phase::Pending);
        assert_eq!(unknown.reason, "UnknownContainerStatuses");
        let gates = [("g/a", None), ("g/b", Some(ConditionStatus::Unknown))];
        let gated = ready(PodCondition::met(""), &gates);
        assert_eq!(gated.reason, "ReadinessGatesNotReady");
        assert!(gated.message.ends_with("\"g/b\" is not \"True\", but Unknown"), "{gated:?}");
    }
}
