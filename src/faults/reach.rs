//! Who reaches the API server, and whether it can write: partitions, lost connections,
//! kube-apiserver instances, etcd's members and its leader.
//!
//! A kubelet is *connected* or not; the API server is *writable* or not. What follows from either
//! is decided elsewhere: the API server holds back what cannot be applied, kubelets list again when
//! they are connected again. Here belong the instants: who loses what when, and when it is back.
//!
//! Fidelity: connections are not followed one by one. A kubelet whose instance goes down finds
//! another within 5 to 10 s; after an outage of all of them, or a partition, it connects at the
//! first of its retries (0.8 s, doubled up to 30 s, each up to twice as long) that succeeds. The
//! watches of kube-scheduler and kube-controller-manager stay, as long as their processes do.

use super::processes;
use super::{Faults, schedule};
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::{ApiEvent, ControllerEvent, Event, FaultEvent, KubeletEvent, Watcher};
use crate::model::{FaultId, NodeId};
use crate::record::Fact;
use crate::rng::{Stream, StreamKind};
use crate::state::Heartbeat;

/// First and longest wait of a client that has lost its connection (client-go's reflector).
const RETRY_FIRST: SimDuration = SimDuration::from_millis(800);
const RETRY_MAX: SimDuration = SimDuration::from_secs(30);

/// When a kubelet whose instance of several went down has found another: uniform between these.
const OTHER_INSTANCE_S: [f64; 2] = [5.0, 10.0];

/// When the kernel gives up a connection that nobody answers on, at the default of 15 retries.
const KERNEL_TIMEOUT: SimDuration = SimDuration::from_secs(925);

/// Votes are split, and etcd elects again, if the two quickest candidates are this close.
const SPLIT_VOTE_S: f64 = 0.010;

/// Blocks of random words set aside for one reconnection.
const DRAWS: u64 = 1 << 16;

/// What a node waits for before it is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// The first retry after the obstacle is gone; it began then.
    Retry {
        /// When the connection was lost.
        since: SimTime,
    },
    /// Another instance.
    OtherInstance,
    /// Until then.
    Until(SimTime),
}

impl Faults {
    /// One cause more that keeps nodes from the API server.
    pub(super) fn cut(&mut self, cx: &mut Cx<'_>, nodes: &[NodeId]) {
        for &node in nodes {
            cx.state.truth.nodes[node].cuts += 1;
            self.disconnect(cx, node);
        }
        processes::stop_proxies(cx, nodes);
    }

    /// One cause less.
    pub(super) fn mend(&mut self, cx: &mut Cx<'_>, nodes: &[NodeId]) {
        for &node in nodes {
            let truth = &mut cx.state.truth.nodes[node];
            truth.cuts = truth.cuts.saturating_sub(1);
            let since = self.lost_at[node];
            self.plan_connection(cx, node, Wait::Retry { since });
        }
        processes::start_proxies(cx, nodes);
    }

    /// The connections of kubelets hang. They are given up after the heartbeat's time-out where
    /// there is one, or else by the kernel; at the end of the fault at the latest.
    pub(super) fn hang_connections(&mut self, cx: &mut Cx<'_>, nodes: &[NodeId], ends: SimTime) {
        for &node in nodes {
            self.disconnect(cx, node);
            let gives_up = match cx.model.recovery.heartbeat_timeout {
                // The next renewal of the lease waits for its answer in vain.
                Some(timeout) => Self::next_renewal(cx, node).saturating_add(timeout),
                None => cx.now.saturating_add(KERNEL_TIMEOUT),
            };
            self.plan_connection(cx, node, Wait::Until(gives_up.min(ends)));
        }
    }

    /// Instances of kube-apiserver go down.
    pub(super) fn servers_down(&mut self, cx: &mut Cx<'_>, fault: FaultId, instances: Option<u32>) {
        let all = cx.model.control_plane.api_servers;
        let down = instances.unwrap_or(all).min(all);
        let before = cx.state.truth.api.servers_down;
        let was_writable = cx.state.truth.api.writable(cx.model);
        cx.state.truth.api.servers_down += down;
        let up_before = all.saturating_sub(before);
        let up = all.saturating_sub(before + down);
        for node in cx.model.nodes.ids() {
            if up == 0 {
                self.disconnect(cx, node);
            } else if Self::is_hit(cx, (fault, node), (up_before - up, up_before)) {
                self.disconnect(cx, node);
                self.plan_connection(cx, node, Wait::OtherInstance);
            }
        }
        self.writability(cx, was_writable);
    }

