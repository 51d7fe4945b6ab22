//! What one sync of a pod decides: which containers to kill and to start, and whether the sandbox
//! is made anew. Pure.
//!
//! Fidelity: the pod worker of the simulation (see `worker`) starts one container at a time and asks
//! again, and kills for failed probes as soon as these are published; in-place resizes are left out.

use super::pod::Role;
use crate::model::RestartPolicy;

/// A container's state as the runtime has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeState {
    /// Made and not started.
    Created,
    /// It runs.
    Running,
    /// It has exited.
    Exited,
    /// The runtime cannot tell.
    Unknown,
}

/// The last result of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeVerdict {
    /// Success.
    Success,
    /// Failure.
    Failure,
    /// The probe has run without a result.
    Unknown,
}

/// The latest instance of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    /// State.
    pub state: RuntimeState,
    /// Exit code of one that has exited.
    pub exit_code: i32,
    /// It was made from another definition.
    pub definition_changed: bool,
    /// Of its liveness probe.
    pub liveness: Option<ProbeVerdict>,
    /// Of its startup probe.
    pub startup: Option<ProbeVerdict>,
}

/// A container that should be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedContainer<'a> {
    /// Name.
    pub name: &'a str,
    /// Position in the pod, init containers first.
    pub place: u8,
    /// What it is for.
    pub role: Role,
    /// It has a startup probe.
    pub has_startup_probe: bool,
    /// It has a liveness probe.
    pub has_liveness_probe: bool,
    /// Its latest instance.
    pub instance: Option<Instance>,
}

/// The pod's sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// There has been none.
    Absent,
    /// The one made last, in this attempt, is up.
    Ready(u32),
    /// The one made last is not.
    NotReady(u32),
}

/// A pod to be synced.
#[derive(Clone, Copy, Debug)]
pub struct SyncedPod<'a> {
    /// `spec.restartPolicy`.
    pub policy: RestartPolicy,
    /// It is being deleted.
    pub deleting: bool,
    /// Its sandbox.
    pub sandbox: Sandbox,
    /// Its containers, init containers first.
    pub containers: &'a [WantedContainer<'a>],
}

/// A container to kill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill<'a> {
    /// Its name.
    pub name: &'a str,
    /// Why: empty, `Unknown`, `LivenessProbe` or `StartupProbe`.
    pub reason: &'static str,
    /// The event's message.
    pub message: String,
}

/// What a sync decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodActions<'a> {
    /// Everything is killed.
    pub kill_pod: bool,
    /// A sandbox is made.
    pub create_sandbox: bool,
    /// The attempt of the sandbox.
    pub attempt: u32,
    /// Nothing is left to do before app containers may start.
    pub initialized: bool,
    /// Positions of init containers and sidecars to start, in order.
    pub init_to_start: Vec<u8>,
    /// Positions of app containers to start, in order.
    pub to_start: Vec<u8>,
    /// Containers to kill.
    pub to_kill: Vec<Kill<'a>>,
}

impl WantedContainer<'_> {
    fn state(&self) -> Option<RuntimeState> {
        self.instance.map(|instance| instance.state)
    }

    fn is_running(&self) -> bool {
        self.state() == Some(RuntimeState::Running)
    }

    /// An init container that did not end well, or nobody knows.
    fn has_failed(&self) -> bool {
        self.instance.is_some_and(|instance| match instance.state {
            RuntimeState::Exited => instance.exit_code != 0,
            RuntimeState::Unknown => true,
            RuntimeState::Created | RuntimeState::Running => false,
        })
    }
}

