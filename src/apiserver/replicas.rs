//! Writes to ReplicaSets, and the replica ordinals that give pods their addresses.

use std::collections::BTreeSet;

use super::ApiServer;
use crate::cx::Cx;
use crate::model::{TemplateId, WorkloadId};
use crate::state::{ReplicaSetId, ReplicaSetObject, ReplicaSetStatus, Request, Verb};

/// Hands out replica ordinals of one workload: the lowest free one, with a count of how many pods
/// held it before. So the third replica's second pod meets the same luck under every policy.
#[derive(Debug, Default)]
pub struct Ordinals {
    free: BTreeSet<u32>,
    /// How many pods have held each ordinal so far.
    held: Vec<u32>,
}

impl Ordinals {
    /// Takes the lowest free ordinal; returns it and its incarnation.
    ///
    /// # Panics
    /// If a workload has four billion replicas.
    pub fn take(&mut self) -> (u32, u32) {
        let unused = || u32::try_from(self.held.len()).expect("fewer than 2^32 replicas");
        let ordinal = self.free.first().copied().unwrap_or_else(unused);
        (ordinal, self.take_this(ordinal))
    }

    /// Takes an ordinal, whether it is free or not; returns its incarnation.
    pub fn take_this(&mut self, ordinal: u32) -> u32 {
        let at = ordinal as usize;
        for below in self.held.len()..at {
            self.free.insert(u32::try_from(below).expect("below an ordinal"));
        }
        self.held.resize(self.held.len().max(at + 1), 0);
        self.free.remove(&ordinal);
        self.held[at] += 1;
        self.held[at] - 1
    }

    /// Frees an ordinal.
    pub fn release(&mut self, ordinal: u32) {
        self.free.insert(ordinal);
    }
}

impl ApiServer {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends only these requests")]
    pub(super) fn replica_set_request(&mut self, cx: &mut Cx<'_>, request: &Request) {
        match *request {
            Request::CreateReplicaSet { workload, template, replicas, revision, annotations } => {
                self.create_replica_set(cx, workload, template, (replicas, revision), annotations);
            }
            Request::ScaleReplicaSet { replica_set, replicas, annotations } => {
                self.change_replica_set(cx, replica_set, |set| {
                    set.replicas = replicas;
                    (set.desired_annotation, set.max_annotation) = annotations;
                });
            }
            Request::ReviseReplicaSet { replica_set, revision } => {
                self.change_replica_set(cx, replica_set, |set| set.revision = revision);
            }
            Request::ReplicaSetStatus { replica_set, status } => {
                self.change_replica_set(cx, replica_set, |set| set.status = status);
            }
            Request::DeleteReplicaSet { replica_set } => {
                let set = &mut cx.state.api.replica_sets[replica_set];
                if !set.gone && set.replicas == 0 && set.status.replicas == 0 {
                    set.gone = true;
                    self.replica_set_changed(cx, replica_set, Verb::Deleted);
                }
            }
            _ => unreachable!("only requests on ReplicaSets come here"),
        }
    }

    /// Creates a ReplicaSet object and returns its id; `(replicas, revision)`, then the
    /// annotations `(desired, max)`.
    pub fn create_replica_set(
        &mut self,
        cx: &mut Cx<'_>,
        workload: WorkloadId,
        template: TemplateId,
        (replicas, revision): (i32, u32),
        (desired_annotation, max_annotation): (i32, i32),
    ) -> ReplicaSetId {
        let id = cx.state.api.replica_sets.push(ReplicaSetObject {
            workload,
            template,
            revision,
            replicas,
            desired_annotation,
            max_annotation,
            status: ReplicaSetStatus::default(),
            created: cx.now.floor_to_second(),
            gone: false,
        });
        self.replica_set_changed(cx, id, Verb::Added);
        id
    }

    fn change_replica_set(
        &mut self,
        cx: &mut Cx<'_>,
        id: ReplicaSetId,
        change: impl FnOnce(&mut ReplicaSetObject),
    ) {
        let set = &mut cx.state.api.replica_sets[id];
        if set.gone {
            return;
        }
        let before = *set;
        change(set);
        if *set != before {
            self.replica_set_changed(cx, id, Verb::Modified);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_takes_the_lowest_free_ordinal_as_its_next_incarnation() {
        let mut ordinals = Ordinals::default();
        assert_eq!([ordinals.take(), ordinals.take(), ordinals.take()], [(0, 0), (1, 0), (2, 0)]);
        ordinals.release(2);
        ordinals.release(0);
        assert_eq!(ordinals.take(), (0, 1));
        assert_eq!(ordinals.take(), (2, 1));
        assert_eq!(ordinals.take(), (3, 0));
    }

    #[test]
    fn an_ordinal_can_be_asked_for() {
        let mut ordinals = Ordinals::default();
        assert_eq!(ordinals.take_this(2), 0);
        assert_eq!(ordinals.take_this(2), 1);
        assert_eq!([ordinals.take(), ordinals.take(), ordinals.take()], [(0, 0), (1, 0), (3, 0)]);
    }
}