    /// Instances of kube-apiserver are back.
    pub(super) fn servers_up(&mut self, cx: &mut Cx<'_>, instances: Option<u32>) {
        let all = cx.model.control_plane.api_servers;
        let api = &mut cx.state.truth.api;
        let (answered, was_writable) = (api.answers(cx.model), api.writable(cx.model));
        api.servers_down = api.servers_down.saturating_sub(instances.unwrap_or(all).min(all));
        if !answered && api.answers(cx.model) {
            for node in cx.model.nodes.ids() {
                let since = self.lost_at[node];
                self.plan_connection(cx, node, Wait::Retry { since });
            }
        }
        self.writability(cx, was_writable);
    }

    /// etcd members go down, the leader among them.
    pub(super) fn members_down(&mut self, cx: &mut Cx<'_>, members: u32) {
        let was_writable = cx.state.truth.api.writable(cx.model);
        let api = &mut cx.state.truth.api;
        api.members_down += members;
        api.etcd_leads = false;
        self.writability(cx, was_writable);
        self.elect_etcd_leader(cx);
    }

    /// etcd members are back; whoever leads goes on leading.
    pub(super) fn members_up(&mut self, cx: &mut Cx<'_>, members: u32) {
        let api = &mut cx.state.truth.api;
        api.members_down = api.members_down.saturating_sub(members);
        if !api.etcd_leads {
            self.elect_etcd_leader(cx);
        }
    }

    /// If enough members are up, they elect a leader: each waits for its own time between one and
    /// two election timeouts, and the first asks for votes. Members that stand too close to each
    /// other split the votes and wait again.
    fn elect_etcd_leader(&mut self, cx: &mut Cx<'_>) {
        let plane = &cx.model.control_plane;
        let up = plane.etcd_members.saturating_sub(cx.state.truth.api.members_down);
        cx.state.truth.api.epoch += 1;
        if up < plane.etcd_members / 2 + 1 {
            return;
        }
        let epoch = cx.state.truth.api.epoch;
        let mut stream = cx.streams.stream(StreamKind::EtcdElection, u64::from(epoch));
        let timeout = plane.etcd_election_timeout;
        let mut elected = cx.now;
        loop {
            let mut waits: Vec<f64> = (0..up).map(|_| 1.0 + stream.uniform()).collect();
            waits.sort_by(f64::total_cmp);
            let wait = SimDuration::from_secs_f64(timeout.as_secs_f64() * waits[0]);
            elected = elected.saturating_add(wait.unwrap_or(SimDuration::MAX));
            let split = |second: &f64| (second - waits[0]) * timeout.as_secs_f64() < SPLIT_VOTE_S;
            if !waits.get(1).is_some_and(split) {
                break;
            }
        }
        schedule(cx, elected, FaultEvent::EtcdLeader { epoch });
    }

    /// etcd has a leader.
    pub(super) fn etcd_leader(&mut self, cx: &mut Cx<'_>, epoch: u32) {
        if cx.state.truth.api.epoch != epoch {
            return;
        }
        let was_writable = cx.state.truth.api.writable(cx.model);
        cx.state.truth.api.etcd_leads = true;
        self.writability(cx, was_writable);
    }

    /// What follows if the API server can write no more, or again.
    fn writability(&mut self, cx: &mut Cx<'_>, was_writable: bool) {
        let writable = cx.state.truth.api.writable(cx.model);
        if writable == was_writable {
            return;
        }
        if !writable {
            self.write_losses += 1;
            self.unwritable_since = cx.now;
        }
        cx.fact(Fact::ApiWritable { writable });
        for node in cx.model.nodes.ids() {
            if writable {
                Self::plan_renewal(cx, node);
            } else {
                refresh_heartbeat(cx, node);
            }
        }
        for component in Watcher::ALL {
            if writable {
                self.stand_again(cx, component);
            } else {
                self.plan_exit(cx, component);
            }
        }
        if writable {
            cx.at(cx.now, Event::Api(ApiEvent::Writable));
        }
    }

    /// A node loses its connection, if it has one.
    fn disconnect(&mut self, cx: &mut Cx<'_>, node: NodeId) {
        let truth = &mut cx.state.truth.nodes[node];
        truth.link_epoch += 1;
        if !truth.connected {
            return;
        }
        let reached = truth.reaches_api();
        truth.connected = false;
        self.lost_at[node] = cx.now;
        if reached {
            cx.fact(Fact::NodeConnected { node, connected: false });
        }
        refresh_heartbeat(cx, node);
    }