impl<'a> SyncedPod<'a> {
    fn apps(&self) -> impl Iterator<Item = &'a WantedContainer<'a>> + use<'a> {
        self.containers.iter().filter(|container| container.role == Role::Main)
    }

    fn inits(&self) -> Vec<&'a WantedContainer<'a>> {
        self.containers.iter().filter(|container| container.role != Role::Main).collect()
    }

    fn restarts_failures(&self) -> bool {
        self.policy != RestartPolicy::Never
    }

    /// Whether a container that does not run is to be started.
    fn starts(&self, container: &WantedContainer<'_>) -> bool {
        let Some(instance) = container.instance.filter(|_| !self.deleting) else {
            return !self.deleting;
        };
        match (instance.state, self.policy) {
            (RuntimeState::Running, _) | (RuntimeState::Exited, RestartPolicy::Never) => false,
            (RuntimeState::Exited, RestartPolicy::OnFailure) => instance.exit_code != 0,
            (RuntimeState::Unknown | RuntimeState::Created, _)
            | (RuntimeState::Exited, RestartPolicy::Always) => true,
        }
    }

    /// What is to be done about init containers of which none is a sidecar, by the last instances.
    fn next_init(&self) -> NextInit<'a> {
        let inits = self.inits();
        let Some(&first) = inits.first() else { return NextInit::Done };
        if self.apps().any(WantedContainer::is_running) {
            return NextInit::Done;
        }
        if let Some(&failed) = inits.iter().rev().find(|container| container.has_failed()) {
            return NextInit::Run(failed);
        }
        for (at, container) in inits.iter().enumerate().rev() {
            match container.state() {
                Some(RuntimeState::Running) => return NextInit::Wait,
                Some(RuntimeState::Exited) => {
                    return inits.get(at + 1).map_or(NextInit::Done, |next| NextInit::Run(next));
                }
                Some(RuntimeState::Created | RuntimeState::Unknown) | None => {}
            }
        }
        NextInit::Run(first)
    }
}

/// The next step of initialization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextInit<'a> {
    /// It is over.
    Done,
    /// An init container runs.
    Wait,
    /// This one is to run.
    Run(&'a WantedContainer<'a>),
}

/// What a sync of the pod decides.
#[must_use]
pub fn pod_actions<'a>(pod: &SyncedPod<'a>) -> PodActions<'a> {
    let (is_new, attempt) = match pod.sandbox {
        Sandbox::Absent => (true, 0),
        Sandbox::NotReady(attempt) => (true, attempt + 1),
        Sandbox::Ready(attempt) => (false, attempt),
    };
    let mut actions =
        PodActions { kill_pod: is_new, create_sandbox: is_new, attempt, ..PodActions::default() };
    if is_new {
        in_new_sandbox(pod, &mut actions);
        return actions;
    }
    actions.initialized = init_actions(pod, &mut actions);
    if actions.kill_pod || !actions.initialized {
        return actions;
    }
    let mut kept = false;
    for container in pod.apps() {
        kept |= app_action(pod, container, &mut actions);
    }
    if !kept && actions.to_start.is_empty() {
        actions.kill_pod = true;
        actions.init_to_start.clear();
    }
    actions
}

/// Everything starts over in a new sandbox.
fn in_new_sandbox<'a>(pod: &SyncedPod<'a>, actions: &mut PodActions<'a>) {
    let has_run = pod.containers.iter().any(|container| container.instance.is_some());
    if !pod.restarts_failures() && actions.attempt != 0 && has_run {
        actions.create_sandbox = false;
        return;
    }
    let succeeded = |container: &WantedContainer<'_>| {
        pod.policy == RestartPolicy::OnFailure
            && container.instance.is_some_and(|instance| {
                instance.state == RuntimeState::Exited && instance.exit_code == 0
            })
    };
    let to_start: Vec<u8> =
        pod.apps().filter(|container| !succeeded(container)).map(|c| c.place).collect();
    if to_start.is_empty() && pod.next_init() == NextInit::Done {
        actions.create_sandbox = false;
        return;
    }
    match pod.inits().first() {
        Some(first) => actions.init_to_start.push(first.place),
        None => actions.to_start = to_start,
    }
}

/// Init containers and sidecars; returns whether initialization is over.
fn init_actions<'a>(pod: &SyncedPod<'a>, actions: &mut PodActions<'a>) -> bool {
    if pod.containers.iter().any(|container| container.role == Role::Sidecar) {
        return init_actions_with_sidecars(pod, actions);
    }
    match pod.next_init() {
        NextInit::Done => return true,
        NextInit::Wait => {}
        NextInit::Run(next) if next.has_failed() && !pod.restarts_failures() => {
            actions.kill_pod = true;
        }
        NextInit::Run(next) => {
            if next.state() == Some(RuntimeState::Unknown) {
                actions.to_kill.push(unknown_init(next.name));
            }
            actions.init_to_start.push(next.place);
        }
    }
    false
}

