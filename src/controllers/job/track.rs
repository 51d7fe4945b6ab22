//! The second half of a sync: pods that have ended are counted, lose their finalizers, and the Job
//! gets its last condition.

use std::collections::BTreeSet;

use super::object::{Condition, ConditionKind, JobStatus, Release};
use super::pods::JobPod;
use super::sync::{JobEvent, Sync, count};
use crate::state::Phase;

/// Most pods in `uncountedTerminatedPods`, so that a status stays small.
const MOST_UNCOUNTED: usize = 500;

impl<P: Copy + Ord> Sync<'_, '_, P> {
    /// Counts, releases and ends. `changed`: the status differs already. Gives whether the first
    /// status is written, with which the back-off is kept.
    pub(super) fn track(&mut self, changed: bool) -> bool {
        let tracked = self.pods.iter().filter(|pod| pod.tracked).map(|pod| pod.id);
        let mut tracked: BTreeSet<P> = tracked.collect();
        let mut flush = changed | count_released(&mut self.status, &tracked);
        let (counted, full) = self.count_pods();
        flush |= counted;
        flush |= self.tell_interim();
        if flush {
            self.out.first_status = Some(self.status.clone());
        }
        self.out.release.iter().for_each(|pod| {
            tracked.remove(pod);
        });
        let mut last = count_released(&mut self.status, &tracked);
        if !full && self.enact() {
            last = true;
        }
        if last {
            self.out.status = Some(self.status.clone());
        }
        flush
    }

    fn is_over_by_success(&self) -> bool {
        self.finished.is_some_and(|end| end.kind == ConditionKind::SuccessCriteriaMet)
    }

    /// Lists pods that have ended as uncounted and their finalizers for removal. Gives whether the
    /// status changed, and whether there are too many for one sync.
    fn count_pods(&mut self) -> (bool, bool) {
        let mut order: Vec<&JobPod<'_, P>> = self.pods.iter().filter(|pod| pod.tracked).collect();
        if self.completions().is_some() {
            order.sort_by_key(|pod| pod.index);
        }
        let (mut changed, mut full) = (false, false);
        let mut new_indexes = 0;
        for pod in order {
            let failed = self.has_failed(pod);
            if !self.may_release(pod, failed) {
                continue;
            }
            self.out.release.push(pod.id);
            let was_failed = self.listed.1.contains(&pod.id);
            if pod.phase == Phase::Succeeded && !was_failed {
                if self.completions().is_some() {
                    let new = pod.index.filter(|_| self.has_place(pod));
                    if new.is_some_and(|index| !self.job.status.completed_indexes.has(index)) {
                        new_indexes += 1;
                        changed = true;
                    }
                } else if !self.listed.0.contains(&pod.id) {
                    self.status.uncounted.succeeded.push(pod.id);
                    changed = true;
                }
            } else if (failed || (self.finished.is_some() && !self.is_over_by_success()))
                && !was_failed
                && self.has_place(pod)
                && self.counts(pod)
            {
                // When the Job is over, every pod that has not succeeded has failed.
                self.status.uncounted.failed.push(pod.id);
                changed = true;
            }
            let uncounted = &self.status.uncounted;
            if new_indexes + uncounted.succeeded.len() + uncounted.failed.len() >= MOST_UNCOUNTED {
                full = true;
                break;
            }
        }
        if self.completions().is_some() {
            changed |= self.status.completed_indexes != self.done;
            changed |= self.status.failed_indexes != self.failed_indexes;
            self.status.succeeded = self.done.len();
            self.status.completed_indexes.clone_from(&self.done);
            self.status.failed_indexes.clone_from(&self.failed_indexes);
        }
        (changed, full)
    }

    /// Whether a pod's finalizer may go.
    fn may_release(&self, pod: &JobPod<'_, P>, failed: bool) -> bool {
        if self.job.deleted || self.finished.is_some() || pod.phase == Phase::Succeeded {
            return true;
        }
        let kept = pod.index.and_then(|index| self.delayed.get(&index));
        failed && kept.is_none_or(|kept| kept.id != pod.id)
    }

    /// Tells the condition that comes before the last one.
    fn tell_interim(&mut self) -> bool {
        let Some(end) = self.finished else { return false };
        let last = match end.kind {
            ConditionKind::FailureTarget => ConditionKind::Failed,
            ConditionKind::SuccessCriteriaMet => ConditionKind::Complete,
            ConditionKind::Failed | ConditionKind::Complete | ConditionKind::Suspended => {
                return false;
            }
        };
        let new = self.status.holds(end.kind).is_none();
        if new {
            self.status.set(end);
        }
        self.finished = Some(Condition { kind: last, since: self.now.floor_to_second(), ..end });
        new
    }

    /// Gives the Job its last condition, if all pods are counted.
    fn enact(&mut self) -> bool {
        let Some(end) = self.finished else { return false };
        let waits = match self.release {
            Release::V1_29 => false,
            Release::V1_34 => self.terminating > 0,
        };
        if waits || !self.status.uncounted.is_empty() {
            return false;
        }
        self.status.set(end);
        let events = &mut self.out.events;
        if end.kind == ConditionKind::Complete {
            self.status.completed = Some(end.since);
            if self.job.spec.completions.is_some_and(|all| self.status.succeeded > all) {
                events.push(JobEvent::TooManySucceededPods);
            }
            events.push(JobEvent::Completed);
        } else {
            events.push(JobEvent::Failed(end.reason));
        }
        true
    }
}

/// Counts uncounted pods whose finalizer is gone.
fn count_released<P: Copy + Ord>(status: &mut JobStatus<P>, tracked: &BTreeSet<P>) -> bool {
    let released = |of: &mut Vec<P>| {
        let before = count(of.iter());
        of.retain(|pod| tracked.contains(pod));
        before - count(of.iter())
    };
    let succeeded = released(&mut status.uncounted.succeeded);
    let failed = released(&mut status.uncounted.failed);
    status.succeeded += succeeded;
    status.failed += failed;
    succeeded + failed > 0
}