    /// Plans when a node is connected again, unless something still keeps it from it.
    fn plan_connection(&mut self, cx: &mut Cx<'_>, node: NodeId, wait: Wait) {
        let truth = &mut cx.state.truth.nodes[node];
        truth.link_epoch += 1;
        if truth.connected || truth.cuts > 0 || !cx.state.truth.api.answers(cx.model) {
            return;
        }
        let mut stream = cx.streams.stream(StreamKind::Reconnection, cx.model.nodes[node].address);
        stream.seek(u64::from(cx.state.truth.nodes[node].link_epoch) * DRAWS);
        let at = match wait {
            Wait::Retry { since } => first_retry(since, cx.now, &mut stream),
            Wait::OtherInstance => {
                let [least, most] = OTHER_INSTANCE_S;
                let wait = least + (most - least) * stream.uniform();
                cx.now.saturating_add(SimDuration::from_secs_f64(wait).unwrap_or(SimDuration::ZERO))
            }
            Wait::Until(at) => at,
        };
        let epoch = cx.state.truth.nodes[node].link_epoch;
        schedule(cx, at.max(cx.now), FaultEvent::Connected { node, epoch });
    }

    /// A kubelet is connected: it lists its pods and sends what it could not.
    pub(super) fn connected(&mut self, cx: &mut Cx<'_>, node: NodeId, epoch: u32) {
        let truth = &mut cx.state.truth.nodes[node];
        if truth.link_epoch != epoch || truth.connected {
            return;
        }
        truth.connected = true;
        let (up, reaches) = (truth.up, truth.reaches_api());
        if reaches {
            cx.fact(Fact::NodeConnected { node, connected: true });
        }
        cx.at(cx.now, Event::Api(ApiEvent::Connected { node }));
        if up && reaches {
            cx.at(cx.now, Event::Kubelet(KubeletEvent::Connected { node }));
        }
        Self::plan_renewal(cx, node);
    }

    /// A kubelet tries to renew its lease at its next tick.
    fn plan_renewal(cx: &mut Cx<'_>, node: NodeId) {
        if !beats(cx, node) {
            return;
        }
        let epoch = cx.state.truth.nodes[node].link_epoch;
        let at = Self::next_renewal(cx, node);
        schedule(cx, at, FaultEvent::Renewal { node, epoch });
    }

    /// The next tick of a node's lease, now included.
    fn next_renewal(cx: &Cx<'_>, node: NodeId) -> SimTime {
        let interval = cx.model.control_plane.lease_renew_interval.as_nanos().max(1);
        let phase = cx.state.truth.nodes[node].lease_phase.as_nanos() % interval;
        let into = (cx.now.as_nanos() % interval + interval - phase) % interval;
        cx.now.saturating_add(SimDuration::from_nanos((interval - into) % interval))
    }

    /// Whether one of `up` instances that a node is connected to by lot is among `down` of them.
    fn is_hit(cx: &Cx<'_>, (fault, node): (FaultId, NodeId), (down, up): (u32, u32)) -> bool {
        let entity = cx.model.nodes[node].address ^ (fault.index() as u64) << 48;
        let mut stream = cx.streams.stream(StreamKind::ApiInstance, entity);
        stream.below(u64::from(up.max(1))) < u64::from(down)
    }
}

/// A tick of a node's lease after a break.
pub(super) fn renewal(cx: &mut Cx<'_>, node: NodeId, epoch: u32) {
    if cx.state.truth.nodes[node].link_epoch == epoch {
        refresh_heartbeat(cx, node);
    }
}

/// Whether a node's kubelet can renew its lease.
fn beats(cx: &Cx<'_>, node: NodeId) -> bool {
    let truth = &cx.state.truth.nodes[node];
    truth.up && truth.reaches_api() && cx.state.truth.api.writable(cx.model)
}

/// Sets whether a node renews its lease by what is so now; renewals begin now if they do.
pub(super) fn refresh_heartbeat(cx: &mut Cx<'_>, node: NodeId) {
    let beats = beats(cx, node);
    let interval = cx.model.control_plane.lease_renew_interval;
    let truth = &mut cx.state.truth.nodes[node];
    truth.heartbeat = match (truth.heartbeat, beats) {
        (Heartbeat::Beating { .. }, false) => {
            Heartbeat::Silent { last: truth.last_renewal(cx.now, interval) }
        }
        (Heartbeat::Silent { .. }, true) => Heartbeat::Beating { since: cx.now },
        (Heartbeat::Beating { .. }, true) | (Heartbeat::Silent { .. }, false) => return,
    };
    cx.at(cx.now, Event::Controller(ControllerEvent::Heartbeat { node }));
}

/// The first retry at or after `back` of a client that lost its connection at `since` and has been
/// trying since.
fn first_retry(since: SimTime, back: SimTime, stream: &mut Stream) -> SimTime {
    let (mut at, mut wait) = (since, RETRY_FIRST);
    while at < back {
        let jittered = wait.as_secs_f64() * (1.0 + stream.uniform());
        at = at.saturating_add(SimDuration::from_secs_f64(jittered).unwrap_or(RETRY_MAX));
        wait = wait.saturating_mul(2).min(RETRY_MAX);
    }
    at
}