/// An init container of which nobody knows whether it runs.
fn unknown_init(name: &str) -> Kill<'_> {
    let message = "Init container is in \"unknown\" state, try killing it before restart";
    Kill { name, reason: "Unknown", message: message.to_owned() }
}

/// The same where there are sidecars, from the last to the first: the last one with an instance
/// says how far initialization is.
fn init_actions_with_sidecars<'a>(pod: &SyncedPod<'a>, actions: &mut PodActions<'a>) -> bool {
    let inits = pod.inits();
    let made = [Some(RuntimeState::Created), Some(RuntimeState::Running)];
    let mut initialized = pod.apps().any(|container| made.contains(&container.state()));
    // Whether what comes after the container at hand has been reached.
    let mut passed = initialized;
    let mut to_start = Vec::new();
    for (at, container) in inits.iter().enumerate().rev() {
        let is_sidecar = container.role == Role::Sidecar;
        let Some(instance) = container.instance else {
            if passed && is_sidecar {
                to_start.push(container.place);
            }
            continue;
        };
        if passed && !is_sidecar {
            continue;
        }
        match instance.state {
            RuntimeState::Created => to_start.push(container.place),
            RuntimeState::Running if !is_sidecar => {}
            RuntimeState::Running => {
                if is_started(container, &instance) {
                    match inits.get(at + 1) {
                        None => initialized = true,
                        Some(next) if !passed => to_start.push(next.place),
                        Some(_) => {}
                    }
                }
                if let Some(kill) = sidecar_kill(container, &instance) {
                    actions.to_kill.push(kill);
                    to_start.push(container.place);
                }
            }
            RuntimeState::Exited if is_sidecar => to_start.push(container.place),
            RuntimeState::Exited if instance.exit_code == 0 => match inits.get(at + 1) {
                None => initialized = true,
                Some(next) => to_start.push(next.place),
            },
            RuntimeState::Exited | RuntimeState::Unknown
                if !is_sidecar && !pod.restarts_failures() =>
            {
                actions.kill_pod = true;
                return false;
            }
            RuntimeState::Exited => to_start.push(container.place),
            RuntimeState::Unknown => {
                actions.to_kill.push(unknown_init(container.name));
                to_start.push(container.place);
            }
        }
        passed = true;
    }
    if !passed {
        to_start.push(inits[0].place);
    }
    to_start.reverse();
    actions.init_to_start = to_start;
    initialized
}

/// Whether a running sidecar's startup probe, if it has one, has passed.
fn is_started(container: &WantedContainer<'_>, instance: &Instance) -> bool {
    !container.has_startup_probe || instance.startup == Some(ProbeVerdict::Success)
}

/// Why a running sidecar is killed and started again, if it is.
fn sidecar_kill<'a>(container: &WantedContainer<'a>, instance: &Instance) -> Option<Kill<'a>> {
    let failure = Some(ProbeVerdict::Failure);
    let (reason, what) = match is_started(container, instance) {
        false if instance.startup == failure => ("StartupProbe", "failed startup probe"),
        false => return None,
        true if instance.definition_changed => ("", "definition changed"),
        true if container.has_liveness_probe && instance.liveness == failure => {
            ("LivenessProbe", "failed liveness probe")
        }
        true => return None,
    };
    let name = container.name;
    Some(Kill { name, reason, message: format!("Init container {name} {what}") })
}

