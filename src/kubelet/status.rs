//! The status that a kubelet reports of a pod: phase, conditions, reason. Pure.

use super::container::{Container, Process};
use super::pod::{Pod, Role, Stage, restarts, role};
use crate::base::time::SimTime;
use crate::model::{PodTemplate, RestartPolicy};
use crate::state::{ConditionStatus, KubeletStatus, Phase, PodReason};

/// The status of a pod as its kubelet has it at `now`.
pub(crate) fn status(pod: &Pod, template: &PodTemplate, now: SimTime) -> KubeletStatus {
    let old = &pod.status;
    let phase = phase(pod, template);
    let finished = phase.is_terminal();
    let all_ready = !finished
        && phase == Phase::Running
        && positions(pod, template)
            .all(|(role, container)| role == Role::Init || container.is_ready());
    let initialized = pod.initialized || (finished && old.initialized.is_true());
    let condition = |holds| if holds { ConditionStatus::True } else { ConditionStatus::False };
    KubeletStatus {
        phase,
        reason: reason(pod, template, phase),
        initialized: old.initialized.turned(condition(initialized), now),
        containers_ready: old.containers_ready.turned(condition(all_ready), now),
        ready: old.ready.turned(condition(all_ready), now),
        start_time: old.start_time.or(Some(now.floor_to_second())),
        restarts: pod.containers.iter().map(Container::restarts).max().unwrap_or(0),
        has_ip: pod.has_sandbox || (old.has_ip && pod.stage != Stage::Active),
    }
}

fn positions<'a>(
    pod: &'a Pod,
    template: &'a PodTemplate,
) -> impl Iterator<Item = (Role, &'a Container)> {
    (0..=u8::MAX).zip(pod.containers.iter()).map(|(index, c)| (role(template, index), c))
}

/// The phase, by the kubelet's `getPhase`; a terminal phase stays.
fn phase(pod: &Pod, template: &PodTemplate) -> Phase {
    if pod.status.phase.is_terminal() {
        return pod.status.phase;
    }
    if pod.rejected != PodReason::None {
        return Phase::Failed;
    }
    if pod.stage == Stage::Stopped {
        return pod.final_phase(template);
    }
    let policy = template.restart_policy;
    let (mut pending, mut running, mut restarting, mut failed) = (false, false, false, false);
    for (role, container) in positions(pod, template) {
        match (role, container.seen) {
            (Role::Init, Process::Exited) if container.exit_code == 0 => {}
            (Role::Init, Process::Exited) if policy == RestartPolicy::Never => {
                return Phase::Failed;
            }
            (Role::Init, _) => pending |= !pod.initialized,
            (Role::Sidecar, process) => {
                pending |= !pod.initialized && !container.started;
                running |= process == Process::Running;
            }
            (Role::Main, Process::Waiting) if container.instances == 0 => pending = true,
            // Waiting in a new sandbox after an earlier run counts as stopped.
            (Role::Main, Process::Waiting) => restarting = true,
            (Role::Main, Process::Running) => running = true,
            (Role::Main, Process::Exited) => {
                restarting |= restarts(policy, role, container);
                failed |= container.exit_code != 0;
            }
        }
    }
    let mains_run = running || restarting;
    match () {
        () if pending => Phase::Pending,
        () if mains_run => Phase::Running,
        () if failed => Phase::Failed,
        () => Phase::Succeeded,
    }
}

/// The most telling reason.
fn reason(pod: &Pod, template: &PodTemplate, phase: Phase) -> PodReason {
    let any = |test: fn(&Container) -> bool| pod.containers.iter().any(test);
    let pulls = pod.containers.iter().filter_map(|c| c.pulls.as_ref());
    let image = pulls.map(|pulls| pulls.waits).find(|waits| *waits != PodReason::None);
    match () {
        () if pod.rejected != PodReason::None => pod.rejected,
        () if phase.is_terminal() => PodReason::None,
        () if any(|c| c.in_backoff) => PodReason::CrashLoopBackOff,
        () if any(|c| c.image_missing) => PodReason::ErrImageNeverPull,
        () if image.is_some() => image.unwrap_or_default(),
        () if phase != Phase::Pending => PodReason::None,
        () if pod.initialized || template.init_containers.is_empty() => {
            PodReason::ContainerCreating
        }
        () => PodReason::PodInitializing,
    }
}
