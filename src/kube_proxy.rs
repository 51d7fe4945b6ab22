//! kube-proxies: what the kernels of all nodes have as the endpoints of each Service.
//!
//! All proxies that run and reach the API server have heard the same; one that does not keeps the
//! rules it had. So a change costs one event for all of them, and who was stopped when is told by
//! facts alone.
//!
//! Fidelity: all proxies hear of a change at the same instant and write in step, at most once a
//! second (`minSyncPeriod`); the full sync every 30 s changes nothing. Rules have the ready endpoints
//! alone: serving endpoints that are terminating are not fallen back to.

use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::{Event, ProxyEvent};
use crate::record::Fact;

/// Least time between two writes to the kernel (`minSyncPeriod`).
const MIN_SYNC_PERIOD: SimDuration = SimDuration::from_secs(1);

/// The proxies of all nodes.
#[derive(Debug, Default)]
pub struct KubeProxies {
    /// Changes heard of that are not in the rules yet.
    heard: usize,
    /// A write is scheduled.
    planned: bool,
    synced_at: Option<SimTime>,
}

impl KubeProxies {
    /// Handles one event.
    pub fn handle(&mut self, cx: &mut Cx<'_>, event: ProxyEvent) {
        match event {
            ProxyEvent::Changed { changes } => {
                self.heard += changes as usize;
                if !std::mem::replace(&mut self.planned, true) {
                    let earliest = self.synced_at.map(|at| at.saturating_add(MIN_SYNC_PERIOD));
                    let at = earliest.map_or(cx.now, |earliest| earliest.max(cx.now));
                    cx.at(at, Event::Proxy(ProxyEvent::Sync));
                }
            }
            ProxyEvent::Sync => {
                self.planned = false;
                self.synced_at = Some(cx.now);
                let heard = std::mem::take(&mut self.heard);
                let changes: Vec<_> = cx.state.api.endpoint_log.drain(..heard).collect();
                for (service, pod, present) in changes {
                    cx.fact(Fact::ServiceRule { service, pod, present });
                }
            }
            ProxyEvent::Listed { node, epoch } => {
                let truth = &cx.state.truth.nodes[node];
                if truth.proxy_stops == 0 && truth.proxy_epoch == epoch {
                    cx.fact(Fact::ProxySyncs { node, syncs: true });
                }
            }
        }
    }
}
