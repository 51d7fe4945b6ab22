//! What the probes of a pod say beside what is so.
//!
//! **False positive.** A probe's kept result (after `failureThreshold`) turns to failure while the
//! pod can serve in truth. For liveness and startup probes also: it kills a container that would
//! have recovered, or finished its start-up, by itself. An answer that is slow, or wrong now and
//! then, counts as serving: what the probe then does is take all of it away.
//!
//! **Miss.** Time in which all app containers of a pod run and all probes of a kind pass, though
//! the pod, which has served since its containers last started, cannot serve in truth. The time
//! that a probe takes to notice is part of it.

use crate::model::{PodTemplate, ProbeKind};
use crate::record::ExitCause;

/// All kinds, in the order of their positions in arrays.
pub(super) const KINDS: [ProbeKind; 3] =
    [ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness];

/// Position of a kind in arrays.
pub(super) fn place(kind: ProbeKind) -> usize {
    match kind {
        ProbeKind::Startup => 0,
        ProbeKind::Liveness => 1,
        ProbeKind::Readiness => 2,
    }
}

/// Containers of a pod as a bit set; those beyond 64 are left out.
fn bit(container: usize) -> u64 {
    u32::try_from(container).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or(0)
}

/// Which containers of a template have probes of each kind.
pub(super) fn declared(template: &PodTemplate) -> [u64; 3] {
    let containers = template.init_containers.iter().chain(&template.containers);
    let mut declared = [0; 3];
    for (position, container) in containers.enumerate() {
        for kind in KINDS {
            if container.probe(kind).is_some() {
                declared[place(kind)] |= bit(position);
            }
        }
    }
    declared
}

/// The probes of one pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probes {
    declared: [u64; 3],
    /// Containers whose probe does not pass now.
    failing: [u64; 3],
    /// The pod has served since its containers last started.
    served: bool,
    /// Containers condemned by a result that counts as a false positive already.
    counted: u64,
}

impl Probes {
    /// Before the first container has started.
    pub(super) fn new(declared: [u64; 3]) -> Self {
        Self { declared, failing: declared, served: false, counted: 0 }
    }

    /// A container has started: its liveness probe counts as passing until it fails, the others
    /// as failing until they pass. One that a settled start placed has passed all of them.
    pub(super) fn started(&mut self, container: u8, settled: bool) {
        let bit = bit(container.into());
        for kind in KINDS {
            let failing = &mut self.failing[place(kind)];
            if settled || kind == ProbeKind::Liveness {
                *failing &= !bit;
            } else {
                *failing |= self.declared[place(kind)] & bit;
            }
        }
        self.served = false;
    }

    /// The pod serves.
    pub(super) fn served(&mut self) {
        self.served = true;
    }

    /// A kept result changes. Returns whether it is a false positive, as far as is known yet.
    pub(super) fn result(
        &mut self,
        container: u8,
        kind: ProbeKind,
        passing: bool,
        serving: bool,
    ) -> bool {
        let bit = bit(container.into());
        let failing = &mut self.failing[place(kind)];
        if passing {
            *failing &= !bit;
            return false;
        }
        *failing |= bit;
        if serving && kind != ProbeKind::Readiness {
            self.counted |= bit;
        }
        serving
    }

    /// A container's process ends. Returns the probe whose kill turns out to be a false positive
    /// only now.
    pub(super) fn exited(
        &mut self,
        container: u8,
        cause: ExitCause,
        unneeded: bool,
    ) -> Option<ProbeKind> {
        let bit = bit(container.into());
        let known = self.counted & bit != 0;
        self.counted &= !bit;
        let kind = match cause {
            ExitCause::LivenessProbe => ProbeKind::Liveness,
            ExitCause::StartupProbe => ProbeKind::Startup,
            ExitCause::Itself
            | ExitCause::PostStartHook
            | ExitCause::OutOfMemory
            | ExitCause::Terminated
            | ExitCause::NodeLost => return None,
        };
        (unneeded && !known).then_some(kind)
    }

    /// For each kind, whether its probes miss that a running pod does not serve.
    pub(super) fn missing(&self, running: bool, serving: bool) -> [bool; 3] {
        let broken = running && !serving && self.served;
        KINDS.map(|kind| {
            let at = place(kind);
            broken && self.declared[at] != 0 && self.failing[at] == 0
        })
    }
}

/// The verdicts of a workload's probes, summed up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Verdicts {
    /// False positives within the window.
    pub(super) false_positives: [u64; 3],
    /// Restarts within the window.
    pub(super) restarts: u64,
    /// Of these, after kills that were not needed.
    pub(super) unneeded: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_bits() {
        assert_eq!((bit(0), bit(63), bit(64)), (1, 1 << 63, 0));
    }

    #[test]
    fn a_kill_counts_once() {
        let mut probes = Probes::new([0, 1, 1]);
        probes.started(0, false);
        probes.served();
        assert!(probes.result(0, ProbeKind::Liveness, false, true));
        assert_eq!(probes.exited(0, ExitCause::LivenessProbe, true), None, "known already");
        probes.started(0, false);
        assert!(!probes.result(0, ProbeKind::Liveness, false, false));
        let late = probes.exited(0, ExitCause::LivenessProbe, true);
        assert_eq!(late, Some(ProbeKind::Liveness), "it would have recovered");
        assert_eq!(probes.exited(0, ExitCause::NodeLost, true), None);
    }
}
