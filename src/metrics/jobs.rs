//! Jobs: how many were complete, how many failed, and how long they took.

use std::collections::BTreeMap;

use crate::base::time::SimDuration;
use crate::model::WorkloadId;

/// The Jobs of all workloads that have any.
#[derive(Clone, Debug, Default)]
pub(super) struct Jobs {
    /// By Job or CronJob.
    pub(super) of: BTreeMap<WorkloadId, Ends>,
    /// From start to end of those that were complete, over all.
    pub(super) took: Vec<SimDuration>,
}

/// How the Jobs of one workload ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    /// Complete.
    pub(super) complete: u64,
    /// Failed.
    pub(super) failed: u64,
}

impl Jobs {
    /// A Job was created.
    pub(super) fn created(&mut self, workload: WorkloadId) {
        self.of.entry(workload).or_default();
    }

    /// A Job ended within the window.
    pub(super) fn ended(&mut self, workload: WorkloadId, complete: bool, took: SimDuration) {
        let ends = self.of.entry(workload).or_default();
        if complete {
            ends.complete += 1;
            self.took.push(took);
        } else {
            ends.failed += 1;
        }
    }
}
