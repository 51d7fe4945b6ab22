//! The status that a kubelet reports of a pod: phase, conditions, reason. Pure.

use super::container::{Container, Process};
use super::phase::{self, ContainerReport, ContainerState, PodCondition};
use super::pod::{Pod, Role, Stage, restarts, role, spec};
use crate::base::time::SimTime;
use crate::model::PodTemplate;
use crate::state::{ConditionStatus, ExitCodes, KubeletStatus, Phase, PodReason};

/// The status of a pod as its kubelet has it at `now`.
pub(crate) fn status(pod: &Pod, template: &PodTemplate, now: SimTime) -> KubeletStatus {
    let old = &pod.status;
    let phase = phase(pod, template);
    let finished = phase.is_terminal();
    let all_ready = !finished
        && phase == Phase::Running
        && positions(pod, template)
            .all(|(role, container)| role == Role::Init || container.is_ready());
    let gates: Vec<(&str, Option<ConditionStatus>)> = template
        .readiness_gates
        .iter()
        .zip(&pod.gates)
        .map(|(gate, open)| (gate.condition.as_str(), open.then_some(ConditionStatus::True)))
        .collect();
    let is_ready = phase::ready(PodCondition { holds: all_ready, ..Default::default() }, &gates);
    let initialized = pod.initialized || (finished && old.initialized.is_true());
    let mains = || {
        let main = positions(pod, template).filter(|(role, _)| *role == Role::Main);
        main.map(|(_, container)| container)
    };
    let ran = |container: &&Container| container.instances > 0 && !container.is_running();
    let ended = mains().filter(ran).map(|container| container.finished_at).max();
    let mut exit_codes = ExitCodes::default();
    if finished {
        for (code, container) in exit_codes.iter_mut().zip(mains()) {
            *code = Some(container).filter(ran).map(|c| u8::try_from(c.exit_code).unwrap_or(255));
        }
    }
    let condition = |holds| if holds { ConditionStatus::True } else { ConditionStatus::False };
    KubeletStatus {
        phase,
        reason: reason(pod, template, phase),
        initialized: old.initialized.turned(condition(initialized), now),
        containers_ready: old.containers_ready.turned(condition(all_ready), now),
        ready: old.ready.turned(condition(is_ready.holds), now),
        start_time: old.start_time.or(Some(now.floor_to_second())),
        restarts: pod.containers.iter().map(Container::restarts).max().unwrap_or(0),
        finished: ended.filter(|_| finished).map(SimTime::floor_to_second),
        exit_codes,
        has_ip: pod.has_sandbox || (old.has_ip && pod.stage != Stage::Active),
    }
}

fn positions<'a>(
    pod: &'a Pod,
    template: &'a PodTemplate,
) -> impl Iterator<Item = (Role, &'a Container)> {
    (0..=u8::MAX).zip(pod.containers.iter()).map(|(index, c)| (role(template, index), c))
}

/// The phase; a terminal one stays.
fn phase(pod: &Pod, template: &PodTemplate) -> Phase {
    if pod.status.phase.is_terminal() {
        return pod.status.phase;
    }
    if pod.rejected != PodReason::None && pod.stage == Stage::Stopped {
        return Phase::Failed;
    }
    if pod.stage == Stage::Stopped {
        return pod.final_phase(template);
    }
    phase::phase(reports(pod, template), template.restart_policy, false)
}

/// The statuses of a pod's containers.
fn reports<'a>(
    pod: &'a Pod,
    template: &'a PodTemplate,
) -> impl Iterator<Item = ContainerReport<'a>> {
    (0..=u8::MAX).zip(pod.containers.iter()).map(|(index, container)| {
        let (role, spec) = (role(template, index), spec(template, index));
        let state = match container.seen {
            Process::Running => ContainerState::Running,
            Process::Waiting if container.instances == 0 => ContainerState::Waiting(None),
            // In a new sandbox after an earlier run.
            Process::Waiting => ContainerState::Waiting(Some(container.exit_code)),
            // Killed for its probe, and started again in the same sync, whatever its code; or
            // waiting for its back-off.
            Process::Exited
                if container.in_backoff
                    || (container.stopping.is_some()
                        && restarts(template.restart_policy, role, container)) =>
            {
                ContainerState::Waiting(Some(container.exit_code))
            }
            Process::Exited => ContainerState::Terminated(container.exit_code),
        };
        let (ready, started) = (container.is_ready(), container.started);
        ContainerReport { name: &spec.name, role, state, ready, started }
    })
}

/// The most telling reason.
fn reason(pod: &Pod, template: &PodTemplate, phase: Phase) -> PodReason {
    let any = |test: fn(&Container) -> bool| pod.containers.iter().any(test);
    let pulls = pod.containers.iter().filter_map(|c| c.pulls.as_ref());
    let image = pulls.map(|pulls| pulls.waits).find(|waits| *waits != PodReason::None);
    match () {
        () if pod.rejected != PodReason::None && pod.stage == Stage::Stopped => pod.rejected,
        () if phase.is_terminal() => PodReason::None,
        () if any(|c| c.in_backoff) => PodReason::CrashLoopBackOff,
        () if any(|c| c.config_missing) => PodReason::CreateContainerConfigError,
        () if any(|c| c.image_missing) => PodReason::ErrImageNeverPull,
        () if image.is_some() => image.unwrap_or_default(),
        () if phase != Phase::Pending => PodReason::None,
        () if pod.initialized || template.init_containers.is_empty() => {
            PodReason::ContainerCreating
        }
        () => PodReason::PodInitializing,
    }
}
