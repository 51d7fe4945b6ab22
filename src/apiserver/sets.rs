//! Writes to StatefulSets and DaemonSets.

use super::ApiServer;
use crate::cx::Cx;
use crate::event::Resource;
use crate::model::{TemplateId, WorkloadId};
use crate::record::Fact;
use crate::state::{
    Change, DaemonSetObject, DaemonSetStatus, StatefulSetObject, StatefulSetStatus, Verb,
};

impl ApiServer {
    /// Creates a StatefulSet object.
    pub fn create_stateful_set(
        &mut self,
        cx: &mut Cx<'_>,
        workload: WorkloadId,
        object: StatefulSetObject,
    ) {
        cx.state.api.stateful_sets.insert(workload, object);
        self.stateful_set_changed(cx, workload);
    }

    /// Creates a DaemonSet object.
    pub fn create_daemon_set(
        &mut self,
        cx: &mut Cx<'_>,
        workload: WorkloadId,
        object: DaemonSetObject,
    ) {
        cx.state.api.daemon_sets.insert(workload, object);
        self.daemon_set_changed(cx, workload);
    }

    /// Another pod template is applied to a StatefulSet or a DaemonSet.
    pub(super) fn set_template(
        &mut self,
        cx: &mut Cx<'_>,
        workload: WorkloadId,
        template: TemplateId,
    ) {
        let revision = cx.model.templates[template].revision;
        if let Some(set) = cx.state.api.stateful_sets.get_mut(&workload) {
            if std::mem::replace(&mut set.revision, revision) != revision {
                self.stateful_set_changed(cx, workload);
            }
        } else if let Some(set) = cx.state.api.daemon_sets.get_mut(&workload)
            && std::mem::replace(&mut set.template, template) != template
        {
            set.rolled_out = None;
            self.daemon_set_changed(cx, workload);
        }
    }

    pub(super) fn stateful_set_status(
        &mut self,
        cx: &mut Cx<'_>,
        workload: WorkloadId,
        status: StatefulSetStatus,
    ) {
        let Some(set) = cx.state.api.stateful_sets.get_mut(&workload) else { return };
        if set.status == status {
            return;
        }
        let rolling = |of: &StatefulSetStatus| of.current_revision != of.update_revision;
        let completes = rolling(&set.status) && !rolling(&status);
        set.status = status;
        if completes {
            cx.fact(Fact::RolloutComplete { workload });
        }
        self.stateful_set_changed(cx, workload);
    }

    pub(super) fn daemon_set_status(
        &mut self,
        cx: &mut Cx<'_>,
        workload: WorkloadId,
        status: DaemonSetStatus,
    ) {
        let Some(set) = cx.state.api.daemon_sets.get_mut(&workload) else { return };
        if set.status == status {
            return;
        }
        let desired = set.status.desired;
        set.status = status;
        let complete = status.updated == status.desired && status.available == status.desired;
        let completes = complete && set.rolled_out != Some(set.template);
        if completes {
            set.rolled_out = Some(set.template);
            cx.fact(Fact::RolloutComplete { workload });
        }
        if status.desired != desired {
            cx.fact(Fact::ReplicasDesired { workload, replicas: status.desired });
        }
        self.daemon_set_changed(cx, workload);
    }

    pub(super) fn stateful_set_changed(&mut self, cx: &mut Cx<'_>, workload: WorkloadId) {
        let Some(&object) = cx.state.api.stateful_sets.get(&workload) else { return };
        self.publish(cx, Resource::StatefulSets, |api, deliveries| {
            let change = Change { verb: Verb::Modified, id: workload, object };
            api.stateful_set_log.append(change, deliveries)
        });
    }

    fn daemon_set_changed(&mut self, cx: &mut Cx<'_>, workload: WorkloadId) {
        let Some(&object) = cx.state.api.daemon_sets.get(&workload) else { return };
        self.publish(cx, Resource::DaemonSets, |api, deliveries| {
            let change = Change { verb: Verb::Modified, id: workload, object };
            api.daemon_set_log.append(change, deliveries)
        });
    }
}
