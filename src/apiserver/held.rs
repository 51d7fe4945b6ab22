//! Requests that cannot be applied now: their kubelet is cut off, or nothing can be written.
//!
//! Clients do not give up: a kubelet reports its pods' newest status once it is connected again,
//! everybody else tries again until it works or the process ends. It knows nothing of what the
//! requests ask.
//!
//! Fidelity: single retries are left out; what waits is sent again at once when it can be applied.
//! A request that its dead process had not seen answered dies with it.

use crate::cx::Cx;
use crate::model::NodeId;
use crate::state::{Client, Request, Sent};

/// Requests that wait, in the order in which they were to be applied.
#[derive(Debug, Default)]
pub(super) struct Held {
    waiting: Vec<Sent>,
}

impl Held {
    /// The request, if it can be applied now; otherwise it waits, or is dropped with its process.
    pub(super) fn admit(&mut self, cx: &Cx<'_>, sent: Sent) -> Option<Request> {
        if let Some(process) = sent.client.process() {
            let truth = cx.state.truth.process(process);
            if !truth.leading || truth.epoch != sent.epoch {
                return None;
            }
        }
        if reaches(cx, sent.client) {
            return Some(sent.request);
        }
        if !is_alive(cx, &sent) {
            return None;
        }
        if let Some(pod) = reported_pod(&sent.request) {
            // Only the newest status of a pod is of interest.
            self.waiting.retain(|other| reported_pod(&other.request) != Some(pod));
        }
        self.waiting.push(sent);
        None
    }

    /// Sends what waited, of one kubelet or of everybody, and can be applied now.
    pub(super) fn release(&mut self, cx: &mut Cx<'_>, node: Option<NodeId>) {
        let of_node = |client| node.is_none_or(|node| client == Client::Kubelet(node));
        let (going, staying) = std::mem::take(&mut self.waiting)
            .into_iter()
            .filter(|sent| is_alive(cx, sent))
            .partition(|sent| of_node(sent.client) && reaches(cx, sent.client));
        self.waiting = staying;
        let going: Vec<Sent> = going;
        for sent in going {
            cx.send(sent, cx.now);
        }
    }
}

/// Whether who asked can still try again: a kubelet cannot once its machine has lost power.
fn is_alive(cx: &Cx<'_>, sent: &Sent) -> bool {
    !matches!(sent.client, Client::Kubelet(_)) || cx.state.truth.epoch_of(sent.client) == sent.epoch
}

/// Whether a client's requests can be applied now.
fn reaches(cx: &Cx<'_>, client: Client) -> bool {
    let connected = match client {
        Client::Kubelet(node) => cx.state.truth.is_connected(node),
        Client::Scheduler
        | Client::Deployment
        | Client::ReplicaSet
        | Client::EndpointSlice
        | Client::NodeLifecycle
        | Client::TaintEviction
        | Client::PodGc
        | Client::Disruption
        | Client::StatefulSet
        | Client::DaemonSet
        | Client::Job
        | Client::CronJob
        | Client::Operator => true,
    };
    connected && cx.state.truth.api.writable(cx.model)
}

/// The pod whose status a kubelet reports.
#[expect(clippy::wildcard_enum_match_arm, reason = "only one request is replaced by a newer one")]
fn reported_pod(request: &Request) -> Option<crate::model::PodId> {
    match request {
        Request::PodStatus { pod, .. } => Some(*pod),
        _ => None,
    }
}