/// An app container; whether it is kept running.
fn app_action<'a>(
    pod: &SyncedPod<'a>,
    container: &WantedContainer<'a>,
    actions: &mut PodActions<'a>,
) -> bool {
    let name = container.name;
    let Some(instance) = container.instance.filter(|_| container.is_running()) else {
        if pod.starts(container) {
            actions.to_start.push(container.place);
            if container.state() == Some(RuntimeState::Unknown) {
                let message =
                    "Container is in \"unknown\" state, try killing it before restart".to_owned();
                actions.to_kill.push(Kill { name, reason: "Unknown", message });
            }
        }
        return false;
    };
    let failure = Some(ProbeVerdict::Failure);
    let (reason, what) = match () {
        () if instance.definition_changed => ("", "definition changed"),
        () if instance.liveness == failure => ("LivenessProbe", "failed liveness probe"),
        () if instance.startup == failure => ("StartupProbe", "failed startup probe"),
        () => return true,
    };
    // Another definition starts whatever the policy says.
    let restarts = instance.definition_changed || pod.restarts_failures();
    let then = if restarts { ", will be restarted" } else { "" };
    if restarts {
        actions.to_start.push(container.place);
    }
    actions.to_kill.push(Kill { name, reason, message: format!("Container {name} {what}{then}") });
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(state: RuntimeState, exit_code: i32) -> Option<Instance> {
        let (liveness, startup) = (None, None);
        Some(Instance { state, exit_code, definition_changed: false, liveness, startup })
    }

    fn wanted(place: u8, role: Role, instance: Option<Instance>) -> WantedContainer<'static> {
        let (name, has_startup_probe, has_liveness_probe) = ("a", false, true);
        WantedContainer { name, place, role, has_startup_probe, has_liveness_probe, instance }
    }

    fn decide<'a>(
        policy: RestartPolicy,
        sandbox: Sandbox,
        containers: &'a [WantedContainer<'a>],
    ) -> PodActions<'a> {
        pod_actions(&SyncedPod { policy, deleting: false, sandbox, containers })
    }

    #[test]
    fn init_containers_come_one_after_the_other_and_sidecars_stay() {
        use RuntimeState::{Exited, Running};
        let pod = |init, sidecar, app| {
            [
                wanted(0, Role::Init, init),
                wanted(1, Role::Sidecar, sidecar),
                wanted(2, Role::Main, app),
            ]
        };
        let (done, up) = (instance(Exited, 0), instance(Running, 0));
        for (containers, init, app) in [
            (pod(None, None, None), &[0][..], &[][..]),
            (pod(instance(Exited, 2), None, None), &[0][..], &[][..]),
            (pod(done, None, None), &[1][..], &[][..]),
            (pod(done, up, None), &[][..], &[2][..]),
            (pod(done, instance(Exited, 1), up), &[1][..], &[][..]),
            (pod(None, None, up), &[1][..], &[][..]),
        ] {
            let actions = decide(RestartPolicy::Always, Sandbox::Ready(0), &containers);
            assert_eq!((&actions.init_to_start[..], &actions.to_start[..]), (init, app));
            assert!(!actions.kill_pod && actions.to_kill.is_empty(), "{actions:?}");
        }
        let failed = pod(instance(Exited, 2), None, None);
        assert!(decide(RestartPolicy::Never, Sandbox::Ready(0), &failed).kill_pod);
    }

    #[test]
    fn a_failed_probe_kills_and_the_policy_says_whether_it_starts_again() {
        let mut running = instance(RuntimeState::Running, 0);
        running.as_mut().expect("there").liveness = Some(ProbeVerdict::Failure);
        let pod = [wanted(0, Role::Main, running)];
        let always = decide(RestartPolicy::Always, Sandbox::Ready(0), &pod);
        assert_eq!(
            always.to_kill[0].message,
            "Container a failed liveness probe, will be restarted"
        );
        assert_eq!((always.to_start, always.kill_pod), (vec![0], false));
        let never = decide(RestartPolicy::Never, Sandbox::Ready(0), &pod);
        assert_eq!(never.to_kill[0].message, "Container a failed liveness probe");
        assert_eq!((never.to_start, never.kill_pod), (vec![], true));
    }

    #[test]
    fn a_new_sandbox_is_made_only_for_something_to_run() {
        let done = [wanted(0, Role::Main, instance(RuntimeState::Exited, 0))];
        let again = decide(RestartPolicy::Always, Sandbox::NotReady(1), &done);
        assert_eq!((again.create_sandbox, again.attempt), (true, 2));
        for policy in [RestartPolicy::OnFailure, RestartPolicy::Never] {
            let over = decide(policy, Sandbox::NotReady(1), &done);
            assert_eq!((over.create_sandbox, over.kill_pod), (false, true), "{policy:?}");
        }
    }
}
